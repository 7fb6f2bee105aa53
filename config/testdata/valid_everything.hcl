# Every block and attribute that this build has, in one valid file.
envy {
  name     = "shop"
  requires = ">= 0.1, < 1"
  bootstrap = true
  message  = <<-EOT
    two
    lines
  EOT
}

variable "plain" {
  type        = string
  default     = "x"
  description = "a string"
  nullable    = false
  validation {
    condition     = length(var.plain) < 10
    error_message = "too long"
  }
}

variable "typed" {
  type    = string
  default = 1
}

variable "token" {
  type      = string
  default   = "s3cret"
  sensitive = true
}

locals {
  two = 1 + 1
}

volume "shared" {}
volume "old" { external = "their-volume" } # GATE: external volume
network "back" {
  internal = true
  subnet   = ["10.9.0.0/24", "fd00:1::/64"]
  ipv6     = true
}
network "default" { subnet = "10.8.0.0/24" }
network "theirs" { external = "bridge2" } # GATE: external network

box "web" {
  enabled       = true
  image         = "debian:bookworm-slim"
  packages      = ["git", "curl=7.88.1-10", "libc6:i386", "g++"]
  autostart     = false
  count         = local.two
  depends_on    = ["db", "jobs"]
  labels        = { team = "shop", n = 1 }
  message       = "web is at ${self.port.http.host}"
  command       = "serve --port 3000 'a b'"
  entrypoint    = ["/bin/entry"]
  env           = { TOKEN = var.token, NOPE = null, N = 1, B = true, CPUS = host.cpus }
  env_file      = ["dev.env", "more.env"]
  path          = ["/opt/bin"]
  user          = "dev${jsonencode(var.typed) == "1" ? "x" : ""}"
  login         = "root"
  groups        = ["docker"]
  workdir       = "/workspace"
  shell         = "/bin/bash"
  restart       = "on-failure:3"
  stop_signal   = "SIGQUIT"
  stop_timeout  = "30s"
  wait_timeout  = "2m"
  cpus          = 1.5
  memory        = "2g"
  shm_size      = "64m"
  gpus          = "all" # GATE: gpu
  ulimits       = { nofile = 1024, nproc = { soft = 1, hard = 2 } }
  platform      = "linux/arm64"
  cap_add       = ["CAP_NET_ADMIN"] # GATE: NET_ADMIN
  cap_drop      = ["all"]
  devices       = ["/dev/fuse", "/dev/kvm:/dev/kvm2:r"] # GATE: /dev/fuse # GATE: /dev/kvm
  security_opt  = ["seccomp=unconfined"]                # GATE: seccomp=unconfined
  sysctls       = { "net.core.somaxconn" = 1024 }
  hostname      = "web.example.com"
  aliases       = ["www.local"]
  network_mode  = "bridge"
  dns           = ["10.0.0.1"]
  extra_hosts   = { "api.example.com" = "10.0.0.2", "gw" = "host-gateway" }

  port "http" {
    guest    = 3000
    host     = 3000
    auto     = true
    protocol = "tcp"
    address  = "127.0.0.2"
  }
  port "8080" {}
  port "public" {
    guest   = 53
    address = "0.0.0.0" # a comment
    protocol = "udp"
  } # GATE-ANYWHERE: public port: box "web" publishes port "public"

  share "src" {
    target    = "/workspace"
    mode      = "bind"
    read_only = true
  }
  share "conf" {
    source = "/etc/app" # GATE: share: box "web" shares /etc/app
    target = "/conf"
    mode   = "copy"
  }
  share "new" {
    target = "/new"
    create = true
  }
  volume "mine" {
    target    = "/mine"
    read_only = true
  }
  volume "shared" { target = "/shared" }
  tmpfs "/tmp/x" { size = "64m" }
  network "back" {
    aliases = ["w"]
    ip      = "10.9.0.${10 + self.index}"
  }
  network "default" {}
  file "/etc/app.conf" {
    content = "token=${var.token}\n"
    mode    = "0600"
    owner   = "root:root"
  }
  file "/etc/hello" { source = "hello.txt" }
  setup "tools" {
    run      = "make install"
    user     = "build"
    env      = { A = "b" }
    inputs   = ["src/**"]
    packages = ["make"]
  }
  provision "deps" {
    run     = "make deps ${var.token}"
    inputs  = ["src/*.go"]
    user    = "dev"
    env     = { T = var.token }
    timeout = "10m"
    after   = "healthy"
  }
  provision "always" {
    run  = "x"
    when = "always"
  }
  healthcheck {
    command      = "curl -fsS localhost:3000"
    interval     = "5s"
    timeout      = "2s"
    retries      = 5
    start_period = "1m"
  }
}

box "db" {
  service = true
  primary = true
  build {
    context    = "app"
    dockerfile = "Dockerfile.dev"
    target     = "run"
    args       = { V = "1" }
  }
}

template "small" {
  image = "busybox"
}

box "jobs" {
  from    = template.small
  oneshot = true
  command = ["true"]
}

box "side" {
  image        = "busybox"
  network_mode = "box:db"
  read_only    = true
  privileged   = true # GATE: privileged
}

box "off" {
  enabled = false
}

# What is off may be unfinished.
box "unfinished" {
  image = "debian"
  share "later" { enabled = false }
  provision "later" { enabled = false }
}

cache {
  registry = "registry.example.com/team/cache" # GATE: cache: images are taken from registry.example.com/team/cache
}
