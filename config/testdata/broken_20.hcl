envy {
  requires = ">= 99" # ERROR: this Envfile requires envy >= 99; this is 0.3.0
  name     = "localhost" # ERROR: other than localhost
}
box "a" {
  image = "debian"
  healthcheck {
    command  = [] # ERROR: expected a command
    retries  = 0 # ERROR: from 1 to 10000
    interval = "0s" # ERROR: at least 1ms
  }
}
box "b" {
  image = "debian"
  healthcheck {} # ERROR: needs `command`
}
