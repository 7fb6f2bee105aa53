# What the engine or the kernel knows by name: capabilities, signals, platforms.
box "a" {
  image       = "debian"
  cap_add = [
    "NET_ADMN",     # ERROR: did you mean `NET_ADMIN`?
    "CAP_SYS_TMIE", # ERROR: did you mean `CAP_SYS_TIME`?
    "cap_net_raww", # ERROR: did you mean `CAP_NET_RAW`?
    "ALL", "all", "cap_Chown", "CAP_BPF",
  ]
  cap_drop    = ["CAP_ALL", "EVERYTHING"] # ERROR: a capability's name, as "NET_ADMIN", or "ALL" # ERROR: a capability's name
  stop_signal = "SIGTREM" # ERROR: did you mean `SIGTERM`?
  platform    = "linux/amd46" # ERROR: did you mean `linux/amd64`?
}
box "b" {
  image       = "debian"
  cap_add     = [dotenv("dev.env").TOKEN] # ERROR: a capability's name
  stop_signal = "quit" # ERROR: did you mean `QUIT`?
  platform    = "windows/amd64" # ERROR: expected linux/architecture[/variant]
}
box "c" {
  image       = "debian"
  stop_signal = "SIGCHLD" # ERROR: a signal that can stop a program
  platform    = "linux/arm/7" # ERROR: expected linux/architecture[/variant]
}
box "d" {
  image       = "debian"
  stop_signal = 65 # ERROR: a signal's name or number
  privileged  = true
  cap_add     = ["NET_ADMIN"]
  cap_drop    = ["ALL"] # ERROR: `cap_drop` does not go with `privileged`
}
