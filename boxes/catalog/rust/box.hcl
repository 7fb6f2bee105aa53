# Rust with cargo. Without a version it is the distribution's own, which needs nothing but Debian and its packages.
variable "version" {
  type        = string
  default     = null
  description = "a version of Rust, from its own image; null: the distribution's"
}

variable "base" {
  type        = string
  default     = "debian:bookworm-slim"
  nullable    = false
  description = "the image that the distribution's Rust is installed on"
}

locals {
  versions = ["1.90", "1.89", "1.88"]
  own      = var.version != null
}

box {
  image    = local.own ? "rust:${var.version}-slim-bookworm" : var.base
  packages = local.own ? [] : ["rustc", "cargo", "libc6-dev", "git", "ca-certificates"]
}
