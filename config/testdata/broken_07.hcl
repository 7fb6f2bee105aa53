# Relations between boxes.
box "a" { # ERROR: boxes wait for each other | a → b → a
  image      = "debian"
  depends_on = ["b"]
}
box "b" {
  image      = "debian"
  depends_on = ["a", "nope"] # ERROR: no box "nope"
}
box "c" {
  image      = "debian"
  depends_on = ["c"] # ERROR: box "c" depends on itself
  primary    = true
}
box "d" {
  image        = "debian"
  primary      = true # ERROR: boxes "c" and "d" are both primary
  network_mode = "box:zzz" # ERROR: no box of that name
}
box "e" {
  image        = "debian"
  network_mode = "box:a"
  hostname     = "x" # ERROR: `hostname` does not go with
  aliases      = ["y"] # ERROR: `aliases` does not go with
  dns          = ["1.1.1.1"] # ERROR: `dns` does not go with
  extra_hosts  = { h = "1.1.1.1" } # ERROR: `extra_hosts` does not go with
  port "80" {} # ERROR: port "80" does not go with
  network "default" {} # ERROR: network "default" does not go with
}
box "f" {
  image = "debian"
  count = 2
}
box "f-1" { # ERROR: have the same name
  image        = "debian"
  network_mode = "weird" # ERROR: expected "bridge", "host"
}
