# Networks.
network "back" {
  subnet = "10.0.0.1/8" # ERROR: no bits behind its mask: 10.0.0.0/8
}
network "six" {
  subnet = "fd00::/64" # ERROR: has an IPv6 subnet
}
network "x" {
  external = "theirs"
  internal = true # ERROR: does not go with `external`
}
box "a" {
  image = "debian"
  network "bakc" {} # ERROR: no network "bakc"
  network "zzz" {} # ERROR: declare it at top level
  network "back" { ip = "192.168.0.1" } # ERROR: expected an address in the subnet
  network "default" { ip = "1.2.3.4" } # ERROR: needs a network with a subnet
  hostname    = "under score" # ERROR: expected a host name
  aliases     = ["localhost"] # ERROR: other than localhost
  dns         = ["dns.example.com"] # ERROR: expected an IP address
  extra_hosts = { a = "nowhere" } # ERROR: expected an IP address or host-gateway
}
