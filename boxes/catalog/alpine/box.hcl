# Alpine Linux.
variable "version" {
  type        = string
  default     = "3.22"
  nullable    = false
  description = "a release"
}

locals {
  versions = ["3.22", "3.21", "3.20"]
}

box {
  image = "alpine:${var.version}"
}
