# Addresses and host names.
box "a" {
  image       = "debian"
  dns         = ["1.1.1.1", "1.1.1", "::1", "fe80::1%eth0", "host-gateway", ""] # ERROR: an IP address # ERROR: an IP address # ERROR: an IP address # ERROR: an IP address
  extra_hosts = {
    "a.example.com" = "10.0.0.1"
    "gw"            = "host-gateway"
    "b"             = "10.0.0.256"    # ERROR: an IP address or host-gateway
    "c"             = "example.com"   # ERROR: an IP address or host-gateway
    "d"             = ""              # ERROR: an IP address or host-gateway
    "e f"           = "10.0.0.1"      # ERROR: expected as key a host name
    "localhost"     = "10.0.0.1"      # ERROR: a name other than localhost
  }
}
