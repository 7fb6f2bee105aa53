//go:build linux

package agent

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/internal/agent/wire"
)

const (
	somePasswd = "root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000:Node:/home/node:/bin/bash\n# a comment\n+::::::\n"
	someGroup  = "root:x:0:\nnode:x:1000:\nstaff:x:20:old\n"
	someShadow = "root:*:1:::::\n"
)

func TestEnsure(t *testing.T) {
	for name, c := range map[string]struct {
		passwd, group, shadow string
		user                  wire.UserBoot
		want                  [3]string // what is in front of passwd, the whole of group, behind shadow
		unchanged             bool
		err                   string
	}{
		"made": {
			somePasswd, someGroup, someShadow, wire.UserBoot{Name: "dev", UID: 501, GID: 502},
			[3]string{"dev:x:501:502::/home/dev:/bin/sh\nroot:", someGroup + "dev:x:502:\n", "dev:*::0:99999:7:::\n"}, false, "",
		},
		"made where the ids are taken": {
			somePasswd, someGroup, someShadow, wire.UserBoot{Name: "dev", UID: 1000, GID: 20},
			[3]string{"dev:x:1000:20::/home/dev:/bin/sh\nroot:", someGroup, "dev:*::0:99999:7:::\n"}, false, "",
		},
		"made where its group's name is taken": {
			somePasswd, someGroup, "", wire.UserBoot{Name: "staff", UID: 501, GID: 502},
			[3]string{"staff:x:501:502:", someGroup + "staff-502:x:502:\n", ""}, false, "",
		},
		"made in an image with nothing": {
			"", "", "", wire.UserBoot{Name: "dev"},
			[3]string{"dev:x:0:0::/home/dev:/bin/sh\n", "dev:x:0:\n", ""}, false, "",
		},
		"groups": {
			somePasswd, someGroup, "", wire.UserBoot{Name: "dev", UID: 1, GID: 1, Groups: []string{"staff", "docker", "998", "20"}},
			[3]string{"dev:", "root:x:0:\nnode:x:1000:\nstaff:x:20:old,dev\ndev:x:1:\ndocker:x:999:dev\ng998:x:998:dev\n", ""}, false, "",
		},
		"there already": {
			somePasswd, someGroup, someShadow, wire.UserBoot{Name: "node", UID: 501, GID: 502}, [3]string{}, true, "",
		},
		"adopted already": {
			somePasswd, someGroup, someShadow, wire.UserBoot{Name: "node", UID: 1000, GID: 1000, Adopt: true}, [3]string{}, true, "",
		},
		"root is not adopted": {
			somePasswd, someGroup, someShadow, wire.UserBoot{Name: "root", UID: 1000, GID: 1000, Adopt: true}, [3]string{}, true, "",
		},
		"adopted": {
			somePasswd, someGroup, someShadow, wire.UserBoot{Name: "node", UID: 501, GID: 502, Adopt: true},
			[3]string{"root:x:0:0:root:/root:/bin/sh\nnode:x:501:502:Node:/home/node:/bin/bash\n", "root:x:0:\nnode:x:502:\nstaff:x:20:old\n", ""}, false, "",
		},
		"adopted to a uid that is taken": {
			somePasswd, someGroup, "", wire.UserBoot{Name: "node", UID: 0, GID: 20, Adopt: true},
			[3]string{"node:x:0:20:Node:/home/node:/bin/bash\nroot:", someGroup, ""}, false, "",
		},
		"line break in a name":  {"", "", "", wire.UserBoot{Name: "a\nroot2:x:0:0"}, [3]string{}, true, "not a name"},
		"sudoers alias":         {"", "", "", wire.UserBoot{Name: "ALL"}, [3]string{}, true, "not a name"},
		"colon in a group":      {somePasswd, someGroup, "", wire.UserBoot{Name: "node", Groups: []string{"a:b"}}, [3]string{}, true, "not a name"},
		"negative id":           {"", "", "", wire.UserBoot{Name: "dev", UID: -1}, [3]string{}, true, "none"},
		"the kernel's no-id":    {"", "", "", wire.UserBoot{Name: "dev", UID: 1<<32 - 1}, [3]string{}, true, "none"},
		"group that is no more": {somePasswd, "short\nwheel:x:10\n", "", wire.UserBoot{Name: "node", Groups: []string{"wheel"}}, [3]string{"root:", "short\nwheel:x:10:node\n", ""}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := &database{parseTable([]byte(c.passwd)), parseTable([]byte(c.group)), parseTable([]byte(c.shadow))}
			_, err := d.ensure(c.user, "/bin/sh")
			if (err == nil) != (c.err == "") || (err != nil && !strings.Contains(err.Error(), c.err)) {
				t.Fatalf("error %v, want %q", err, c.err)
			}
			if c.unchanged {
				if diff := cmp.Diff(c.passwd+c.group+c.shadow, d.passwd.String()+d.group.String()+d.shadow.String()); diff != "" {
					t.Errorf("changed:\n%s", diff)
				}
				return
			}
			if !strings.HasPrefix(d.passwd.String(), c.want[0]) || !strings.HasSuffix(d.passwd.String(), strings.TrimPrefix(c.passwd, "root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000:Node:/home/node:/bin/bash\n")) {
				t.Errorf("passwd:\n%swant in front:\n%s", d.passwd, c.want[0])
			}
			if diff := cmp.Diff(c.want[1], d.group.String()); diff != "" {
				t.Errorf("group:\n%s", diff)
			}
			if !strings.HasSuffix(d.shadow.String(), c.want[2]) || (c.shadow == "") != (len(d.shadow) == 0) {
				t.Errorf("shadow:\n%swant behind:\n%s", d.shadow, c.want[2])
			}
		})
	}
}

