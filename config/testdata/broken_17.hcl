# env_file and dotenv: no value is quoted.
locals {
  bad  = parseint(dotenv("dev.env").TOKEN, 10) # ERROR: it is not shown
  none = dotenv("dev.env").NOPE # ERROR: Missing map element
  key  = { for i in [1, 2] : dotenv("dev.env").TOKEN => i } # ERROR: it holds a value
  file = dotenv("broken.env") # ERROR: broken.env: line 2: expected NAME=value
}
box "a" {
  image      = "debian"
  env_file   = ["broken.env", "missing.env", "../x.env"] # ERROR: broken.env: line 2 # ERROR: no such file: missing.env # ERROR: outside the checkout
  restart    = dotenv("dev.env").TOKEN # ERROR: `restart`: expected
  depends_on = [dotenv("dev.env").TOKEN] # ERROR: no such box
}
