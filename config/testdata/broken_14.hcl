# Limits and processes.
box "a" {
  image        = "debian"
  cpus         = 0 # ERROR: at least 0.01
  memory       = "1k" # ERROR: at least 6m
  shm_size     = "0" # ERROR: more than nothing
  gpus         = 0 # ERROR: from 1 to 1000
  ulimits      = { nofiles = 1, nproc = { soft = 2, hard = 1 } } # ERROR: did you mean `nofile`? # ERROR: soft at most hard
  platform     = "arm" # ERROR: linux/architecture
  stop_signal  = "term" # ERROR: a signal's name
  stop_timeout = 30 # ERROR: a duration
  wait_timeout = "-1s" # ERROR: a duration
  user         = "Dev" # ERROR: a user's name
  login        = "99999999999:1" # ERROR: `login`: expected uid or uid:gid
  groups       = ["a b"] # ERROR: a group's name
  workdir      = "work" # ERROR: an absolute, clean path
  shell        = "bash" # ERROR: an absolute, clean path
  path         = ["/a:/b", "c"] # ERROR: without a colon # ERROR: absolute
  cap_add      = ["NET-ADMIN"] # ERROR: a capability's name
  devices      = ["fuse"] # ERROR: an absolute path on the host
  security_opt = ["seccmp=x"] # ERROR: one of seccomp
  sysctls      = { "foo" = 1 } # ERROR: a kernel setting's name
  privileged   = "maybe" # ERROR: expected true or false
  packages     = ["-y", "./x.deb", "https://x/y", "a b"] # ERROR: never starts with - # ERROR: not a path # ERROR: not a path # ERROR: as its manager has it
}
box "b" {
  image = "debian"
  count = 100000 # ERROR: from 0 to 10000
}
