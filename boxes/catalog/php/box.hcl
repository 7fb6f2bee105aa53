# PHP with Composer. Without a version it is the distribution's own, which needs nothing but Debian and its packages.
variable "version" {
  type        = string
  default     = null
  description = "a version of PHP, from its own image (without Composer); null: the distribution's"
}

variable "base" {
  type        = string
  default     = "debian:bookworm-slim"
  nullable    = false
  description = "the image that the distribution's PHP is installed on"
}

locals {
  versions = ["8.4", "8.3", "8.2"]
  own      = var.version != null
}

box {
  image    = local.own ? "php:${var.version}-cli-bookworm" : var.base
  packages = local.own ? [] : ["php-cli", "php-curl", "php-mbstring", "php-xml", "php-zip", "composer", "git", "ca-certificates"]
}
