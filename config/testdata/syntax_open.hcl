# A string that is not closed: the rest of the file means nothing.
box "a" {
  imagee = "x" # ERROR: no attribute `imagee`
  image  = "debian
}
# ERROR-ANYWHERE: Invalid multi-line string
# ERROR-ANYWHERE: Unterminated template string
