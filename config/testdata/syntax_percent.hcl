box "a" {
  image = "debian"
  provision "p" { run = "curl -w '%{http_code}' x" } # ERROR: a literal %{ as %%{
}
