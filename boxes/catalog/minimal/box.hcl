# The smallest box that is of use: busybox and nothing else.
variable "version" {
  type        = string
  default     = "stable"
  nullable    = false
  description = "a release of busybox"
}

locals {
  versions = ["1.37", "1.36"]
}

box {
  image = "busybox:${var.version}-musl"
}
