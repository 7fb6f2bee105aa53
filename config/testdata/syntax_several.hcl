# An error in one value hides none elsewhere.
locals {
  a = "x ${1 +* 2}" # ERROR: Invalid expression
}
box "a" {
  image  = "debian"
  memory = "lots" # ERROR: expected a size
  setup "s" {
    run = <<-EOT
      echo ${HOME:-/root}
    EOT
  }
  provision "p" {
    run  = "echo ${x y}" # ERROR: write the shell's own variables
    when = "sometimes" # ERROR: expected "changed"
  }
  command = local.nope # ERROR: no local `nope`
  env     = { A = local.a }
}
# ERROR-ANYWHERE: $NAME or $${NAME}
