# MariaDB on port 3306. Without a version it is the distribution's own, which needs nothing but Debian and its packages.
variable "version" {
  type        = string
  default     = null
  description = "a version of MariaDB, from its own image; null: the distribution's"
}

variable "base" {
  type        = string
  default     = "debian:bookworm-slim"
  nullable    = false
  description = "the image that the distribution's MariaDB is installed on"
}

variable "user" {
  type        = string
  default     = "dev"
  nullable    = false
  description = "a user who may do everything in the database"

  validation {
    condition     = can(regex("^[a-z_][a-z0-9_]*$", var.user))
    error_message = "A name of lower-case letters, digits and underscores."
  }
}

variable "password" {
  type        = string
  default     = "dev"
  nullable    = false
  description = "that user's password"

  validation {
    condition     = !strcontains(var.password, "'") && !strcontains(var.password, "\\")
    error_message = "A password without quotes and backslashes."
  }
}

variable "database" {
  type        = string
  default     = "dev"
  nullable    = false
  description = "the database"

  validation {
    condition     = can(regex("^[a-z_][a-z0-9_]*$", var.database))
    error_message = "A name of lower-case letters, digits and underscores."
  }
}

locals {
  versions = ["11.8", "11.4", "10.11"]
  own      = var.version != null
}

box {
  image    = local.own ? "mariadb:${var.version}" : var.base
  packages = local.own ? [] : ["mariadb-server"]
  user     = local.own ? null : "mysql" # the package makes it
  service  = local.own ? true : null
  command  = local.own ? null : ["mariadbd", "--no-defaults", "--datadir=/var/lib/mysql/data", "--socket=/tmp/mysql.sock", "--bind-address=*"]

  env = {
    MARIADB_USER                 = var.user
    MARIADB_PASSWORD             = var.password
    MARIADB_DATABASE             = var.database
    MARIADB_RANDOM_ROOT_PASSWORD = local.own ? "1" : null
  }

  port "mysql" { guest = 3306 }
  volume "data" { target = "/var/lib/mysql" }

  # Before the command: with a volume from an earlier box there is nothing to do.
  provision "data" {
    enabled = !local.own
    run     = "[ -d /var/lib/mysql/data/mysql ] || mariadb-install-db --no-defaults --datadir=/var/lib/mysql/data --skip-test-db >/dev/null"
  }

  healthcheck { command = local.own ? "healthcheck.sh --connect --innodb_initialized" : "mariadb-admin --socket=/tmp/mysql.sock --silent ping" }

  # Behind the health check, because it talks to the server.
  provision "user" {
    enabled = !local.own
    after   = "healthy"
    run     = <<-EOT
      mariadb --socket=/tmp/mysql.sock <<SQL
      create database if not exists \`$MARIADB_DATABASE\`;
      create or replace user '$MARIADB_USER'@'%' identified by '$MARIADB_PASSWORD';
      grant all on \`$MARIADB_DATABASE\`.* to '$MARIADB_USER'@'%';
      SQL
    EOT
  }
}
