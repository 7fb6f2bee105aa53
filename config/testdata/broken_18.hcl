# Builds and inputs.
box "a" {
  build {
    context    = "nothere" # ERROR: no such directory: nothere
    dockerfile = "../Dockerfile" # ERROR: inside the context
    target     = "a b" # ERROR: a stage's name
    args       = { "A B" = "x" } # ERROR: expected as key
  }
  setup "s" {
    run    = "x"
    inputs = ["../../etc/passwd", "~/x", "src/["] # ERROR: outside the checkout # ERROR: inside the checkout # ERROR: a path or a pattern
  }
  provision "p" {
    run    = "x"
    when   = "always"
    inputs = ["src"] # ERROR: goes with when = "changed" only
    timeout = "soon" # ERROR: a duration
  }
}
box "b" {
  build { context = "hello.txt" } # ERROR: is no directory
}
box "c" {
  build { context = "/outside/ctx" }
}
