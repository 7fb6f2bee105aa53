# Go. Without a version it is the distribution's own, which needs nothing but Debian and its packages.
variable "version" {
  type        = string
  default     = null
  description = "a version of Go, from its own image; null: the distribution's"
}

variable "base" {
  type        = string
  default     = "debian:bookworm-slim"
  nullable    = false
  description = "the image that the distribution's Go is installed on"
}

locals {
  versions = ["1.26", "1.25", "1.24"]
  own      = var.version != null
}

box {
  image    = local.own ? "golang:${var.version}-bookworm" : var.base
  packages = local.own ? [] : ["golang-go", "gcc", "libc6-dev", "git", "ca-certificates"]
}
