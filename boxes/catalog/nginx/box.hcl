# nginx on port 80. Without a version it is the distribution's own, which needs nothing but Debian and its packages.
variable "version" {
  type        = string
  default     = null
  description = "a version of nginx, from its own image; null: the distribution's"
}

variable "base" {
  type        = string
  default     = "debian:bookworm-slim"
  nullable    = false
  description = "the image that the distribution's nginx is installed on"
}

locals {
  versions = ["1.29", "1.28"]
  own      = var.version != null
}

box {
  image    = local.own ? "nginx:${var.version}-bookworm" : var.base
  packages = local.own ? [] : ["nginx-light"]
  service  = local.own ? true : null
  command  = local.own ? null : ["nginx", "-g", "daemon off;"]

  port "http" { guest = 80 }
}
