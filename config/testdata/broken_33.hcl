# The team's cache.
cache { # ERROR: the block `cache` needs `registry`
}
box "a" {
  image = "debian"
}
