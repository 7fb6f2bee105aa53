# Debian, the slim image. It can be bootstrapped from a package mirror: envy box bootstrap debian:bookworm
variable "version" {
  type        = string
  default     = "bookworm"
  nullable    = false
  description = "a release: its name or its number"
}

locals {
  versions = ["13", "12", "11"]
}

box {
  image = "debian:${var.version}-slim"
}
