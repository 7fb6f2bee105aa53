# Hints.
variable "token" { default = "x" }
locals {
  a = "${HOME}" # ERROR: read with env("HOME")
  b = token # ERROR: did you mean `var.token`?
  c = vra.token # ERROR: did you mean `var`?
}
box "a" {
  image = "debian"
  provision "p" { run = "x ${var.tokne} ${vra.token} ${token}" } # ERROR: did you mean `token`? # ERROR: did you mean `var`? # ERROR: write the shell's own variables
  tmpfs "/x" { size = 0 } # ERROR: more than nothing
  wait_timeout = "0s" # ERROR: more than nothing
  network_mode = "box:off" # ERROR: no box of that name
}
box "off" {
  enabled = false
}
