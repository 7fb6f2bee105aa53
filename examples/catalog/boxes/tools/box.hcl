# What this team has in every box.
variable "tools" {
  type        = list(string)
  default     = []
  description = "packages beside the usual ones"
}

box {
  packages = concat(["curl", "less"], var.tools)
  env      = { PAGER = "less" }
}
