box "a" {
  image = "debian"
  imagee = "x" # ERROR: no attribute `imagee`
  provision "p" { run = "echo ${HOME:-/root}" } # ERROR: write the shell's own variables as $NAME
}
