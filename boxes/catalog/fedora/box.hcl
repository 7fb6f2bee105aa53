# Fedora.
variable "version" {
  type        = string
  default     = "42"
  nullable    = false
  description = "a release"
}

locals {
  versions = ["42", "41"]
}

box {
  image = "fedora:${var.version}"
}
