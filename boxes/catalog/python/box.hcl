# Python with pip and venv. Without a version it is the distribution's own, which needs nothing but Debian and its packages.
variable "version" {
  type        = string
  default     = null
  description = "a version of Python, from its own image; null: the distribution's"
}

variable "base" {
  type        = string
  default     = "debian:bookworm-slim"
  nullable    = false
  description = "the image that the distribution's Python is installed on"
}

locals {
  versions = ["3.14", "3.13", "3.12", "3.11"]
  own      = var.version != null
}

box {
  image    = local.own ? "python:${var.version}-slim-bookworm" : var.base
  packages = local.own ? [] : ["python3", "python3-pip", "python3-venv", "python-is-python3", "git", "ca-certificates"]
}
