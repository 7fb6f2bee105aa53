# A Java development kit with Maven. Without a version the kit is the distribution's own, which needs nothing but Debian and
# its packages.
variable "version" {
  type        = string
  default     = null
  description = "a version of Java, from the Temurin image; null: the distribution's"
}

variable "base" {
  type        = string
  default     = "debian:bookworm-slim"
  nullable    = false
  description = "the image that the distribution's kit is installed on"
}

locals {
  versions = ["25", "21", "17", "11"]
  own      = var.version != null
}

box {
  image    = local.own ? "eclipse-temurin:${var.version}-jdk" : var.base
  packages = local.own ? [] : ["default-jdk-headless", "maven", "git", "ca-certificates"]
}
