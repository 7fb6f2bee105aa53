# Names and labels.
box "Web" { # ERROR: "Web" cannot name a box
  image = "a"
}
box "localhost" { # ERROR: a name other than localhost
  image = "a"
}
box "-x" { # ERROR: cannot name a box
  image = "a"
}
box { # ERROR: `box` needs a name
  image = "a"
}
box "a" "b" { # ERROR: too many labels
  image = "a"
}
variable "Foo" { # ERROR: cannot name a variable
  default = 1
}
volume "-v" {} # ERROR: cannot name a volume
network "a b" {} # ERROR: cannot name a network
box "ok" {
  image = "a"
  tmpfs "relative" {} # ERROR: cannot name a tmpfs
  file "/proc/x" { content = "" } # ERROR: cannot name a file
  share "~other/x" { target = "/x" } # ERROR: of home directories only your own
  setup "A" { run = "x" } # ERROR: cannot name a setup
  provision "deps" { run = "x" }
  provision "deps" { run = "y" } # ERROR: provision "deps" is written twice | the first stands at line 28
  setup "s" { run = "x" }
  setup "s" { run = "x" } # ERROR: setup "s" is written twice
  port "http" { guest = 1 }
  port "http" { guest = 2 } # ERROR: port "http" is written twice
}
box "ok" { # ERROR: box "ok" is written twice
  image = "a"
}
