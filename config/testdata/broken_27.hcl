# Templates that cannot be made, and boxes that cannot be made of them.
template "app" {
  image = "debian"
  imagee = "x" # ERROR: no attribute `imagee` in template "app"
  user  = var.nobody # ERROR: no variable `nobody`
  port "http" {} # ERROR: port "http" needs `guest`
  env = { P = self.port.http.host, Q = self.port.sql.host } # ERROR: no port in box "alone": `sql`
}
template "a" {
  from = template.b
}
template "b" {
  from = [template.c]
}
template "c" {
  from = template.a # ERROR: template.a → template.b → template.c → template.a
}
template "other" {
  build { context = "app" }
}
template "bad" {
  memory = "lots" # ERROR: expected a size
  env    = { X = nowhere } # ERROR: no variable `nowhere`
}
template "unused" {
  command = local.none # ERROR: no local `none`
}
box "web" {
  from = template.app
  port "sql" { guest = 5432 }
}
box "alone" {
  from = template.app
}
box "two" {
  from = [template.app, template.other] # ERROR: template.app and template.other both give the base
  port "sql" { guest = 1 }
}
box "near" {
  from = template.appp # ERROR: did you mean `app`?
}
box "what" {
  from = local.x # ERROR: expected the name of a definition, template.NAME, or a list of such
}
box "outside" {
  from = ["none", template.bad] # ERROR: there are no definitions here
}
box "twice" {
  from  = [template.bad, template.bad] # ERROR: template.bad is named twice
  image = "debian"
}
box "base" { # ERROR: box "base" has no base
  from = template.bad
}
box "elsewhere" {
  image = template.app # ERROR: `template` cannot be used in `image`
  with  = {} # ERROR: there is no `from`
}
