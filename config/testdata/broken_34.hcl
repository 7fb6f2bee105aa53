cache {
  registry = "team/cache:1" # ERROR: a repository with its registry and without a tag
  trust    = ["x"] # ERROR: no attribute `trust` in the block `cache`
}
box "a" {
  image = "debian"
}
