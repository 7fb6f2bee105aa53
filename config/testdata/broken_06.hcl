# Not built yet: refused by name.
secret "s" {} # ERROR: the block `secret` is not built yet
box "a" {
  from = "none" # ERROR: `from`: there are no definitions here
  with = {}
  image = "debian"
  on "up" {} # ERROR: the block `on` is not built yet
  secret "s" {} # ERROR: the block `secret` is not built yet
  cache "c" {} # ERROR: the block `cache` is not built yet
  on = {} # ERROR: the block `on` is not built yet
  secret = "s" # ERROR: the block `secret` is not built yet
}
