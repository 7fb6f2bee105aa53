package drivertest

import (
	"bytes"
	"strings"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

func configurationTests() []test {
	return append([]test{
		{"environment", testEnvironment},
		{"path", testPath},
		{"working directory", testWorkdir},
		{"made user", testMadeUser},
		{"numeric user", testNumericUser},
		{"hostname", testHostname},
		{"entrypoint and command", testEntrypoint},
		{"image missing", testImageMissing},
		{"copied folder", testCopyIn},
		{"copied folder's owner", testCopyInOwner},
	}, groupTests()...)
}

func testEnvironment(b *bench) {
	id := b.up("web", command("echo \"command sees $PLAIN\"; sleep 1000"), func(n *driver.NewBox) {
		n.Spec.Env = resource.StrMap{"PLAIN": "a b='c' \"d\" $e", "EMPTY": ""}
		n.Spec.SecretEnv = resource.StrMap{"TOKEN": "keyed-hash"}
		n.Secrets = map[string]string{"TOKEN": "s3cret"}
	})
	b.want(id, `echo "$PLAIN/$EMPTY/$TOKEN"`, `a b='c' "d" $e//s3cret`)
	b.wantLog(id, `command sees a b='c' "d" $e`)
	if o := b.box(id); o.Labels[resource.LabelSpec] != o.Spec {
		b.Error("the spec differs from its label")
	}
}

func testPath(b *bench) {
	id := b.up("web", func(n *driver.NewBox) { n.Spec.Path = []string{"/opt/tool/bin"} })
	out, _ := b.exec(id, `echo "$PATH"`)
	rest, ok := strings.CutPrefix(out, "/opt/tool/bin:")
	if !ok || !strings.HasPrefix(rest, "/") {
		b.Errorf("PATH is %q: the added folder before the image's own is wanted", out)
	}
}

func testWorkdir(b *bench) {
	id := b.up("web", command("pwd; sleep 1000"), func(n *driver.NewBox) {
		n.Spec.Workdir = "/work"
		n.Spec.Mounts = []resource.MountSpec{{Type: resource.MountTmpfs, Target: "/work"}}
	})
	b.wantLog(id, "/work")
}

// wantLog polls until the box has printed the line.
func (b *bench) wantLog(id, line string) {
	b.Helper()
	b.eventually("line "+line, func() bool { return contains(b.logs(id, driver.LogOptions{Tail: -1}), line) })
}

func testMadeUser(b *bench) {
	id := b.up("web", command(`echo "$(id -u):$(id -g):$(id -un)"; sleep 1000`), func(n *driver.NewBox) {
		n.Spec.User = &resource.UserSpec{Name: "dev", UID: 4711, GID: 4712}
	})
	b.wantLog(id, "4711:4712:dev")
	b.wantAs(id, "dev", "id -u", "4711")
	b.want(id, "id -u", "0")
}

func (b *bench) wantAs(id, user, script, want string) {
	b.Helper()
	out, code := b.run(id, driver.Exec{Argv: []string{"sh", "-c", script}, User: user}, nil)
	if code != 0 || out != want+"\n" {
		b.Errorf("%s as %s: exit code %d, printed %q, want %q", script, user, code, out, want)
	}
}

func testNumericUser(b *bench) {
	id := b.up("web", command(`echo "$(id -u):$(id -g)"; sleep 1000`), func(n *driver.NewBox) {
		n.Spec.User = &resource.UserSpec{Name: "4711:4712"}
	})
	b.wantLog(id, "4711:4712")
	b.wantAs(id, "4711:4712", "id -g", "4712")
}

func testHostname(b *bench) {
	id := b.up("web", onDefault(b.network("default")), func(n *driver.NewBox) { n.Hostname = "front.example.test" })
	b.want(id, "hostname", "front.example.test")
}

func testEntrypoint(b *bench) {
	id := b.up("web", func(n *driver.NewBox) {
		n.Spec.Entrypoint = &resource.Argv{"sh", "-c", `echo "$0 $1"; sleep 1000`}
		n.Spec.Command = &resource.Argv{"one", "two words"}
	})
	b.wantLog(id, "one two words")
}

func testImageMissing(b *bench) {
	n := b.newBox("web")
	n.Image = b.Prefix + "/no-such-image:1"
	_, err := b.tracked(n)
	b.wantKind("create from a missing image", err, driver.NotFound)
	if left := b.observe().Boxes; len(left) != 0 {
		b.Errorf("the failed create left %+v", left)
	}
}

func testCopyIn(b *bench) {
	id := b.create(b.newBox("web"))
	archive := func() *tarFile {
		return newTar(b.T, map[string]string{"a.txt": "A\n", "sub/b.txt": "B\n"})
	}
	b.must(b.d.CopyIn(b.ctx, id, archive(), "/srv/copy"))
	b.start(id)
	b.want(id, "cat /srv/copy/a.txt /srv/copy/sub/b.txt", "A\nB")
	b.must(b.d.CopyIn(b.ctx, id, archive(), "/srv/again"))
	b.want(id, "cat /srv/again/sub/b.txt", "B")
}

// testCopyInOwner: what is copied belongs to the box's user, before the box ran and after; what was there does not.
func testCopyInOwner(b *bench) {
	for name, tc := range map[string]struct {
		user *resource.UserSpec
		want string
	}{
		"nobody":  {nil, "0:0"},
		"root":    {&resource.UserSpec{Name: "root"}, "0:0"},
		"number":  {&resource.UserSpec{Name: "4711"}, "4711:0"},
		"numbers": {&resource.UserSpec{Name: "4711:4712"}, "4711:4712"},
		"made":    {&resource.UserSpec{Name: "dev", UID: 4711, GID: 4712}, "4711:4712"},
		"adopted": {&resource.UserSpec{Name: "dev", UID: 4711, GID: 4712, Adopt: true}, "4711:4712"},
	} {
		id := b.create(b.newBox(name, func(n *driver.NewBox) { n.Spec.User = tc.user }))
		archive := func() *tarFile { return newTar(b.T, map[string]string{"a.txt": "A\n", "sub/b.txt": "B\n"}) }
		b.must(b.d.CopyIn(b.ctx, id, archive(), "/srv/copy"))
		b.start(id)
		b.must(b.d.CopyIn(b.ctx, id, archive(), "/srv/copy/later"))
		b.want(id, "stat -c %u:%g /srv/copy/a.txt /srv/copy/sub /srv/copy/sub/b.txt /srv/copy/later/a.txt /etc",
			strings.Repeat(tc.want+"\n", 4)+"0:0")
	}
}

// groupTests: the groups of a box are those of its user and of its user of shells, whoever these are.
func groupTests() []test {
	dev := &resource.UserSpec{Name: "dev", UID: 4711, GID: 4712}
	number := &resource.UserSpec{Name: "4711:4712"}
	root := &resource.UserSpec{Name: "root"}
	var tests []test
	for name, tc := range map[string]groupCase{
		"the image's user":              {resource.BoxSpec{}, "0 4713", ""},
		"root":                          {resource.BoxSpec{User: root}, "0 4713", ""},
		"a made user":                   {resource.BoxSpec{User: dev}, "4712 4713", ""},
		"a number":                      {resource.BoxSpec{User: number}, "4712 4713", ""},
		"another user of shells":        {resource.BoxSpec{User: dev, Login: root}, "4712 4713", "0 4713"},
		"a name without root":           {resource.BoxSpec{User: dev, ReadOnly: true}, "4712 4713", ""},
		"a number without capabilities": {resource.BoxSpec{User: number, CapDrop: []string{"ALL"}}, "4712 4713", ""},
		"root without capabilities":     {resource.BoxSpec{CapDrop: []string{"ALL"}}, "0 4713", ""},
	} {
		tests = append(tests, test{"groups of " + name, tc.run})
	}
	return tests
}

// groupCase is a box with the group 4713: what id -G says, and says of the user of shells where that is another.
type groupCase struct {
	spec        resource.BoxSpec
	want, login string
}

// run looks wherever something runs in the box.
func (c groupCase) run(b *bench) {
	check := resource.HealthSpec{Command: []string{"CMD-SHELL", `test "$(id -G)" = "` + c.want + `"`}, Interval: 1000}
	id := b.up("web", command("id -G; sleep 1000"), func(n *driver.NewBox) {
		n.Spec.User, n.Spec.Login, n.Spec.ReadOnly, n.Spec.CapDrop = c.spec.User, c.spec.Login, c.spec.ReadOnly, c.spec.CapDrop
		n.Spec.Groups, n.Spec.Healthcheck = []string{"4713"}, &check
		n.Spec.Mounts = []resource.MountSpec{{Type: resource.MountTmpfs, Target: "/tmp"}}
	})
	b.wantLog(id, c.want)
	b.must(b.d.WaitHealthy(b.ctx, id, check))
	b.eventually("the engine's own check passes", func() bool { return b.box(id).Health == resource.HealthHealthy })
	users := map[string]string{"": c.want}
	if u := c.spec.User; u != nil {
		users[u.Name] = c.want
	}
	if u := c.spec.Login; u != nil {
		users[u.Name] = c.login
	}
	for user, want := range users {
		b.wantAs(id, user, "id -G", want)
		var out bytes.Buffer
		b.must(b.d.Provision(b.ctx, id, resource.ProvisionScript{Name: "p", Script: "id -G", User: user}, &out))
		if out.String() != want+"\n" {
			b.Errorf("a provisioner as %q has the groups %q, want %q", user, out.String(), want)
		}
	}
}
