package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const members = `
box "own" {
  build {}
  groups  = ["video", "made", "4713"]
  command = "sh -c 'id -G; sleep 1000'"
  share "conf" {
    target = "/conf"
    mode   = "copy"
  }
  provision "who" { run = "id -G >/tmp/who" }
}

box "named" {
  build {}
  user   = "node"
  login  = "0"
  groups = ["video"]
  share "conf" {
    target = "/srv/conf"
    mode   = "copy"
  }
}

box "locked" {
  build {}
  user     = "4242:4243"
  cap_drop = ["ALL"]
  groups   = ["video", "4713"]
  command  = "sh -c 'id -G; sleep 1000'"
  share "conf" {
    target = "/conf"
    mode   = "copy"
  }
  healthcheck {
    command  = "test \"$(id -G)\" = '4243 44 4713'"
    interval = "1s"
  }
}
`

// TestMembers: copies belong to the box's user, and groups are its own, also where only the image knows that user and
// where no user can be made.
func TestMembers(t *testing.T) {
	t.Parallel()
	p := newProject(t, members)
	p.file("Dockerfile", fmt.Sprintf(`FROM %s
RUN echo 'node:x:1500:1501::/tmp:/bin/sh' >>/etc/passwd && printf 'node:x:1501:\nvideo:x:44:\n' >>/etc/group && mkdir -p /srv/conf && touch /srv/conf/of-image
USER node
`, tiny))
	p.file(".dockerignore", "*\n!Dockerfile\n")
	if err := os.Mkdir(filepath.Join(p.dir, "conf"), 0o755); err != nil {
		t.Fatal(err)
	}
	p.file("conf/a", "copied\n")
	p.ok("up")
	for _, tc := range []struct {
		box, script, want string
	}{
		{"own", "stat -c %u:%g /conf /conf/a; id -G; cat /tmp/who", "1500:1501\n1500:1501\n1501 44 999 4713\n1501 44 999 4713\n"},
		{"named", "stat -c %u:%g /srv/conf/a /srv/conf/of-image; id -G", "1500:1501\n0:0\n0 44\n"},
		{"locked", "stat -c %u:%g /conf/a; id -G", "4242:4243\n4243 44 4713\n"},
	} {
		if r := p.run("exec", tc.box, "sh", "-c", tc.script); r.stdout != tc.want {
			t.Errorf("%s: %s\ngot  %q\nwant %q\n%s", tc.box, tc.script, r.stdout, tc.want, r.stderr)
		}
	}
	if r := p.ok("logs", "own", "locked"); !strings.Contains(r.stdout, "1501 44 999 4713") || !strings.Contains(r.stdout, "4243 44 4713") {
		t.Errorf("the commands' groups:\n%s", r.stdout)
	}
	if r := p.ok("run", "own", "id", "-G"); r.stdout != "1501 44 999 4713\n" {
		t.Errorf("run: %q", r.stdout)
	}
	p.quiet()
	p.write(strings.Replace(members, `["video", "4713"]`, `["vidoe", "4713"]`, 1))
	if r := p.want(1, "up", "locked"); !strings.Contains(r.stderr, `the image has no group "vidoe"`) || !strings.Contains(r.stderr, "Envfile:") {
		t.Errorf("a group that nobody can make: %s", r.stderr)
	}
}
