# Expressions.
locals {
  a = local.b # ERROR: depends on itself | a → b → c → a
  b = local.c
  c = local.a
  d = upcase("x") # ERROR: no function `upcase`
  e = timestamp() # ERROR: no clock
  f = var.nope # ERROR: no variable `nope`
  g = self.name # ERROR: `self` cannot be used
  h = box.web.port.htpt.host # ERROR: did you mean `http`?
  i = box.wbe.name # ERROR: no box `wbe`
  j = host.nproc # ERROR: no value in host: `nproc`
  k = project.nmae # ERROR: did you mean `name`?
  l = 1 + "x" # ERROR: Invalid operand
  m = file("nothere.txt") # ERROR: no such file: nothere.txt
  n = file("../../etc/passwd") # ERROR: is outside the checkout
  o = local.p.q # ERROR: Unsupported attribute
  p = { r = 1 }
  q = box.web.image # ERROR: no value of a box: `image`
  r = file("latin1.txt") # ERROR: is not UTF-8
  s = file("big.txt") # ERROR: larger than 1 MiB
  t = fileexists("/etc/passwd") # ERROR: is outside the checkout
  u = templatefile("bad.tmpl", {}) # ERROR: bad.tmpl, line 1
  v = env("NOT_SET_ANYWHERE") # ERROR: is not set
}
box "web" {
  image = debian # ERROR: write it in quotes: "debian"
  port "http" { guest = 80 }
  command = "x ${foo}" # ERROR: write the shell's own variables as $NAME
}
