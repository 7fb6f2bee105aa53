# Ports.
box "a" {
  image = "debian"
  count = 3
  port "http" {
    guest = 70000 # ERROR: `guest`: expected a number from 1 to 65535
  }
  port "0" {} # ERROR: needs `guest`
  port "a" {
    guest = 1
    host  = 65534 # ERROR: is above 65535
  }
  port "b" {
    guest    = 2
    host     = 4000
    protocol = "sctp" # ERROR: expected "tcp" or "udp"
    address  = "localhost" # ERROR: expected an IP address
  }
  port "c" {
    guest = 3.5 # ERROR: whole number
    host  = "x" # ERROR: whole number
  }
}
box "b" {
  image = "debian"
  port "x" {
    guest = 80
    host  = 8080
  }
  port "y" {
    guest = 81
    host  = 8080 # ERROR: publish the same host port
  }
  port "z" {
    guest    = 81
    host     = 8080
    protocol = "udp"
  }
}
