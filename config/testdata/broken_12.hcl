# Early attributes may not depend on ports or other boxes.
locals {
  port = box.a.port.http.host
}
box "a" {
  image = "debian"
  port "http" { guest = 80 }
  port "x" {
    guest = self.port.http.host # ERROR: cannot depend on a port's number
  }
  port "y" {
    guest = local.port # ERROR: cannot depend on a port's number
  }
  port "z" {
    guest = box.a.port.http.host # ERROR: `box` cannot be used in `guest`
  }
}
box "b" {
  image   = "debian"
  count   = self.index # ERROR: `self` cannot be used in `count`
  enabled = local.port > 1 # ERROR: cannot depend on a port's number
}
envy {
  name = "x${project.name}" # ERROR: cannot depend on the project's name
}
