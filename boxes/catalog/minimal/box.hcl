# The smallest box that is of use: busybox and nothing else.
variable "image" {
  type        = string
  default     = "busybox:stable-musl"
  description = "the base"
}
box {
  image = var.image
}
