# Kernel settings, limits, devices and security options.
box "a" {
  image   = "debian"
  sysctls = {
    "net.core.somaxconn"  = "1024"
    "net/ipv4/ip_forward" = "1"
    "kernel.domainname"   = "example.com"
    "kernel.sem"          = "250 32000 100 128"
    "fs.mqueue.msg_max"   = 20
    "vm.swappiness"       = 1         # ERROR: a setting that a container has for itself: net.*, fs.mqueue.*
    "kernel.shmmaxx"      = 1         # ERROR: did you mean `kernel.shmmax`?
    "kernel.msgmax"       = "lots"    # ERROR: kernel.msgmax: expected a whole number
    "kernel.msgmnb"       = "1 2"     # ERROR: a whole number
    "kernel.shmall"       = ""        # ERROR: expected a value
    "net.core.x"          = ""        # ERROR: expected a value
  }
  ulimits = {
    core    = -1
    memlock = -1
    nofile  = -1                              # ERROR: no kernel lets it go without limit
    nproc   = 1.5                             # ERROR: a whole number
    stack   = "big"                           # ERROR: a whole number
    cpu     = { soft = 1 }                    # ERROR: { soft = …, hard = … }
    rtprio  = { soft = 1, hard = 2, max = 3 } # ERROR: { soft = …, hard = … }
    data    = { soft = -1, hard = 5 }         # ERROR: soft at most hard
  }
  devices = [
    "/dev/fuse",
    "/dev/null:/dev/fuse",    # ERROR: /dev/fuse is the target of a device and of a device
    "/dev/null:/dev/a:rr",    # ERROR: permissions out of r, w and m
    "/dev/null:/dev/b:",      # ERROR: permissions out of r, w and m
    "/dev/null:/proc/x",      # ERROR: an absolute path in the box
    "/dev/null:/",            # ERROR: an absolute path in the box
    "vendor.com/class=card0", # ERROR: an absolute path on the host
  ]
}
box "b" {
  image        = "debian"
  security_opt = [
    "no-new-privileges:true",        # ERROR: option=value
    "no-new-privileges=yes",         # ERROR: "no-new-privileges", or with =true or =false
    "apparmor=",                     # ERROR: option=value
    "seccomp=profile.json",          # ERROR: unconfined, builtin or a profile behind seccomp=
    "seccomp=[]",                    # ERROR: unconfined, builtin or a profile behind seccomp=
    "label=off",                     # ERROR: disable, or one of user, role
    "label=type:",                   # ERROR: disable, or one of user, role
    "systempaths=none",              # ERROR: "systempaths=unconfined"
    "writable-cgroups=true",         # ERROR: one of seccomp
  ]
  gpus         = ["0", "", "1,2"]    # ERROR: one id an entry # ERROR: one id an entry
}
box "c" {
  image        = "debian"
  network_mode = "host"
  sysctls      = { "net.core.somaxconn" = 1024, "kernel.msgmax" = 1 } # ERROR: net.core.somaxconn does not go with network_mode = "host"
  gpus         = "some"              # ERROR: expected "all", a number or a list of ids
}
box "d" {
  image     = "debian"
  read_only = true # ERROR: into which share "src" cannot be copied
  gpus      = []                     # ERROR: at least one id
  share "src" {
    target = "/src"
    mode   = "copy"
  }
}
