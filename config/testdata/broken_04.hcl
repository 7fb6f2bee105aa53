# Mounts.
box "a" {
  image = "debian"
  share "." { target = "/workspace" }
  share "src" { target = "/workspace" } # ERROR: is the target of a share and of a share
  volume "v" { target = "/workspace" } # ERROR: is the target of a share and of a volume
  tmpfs "/workspace" {} # ERROR: is the target of a share and of a tmpfs
  file "/workspace" { content = "x" } # ERROR: is the target of a share and of a file
  share "missing" { target = "/m" } # ERROR: does not exist
  share "data" { target = "relative" } # ERROR: expected an absolute, clean path
  share "app" { target = "/a:b" } # ERROR: without a colon
  volume "r" { target = "/" } # ERROR: other than the root
  volume "p" { target = "/proc/x" } # ERROR: other than /proc
  volume "s" { target = "/sys" } # ERROR: other than /proc
  volume "g" { target = "/sys/fs/cgroup" }
  volume "c" { target = "/a/../b" } # ERROR: absolute, clean
  volume "t" { target = "/a/" } # ERROR: absolute, clean
  volume "e" { target = "/.envy/x" } # ERROR: outside /.envy
  share "sync" {
    source = "src"
    target = "/s"
    mode   = "sync" # ERROR: is not built yet
  }
  share "copy" {
    source    = "src"
    target    = "/c"
    mode      = "copy"
    read_only = true # ERROR: does not go with mode = "copy"
  }
}
