# Not built yet: refused by name.
secret "s" {} # ERROR: the block `secret` is not built yet
cache "c" {} # ERROR: the block `cache` is not built yet
box "a" {
  from = "go" # ERROR: `from` with a definition outside the Envfile is not built yet
  with = {} # ERROR: `with` is not built yet
  image = "debian"
  on "up" {} # ERROR: the block `on` is not built yet
  secret "s" {} # ERROR: the block `secret` is not built yet
  cache "c" {} # ERROR: the block `cache` is not built yet
  on = {} # ERROR: the block `on` is not built yet
  secret = "s" # ERROR: the block `secret` is not built yet
}
