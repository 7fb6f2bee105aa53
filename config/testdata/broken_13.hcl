# Variables.
variable "typed" {
  type    = number
  default = "x" # ERROR: the default of var.typed is not valid
}
variable "unset" {} # ERROR: var.unset has no value
variable "badtype" {
  type    = strin # ERROR: Invalid type specification
  default = 1
}
variable "ruled" { # ERROR: var.ruled is not valid | at most 3
  default = "abcdef"
  validation {
    condition     = length(var.ruled) <= 3
    error_message = "at most 3"
  }
  validation {
    condition = true
  } # ERROR-ANYWHERE: needs `error_message`
}
variable "nullish" { # ERROR: var.nullish cannot be null
  default  = null
  nullable = false
}
variable "what" {
  defualt = 1 # ERROR: did you mean `default`?
  default = 1
}
box "a" {
  image = "debian"
}
