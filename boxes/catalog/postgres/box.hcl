# PostgreSQL on port 5432. Without a version it is the distribution's own, which needs nothing but Debian and its packages.
# In the project's network it asks for the password in both.
variable "version" {
  type        = string
  default     = null
  description = "a version of PostgreSQL, from its own image; null: the distribution's"
}

variable "base" {
  type        = string
  default     = "debian:bookworm-slim"
  nullable    = false
  description = "the image that the distribution's PostgreSQL is installed on"
}

variable "user" {
  type        = string
  default     = "dev"
  nullable    = false
  description = "a role that may do everything"

  validation {
    condition     = can(regex("^[a-z_][a-z0-9_]*$", var.user))
    error_message = "A name of lower-case letters, digits and underscores."
  }
}

variable "password" {
  type        = string
  default     = "dev"
  nullable    = false
  description = "its password"
}

variable "database" {
  type        = string
  default     = "dev"
  nullable    = false
  description = "a database of that role's"

  validation {
    condition     = can(regex("^[a-z_][a-z0-9_]*$", var.database))
    error_message = "A name of lower-case letters, digits and underscores."
  }
}

locals {
  versions = ["17", "16", "15", "14"]
  own      = var.version != null
}

box {
  image        = local.own ? "postgres:${var.version}-bookworm" : var.base
  packages     = local.own ? [] : ["postgresql"]
  user         = local.own ? null : "postgres" # the package makes it
  service      = local.own ? true : null
  command      = local.own ? null : ["sh", "-c", "exec /usr/lib/postgresql/*/bin/postgres -c listen_addresses='*' -c unix_socket_directories=/tmp"]
  stop_signal  = "SIGINT" # a fast shutdown
  stop_timeout = "30s"

  env = {
    PGDATA            = "/var/lib/postgresql/data/cluster"
    POSTGRES_USER     = var.user
    POSTGRES_PASSWORD = var.password
    POSTGRES_DB       = var.database
  }

  port "postgres" { guest = 5432 }
  volume "data" { target = "/var/lib/postgresql/data" }

  # Before the command: with a volume from an earlier box there is nothing to do.
  provision "cluster" {
    enabled = !local.own
    run     = <<-EOT
      [ ! -s "$PGDATA/PG_VERSION" ] || exit 0
      bin=$(echo /usr/lib/postgresql/*/bin)
      "$bin/initdb" --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 >/dev/null
      echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    EOT
  }

  healthcheck { command = local.own ? "pg_isready -q -h localhost" : "pg_isready -q -h /tmp" }

  # Behind the health check, because it talks to the server.
  provision "role" {
    enabled = !local.own
    after   = "healthy"
    run     = <<-EOT
      ask() { psql --quiet --no-psqlrc --tuples-only --no-align --set ON_ERROR_STOP=1 --host=/tmp --dbname=postgres --set user="$POSTGRES_USER" --set password="$POSTGRES_PASSWORD" --set database="$POSTGRES_DB"; }
      echo "select 1 from pg_roles where rolname = :'user'" | ask | grep -q 1 || echo 'create role :"user" superuser login' | ask
      echo "alter role :\"user\" password :'password'" | ask
      echo "select 1 from pg_database where datname = :'database'" | ask | grep -q 1 || echo 'create database :"database" owner :"user"' | ask
    EOT
  }
}
