package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const features = `
network "back" { internal = true }
volume "shared" {}

box "migrate" {
  image   = "%[1]s"
  oneshot = true
  command = "sh -c 'echo migrated >> /shared/log'"
  volume "shared" { target = "/shared" }
}

box "app" {
  image      = "%[1]s"
  count      = 2
  depends_on = ["migrate"]
  user       = "dev"
  path       = ["/opt/tools"]
  shell      = "/bin/sh"
  env        = { WHO = "app-${self.index}", PORT = self.port.http.guest }
  memory     = "64m"
  shm_size   = "8m"
  ulimits    = { nofile = 512 }
  restart    = "unless-stopped"
  hostname   = "host-${self.index}.test"
  labels     = { team = "core" }
  sysctls    = { "net.ipv4.ip_unprivileged_port_start" = "0" }
  command    = ["sh", "-c", "cat /etc/app.conf; exec httpd -f -p 8080 -h /srv"]
  port "http" { guest = 8080 }
  share "conf" {
    target = "/conf"
    mode   = "copy"
  }
  share "data" {
    target = "/data"
    create = true
  }
  volume "shared" { target = "/shared" }
  volume "own" { target = "/data/own" }
  tmpfs "/scratch" { size = "1m" }
  file "/etc/app.conf" {
    content = "conf of ${self.name}\n"
    mode    = "0640"
    owner   = "dev"
  }
  network "default" {}
  network "back" { aliases = ["inner"] }
  provision "index" {
    run = <<-SH
      test "$(id -un)" = dev
      mkdir -p /data/own/www
      hostname > /data/own/host
    SH
  }
  provision "after" {
    after = "healthy"
    run   = "echo after >> /shared/log"
    user  = "root"
  }
  setup "page" {
    run    = "mkdir -p /srv && cp page.html /srv/index.html"
    inputs = ["page.html"]
  }
  healthcheck {
    command = "wget -qO- http://127.0.0.1:8080/index.html"
    timeout = "5s"
  }
}

box "side" {
  image        = "%[1]s"
  network_mode = "box:app-1"
  depends_on   = ["app"]
}

box "locked" {
  image     = "%[1]s"
  read_only = true
  cap_drop  = ["ALL"]
  user      = "12345:12345"
  tmpfs "/tmp" {}
}
`

// TestFeatures brings up what the language can say of a box, and asks each of them inside.
func TestFeatures(t *testing.T) {
	t.Parallel()
	p := newProject(t, "")
	p.file("page.html", "<p>page\n")
	if err := os.Mkdir(filepath.Join(p.dir, "conf"), 0o755); err != nil {
		t.Fatal(err)
	}
	p.file("conf/a", "copied\n")
	p.write(fmt.Sprintf(features, tiny))
	p.ok("up")
	for _, tc := range []struct {
		box, script, want string
	}{
		{"app-1", "cat /shared/log", "migrated\nafter\nafter\n"},
		{"app-2", "id -un; echo $WHO $PORT", "dev\napp-2 8080\n"},
		{"app-2", "cat /data/own/host; hostname", "host-2.test\nhost-2.test\n"},
		{"app-1", "cat /etc/app.conf; stat -c '%a %U' /etc/app.conf", "conf of app-1\n640 dev\n"},
		{"app-1", "cat /conf/a; ulimit -n; echo $PATH | cut -d: -f1", "copied\n512\n/opt/tools\n"},
		{"app-1", "wget -qO- http://app-2:8080/; wget -qO- http://inner:8080/", "<p>page\n<p>page\n"},
		{"app-1", "df -k /scratch | tail -1 | awk '{print $2}'", "1024\n"},
		{"app-1", "stat -c %u /data/own", fmt.Sprintln(ownerOf(t, p.dir))},
		{"side", "wget -qO- http://127.0.0.1:8080/", "<p>page\n"},
		{"locked", "id -u; touch /x 2>/dev/null || echo read-only; touch /tmp/x && echo tmp", "12345\nread-only\ntmp\n"},
	} {
		if r := p.run("exec", tc.box, "sh", "-c", tc.script); r.stdout != tc.want {
			t.Errorf("%s: %s\ngot  %q\nwant %q\n%s", tc.box, tc.script, r.stdout, tc.want, r.stderr)
		}
	}
	if _, err := os.Stat(filepath.Join(p.dir, "data", "own")); err != nil {
		t.Errorf("the mount point in the share: %v", err)
	}
	url := "http://" + strings.TrimSpace(p.ok("port", "app-2", "http").stdout)
	if got := get(t, url); got != "<p>page\n" {
		t.Errorf("%s gives %q", url, got)
	}
	p.quiet()
	p.ok("up", "--recreate", "side") // a box that shares a network can be made anew by itself
	p.ok("reload", "app-1")
	if r := p.ok("exec", "app-1", "cat", "/shared/log"); r.stdout != "migrated\nafter\nafter\n" {
		t.Errorf("a reload ran something again: %q", r.stdout)
	}
	p.ok("exec", "side", "wget", "-qO-", "http://127.0.0.1:8080/") // restarted with app-1
	p.quiet()
	p.write(strings.Replace(fmt.Sprintf(features, tiny), "count      = 2", "count      = 3", 1))
	before := p.containers()
	p.ok("up")
	for _, id := range before {
		if !strings.Contains(strings.Join(p.containers(), " "), id) {
			t.Error("scaling up replaced a box")
		}
	}
	p.quiet()
	p.ok("halt")
	if got := p.names(); strings.Contains(got, "running") {
		t.Errorf("after halt: %s", got)
	}
	p.ok("up")
	p.quiet()
	p.ok("suspend", "app-3")
	p.ok("resume")
	if got := p.names(); strings.Contains(got, "paused") {
		t.Errorf("after resume: %s", got)
	}
}