// Whatever an image's files hold: doing it twice is doing it once, and no line
// of the image's is lost.
func FuzzEnsure(f *testing.F) {
	f.Add(somePasswd, someGroup, someShadow, "dev", 501, 20, true)
	f.Add("dev:x:1\n:::\n\n", "wheel:x:10\n\ndev", "", "dev", 0, 0, true)
	f.Fuzz(func(t *testing.T, passwd, group, shadow, name string, uid, gid int, adopt bool) {
		d := &database{parseTable([]byte(passwd)), parseTable([]byte(group)), parseTable([]byte(shadow))}
		lines := len(d.passwd)
		user := wire.UserBoot{Name: name, UID: uid, GID: gid, Adopt: adopt, Groups: []string{"wheel", "12"}}
		done, err := d.ensure(user, "/bin/sh")
		if err != nil {
			return
		}
		if done.account.name != name || (done.made && done.account.uid != uid) {
			t.Fatalf("asked for %q %d:%d, got %+v", name, uid, gid, done.account)
		}
		if len(d.passwd) < lines {
			t.Fatal("a line is gone")
		}
		before := d.passwd.String() + d.group.String() + d.shadow.String()
		if _, err := d.ensure(user, "/bin/sh"); err != nil {
			t.Fatalf("the second time: %v", err)
		}
		if diff := cmp.Diff(before, d.passwd.String()+d.group.String()+d.shadow.String()); diff != "" {
			t.Fatalf("the second time changed:\n%s", diff)
		}
	})
}

func TestIdentify(t *testing.T) {
	d := &database{passwd: parseTable([]byte(somePasswd)), group: parseTable([]byte(someGroup + "extra:x:7:node\n"))}
	for user, want := range map[string]identity{
		"":           {uid: 0, gid: 0, groups: []int{0}, name: "root", home: "/root", shell: "/bin/sh"},
		"node":       {uid: 1000, gid: 1000, groups: []int{7, 1000}, name: "node", home: "/home/node", shell: "/bin/bash"},
		"1000":       {uid: 1000, gid: 1000, groups: []int{7, 1000}, name: "node", home: "/home/node", shell: "/bin/bash"},
		"node:staff": {uid: 1000, gid: 20, groups: []int{7, 20}, name: "node", home: "/home/node", shell: "/bin/bash"},
		"5:6":        {uid: 5, gid: 6, groups: []int{6}, home: "/"},
		"5":          {uid: 5, gid: 0, groups: []int{0}, home: "/"},
	} {
		want.rootHome = "/root"
		got, err := d.identify(user, nil)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(identity{})); diff != "" || err != nil {
			t.Errorf("%q: %v\n%s", user, err, diff)
		}
	}
	if got, err := d.identify("5", []string{"staff", "99"}); err != nil || !cmp.Equal(got.groups, []int{0, 20, 99}) {
		t.Errorf("with groups: %v, %v", got.groups, err)
	}
	for _, user := range []string{"nobody", "node:nogroup", "-1", "4294967295", "4294967296", "+5"} {
		if got, err := d.identify(user, nil); err == nil {
			t.Errorf("%q is %+v", user, got)
		}
	}
}

func TestEnvironment(t *testing.T) {
	who := identity{uid: 5, name: "dev", home: "/home/dev", rootHome: "/var/root"}
	for name, c := range map[string]struct{ env, want []string }{
		"none":               {nil, []string{"HOME=/home/dev", "USER=dev", "LOGNAME=dev"}},
		"the engine's HOME":  {[]string{"HOME=/var/root", "A=b"}, []string{"A=b", "HOME=/home/dev", "USER=dev", "LOGNAME=dev"}},
		"given":              {[]string{"HOME=/h", "USER=u", "LOGNAME=l"}, []string{"HOME=/h", "USER=u", "LOGNAME=l"}},
		"given twice, empty": {[]string{"HOME=/h", "HOME="}, []string{"HOME=/home/dev", "USER=dev", "LOGNAME=dev"}},
	} {
		if diff := cmp.Diff(c.want, who.environment(c.env)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	numeric := identity{uid: 5, home: "/"}
	if diff := cmp.Diff([]string{"HOME=/"}, numeric.environment([]string{"HOME=/root"})); diff != "" {
		t.Errorf("a uid without a name:\n%s", diff)
	}
}
