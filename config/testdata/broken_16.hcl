# Shapes.
envy = "x" # ERROR: `envy` is a block, not an attribute
image "x" {} # ERROR: no block `image` in the file
box "a" {
  image {} # ERROR: `image` is an attribute, not a block
  build = "." # ERROR: `build` is a block, not an attribute
  port = 80 # ERROR: write it without the equals sign: port "NAME" { … }
  env = ["A=b"] # ERROR: expected a map
  packages = "git" # ERROR: expected a list
  env { # ERROR: `env` is an attribute, not a block
    A = "b"
  }
  ports = [1] # ERROR: did you mean `port`?
  zzz = 1 # ERROR: no attribute `zzz`
}
