envy {
  name     = "shop"
  requires = ">= 0.1"
  message  = "open http://localhost:${box.web.port.http.host}"
}

variable "db_port" {
  type    = number
  default = 5432
}

locals {
  dsn = "postgres://dev@db:${var.db_port}/shop"
}

box "web" {
  primary    = true
  image      = "debian:bookworm-slim"
  packages   = ["git", "curl", "postgresql-client"]
  env        = { DATABASE_URL = local.dsn, GONE = null }
  user       = "dev"
  depends_on = ["db"]

  port "http" {
    guest = 3000
    host  = 3000
  }
  share "." { target = "/workspace" }
  volume "modules" { target = "/workspace/node_modules" }

  setup "toolchain" { run = "curl -fsSL https://example.com/x | tar -x" }
  provision "deps" {
    run    = "npm ci"
    inputs = ["package.json", "package-lock.json"]
  }
  healthcheck { command = "curl -fsS localhost:3000/healthz" }
}

box "db" {
  image   = "postgres:16"
  service = true
  volume "data" { target = "/var/lib/postgresql/data" }
}
