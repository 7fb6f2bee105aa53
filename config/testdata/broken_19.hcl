# Names too long together, constraint, top level.
envy {
  name     = "a23456789012345678901234567890123456789012345678901234567890"
  requires = "at least one" # ERROR: a version constraint
}
envy { # ERROR: the block `envy` is written twice
}
box "web" { # ERROR: longer than 63
  image = "debian"
  count = 2
}
volume "v" {
  external = "a/b" # ERROR: the engine's name
  target   = "/x" # ERROR: no attribute `target`
}
