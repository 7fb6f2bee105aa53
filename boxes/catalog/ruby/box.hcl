# Ruby with bundler. Without a version it is the distribution's own, which needs nothing but Debian and its packages.
variable "version" {
  type        = string
  default     = null
  description = "a version of Ruby, from its own image; null: the distribution's"
}

variable "base" {
  type        = string
  default     = "debian:bookworm-slim"
  nullable    = false
  description = "the image that the distribution's Ruby is installed on"
}

locals {
  versions = ["3.4", "3.3", "3.2"]
  own      = var.version != null
}

box {
  image    = local.own ? "ruby:${var.version}-slim-bookworm" : var.base
  packages = local.own ? [] : ["ruby", "ruby-dev", "ruby-bundler", "build-essential", "git", "ca-certificates"]
}
