# Strings.
box "a" {
  image    = "debian"
  hostname = "a\nb" # ERROR: holds a newline
  env      = { A = "x\u0000y", B = "tab\tnew\nline", C = "esc\u001b" } # ERROR: U+0000 # ERROR: U+001B
  labels   = { "io.envy.box" = "x", "com.docker.compose.project" = "y", ok = "z" } # ERROR: outside io.envy # ERROR: outside io.envy
  setup "s" { run = "a\r\nb" } # ERROR: Unix line endings
  healthcheck { command = "x\u0085" } # ERROR: U+0085
}
