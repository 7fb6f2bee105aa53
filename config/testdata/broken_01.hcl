envy {
  nmae = "shop" # ERROR: did you mean `name`?
}

bxo "web" { # ERROR: did you mean `box`?
}

box "web" {
  imagee     = "debian" # ERROR: no attribute `imagee` in box "web" |  | did you mean `image`?
  image      = "debian"
  memory     = "lots" # ERROR: `memory`: expected a size
  restart    = "sometimes" # ERROR: `restart`: expected "no"
  depends_on = ["dbb"] # ERROR: did you mean `db`?
  env        = { "9X" = "a" } # ERROR: expected as name of a variable
  command    = var.nothere # ERROR: no variable `nothere`
  port "http" {} # ERROR: needs `guest`
  share "src" {} # ERROR: needs `target`
}

box "db" {
  image = "postgres:16"
}
