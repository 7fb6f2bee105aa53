# Node.js with npm. Without a version it is the distribution's own, which needs nothing but Debian and its packages.
variable "version" {
  type        = string
  default     = null
  description = "a version of Node.js, from its own image; null: the distribution's"
}

variable "base" {
  type        = string
  default     = "debian:bookworm-slim"
  nullable    = false
  description = "the image that the distribution's Node.js is installed on"
}

variable "npm" {
  type        = bool
  default     = true
  nullable    = false
  description = "npm too, which in the distribution is several hundred packages"
}

locals {
  versions = ["24", "22", "20"]
  own      = var.version != null
}

box {
  image    = local.own ? "node:${var.version}-bookworm-slim" : var.base
  packages = local.own ? [] : concat(["nodejs", "git", "ca-certificates"], var.npm ? ["npm"] : [])
}
