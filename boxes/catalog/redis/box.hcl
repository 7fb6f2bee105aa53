# Redis on port 6379, for the project's own network. Without a version it is the distribution's own, which needs nothing but
# Debian and its packages.
variable "version" {
  type        = string
  default     = null
  description = "a version of Redis, from its own image; null: the distribution's"
}

variable "base" {
  type        = string
  default     = "debian:bookworm-slim"
  nullable    = false
  description = "the image that the distribution's Redis is installed on"
}

locals {
  versions = ["8.2", "8.0", "7.4", "7.2"]
  own      = var.version != null
}

box {
  image    = local.own ? "redis:${var.version}-bookworm" : var.base
  packages = local.own ? [] : ["redis-server"]
  user     = local.own ? null : "redis" # the package makes it
  service  = local.own ? true : null
  command  = local.own ? null : ["redis-server", "--bind", "*", "-::*", "--protected-mode", "no", "--dir", "/data"]

  port "redis" { guest = 6379 }
  volume "data" { target = "/data" }

  healthcheck { command = ["redis-cli", "ping"] }
}
