# What a box runs, and its base.
box "both" {
  image = "debian" # ERROR: has an image and a build
  build {} # ERROR: no file Dockerfile in the context .
}
box "none" { # ERROR: box "none" has no base
}
box "svc" {
  image      = "debian"
  service    = true
  command    = "x" # ERROR: has `service` and `command`
  entrypoint = ["y"] # ERROR: has `service` and `entrypoint`
}
box "once" {
  image   = "debian"
  service = true
  oneshot = true # ERROR: has `service` and `oneshot` # ERROR: is a oneshot and has a healthcheck
  restart = "always" # ERROR: must not restart
  healthcheck { command = "true" }
}
box "idle" {
  image = "debian"
  provision "late" {
    run   = "x"
    after = "healthy" # ERROR: waits for health, but box "idle" idles
  }
  provision "bad" {
    run  = "" # ERROR: expected a script
    when = "sometimes" # ERROR: expected "changed" or "once"
    after = "sick" # ERROR: `after`: expected "healthy"
  }
  setup "nothing" {} # ERROR: needs `run` or `packages`
  file "/x" {} # ERROR: needs `content` or `source`
  file "/y" {
    content = "a"
    source  = "hello.txt" # ERROR: has `content` and `source`
  }
  file "/z" { source = "nothere" } # ERROR: no such file: nothere
}
box "img" {
  image   = "UPPER CASE" # ERROR: expected an image reference
  command = "it's" # ERROR: a quote is not closed
}
box "list" {
  image   = ["debian"] # ERROR: `image`: expected a string
  command = [] # ERROR: expected a command
}
