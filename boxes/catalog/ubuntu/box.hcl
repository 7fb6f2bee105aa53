# Ubuntu.
variable "version" {
  type        = string
  default     = "24.04"
  nullable    = false
  description = "a release: its number or its name"
}

locals {
  versions = ["24.04", "22.04"]
}

box {
  image = "ubuntu:${var.version}"
}
