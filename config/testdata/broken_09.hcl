# Sensitive values stand only in env, file content and provision scripts.
variable "token" {
  sensitive = true
  default   = "abc"
}
box "a" {
  image    = "debian:${var.token}" # ERROR: a sensitive value cannot stand here
  packages = [var.token] # ERROR: a sensitive value cannot stand here
  command  = ["x", var.token] # ERROR: a sensitive value cannot stand here
  labels   = { t = var.token } # ERROR: a sensitive value cannot stand here
  env      = { T = var.token }
  hostname = var.token # ERROR: a sensitive value cannot stand here
  message  = "token ${var.token}" # ERROR: a sensitive value cannot stand here
  setup "s" { run = "echo ${var.token}" } # ERROR: a sensitive value cannot stand here
  setup "e" {
    run = "x"
    env = { T = var.token } # ERROR: a sensitive value cannot stand here
  }
  provision "p" {
    run = "echo ${var.token}"
    env = { T = var.token }
  }
  file "/x" { content = "x${var.token}" }
  file "/y" { source = var.token } # ERROR: a sensitive value cannot stand here
  port "80" { host = length(var.token) } # ERROR: a sensitive value cannot stand here
}
