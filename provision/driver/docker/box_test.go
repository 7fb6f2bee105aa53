package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/versions"

	"github.com/envyhq/envy/internal/agent/wire"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/resource"
)

// project is a project on a real engine; everything of it is removed when the test ends.
type project struct {
	*testing.T
	e  *Engine
	id resource.Identity
}

func newProject(t *testing.T, e *Engine) project {
	t.Helper()
	name := "envydrv-" + randomHex(4)
	p := project{T: t, e: e, id: resource.Identity{Checkout: name, HostID: "h", User: "1", Path: "/x", Project: name}}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		seen, err := e.Observe(ctx, p.id)
		if err != nil {
			t.Error(err)
		}
		for _, b := range seen.Boxes {
			p.must(e.RemoveBox(ctx, b.ID))
		}
		for _, n := range seen.Networks {
			p.must(e.RemoveNetwork(ctx, n.ID))
		}
		for _, v := range seen.Volumes {
			p.must(e.RemoveVolume(ctx, v.Name))
		}
	})
	return p
}

func (p project) must(err error) {
	p.Helper()
	if err != nil {
		p.Error(err)
	}
}

func (p project) box(spec resource.BoxSpec) driver.NewBox {
	p.Helper()
	fact, err := p.e.Image(p.Context(), testImage, "")
	if err != nil {
		p.Fatal(err)
	}
	spec.Version = resource.SpecVersion
	if spec.NetworkMode == "" {
		spec.NetworkMode = "none"
	}
	return driver.NewBox{
		Name: p.id.Project + "-web", Hostname: "web", Image: testImage, Fact: fact, Spec: spec,
		Labels: p.id.Labels(resource.Owner{Box: "web", Index: 1}),
	}
}

func (p project) up(b driver.NewBox) string {
	p.Helper()
	id, err := p.e.CreateBox(p.Context(), b)
	if err != nil {
		p.Fatal(err)
	}
	if err := p.e.StartBox(p.Context(), id, b.Spec.Restart); err != nil {
		p.Fatal(err)
	}
	return id
}

func (p project) sh(id, script string) string {
	p.Helper()
	var out bytes.Buffer
	code, err := p.e.Exec(p.Context(), id, driver.Exec{Argv: []string{"sh", "-c", script}}, driver.Streams{Out: &out, Err: &out})
	if err != nil {
		p.Fatal(err)
	}
	if code != 0 {
		p.Fatalf("%s: exit code %d, %s", script, code, out.String())
	}
	return strings.TrimSpace(out.String())
}

// What says no user runs as the box's own.
func TestTheBoxesOwnUser(t *testing.T) {
	p := newProject(t, openEngine(t))
	b := p.box(resource.BoxSpec{})
	b.Fact.User = "4711:4712"
	id := p.up(b)
	if got := p.sh(id, "id -u; id -g"); got != "4711\n4712" {
		t.Errorf("exec runs as %q", got)
	}
	p.must(p.e.Provision(t.Context(), id, resource.ProvisionScript{Name: "a", Script: "test $(id -u) = 4711"}, nil))
}

// A box that cannot have users made runs as a number, and remembers what ran in it as any other does.
func TestUnprivilegedBox(t *testing.T) {
	e := openEngine(t)
	for name, spec := range map[string]resource.BoxSpec{
		"read-only": {ReadOnly: true, Mounts: []resource.MountSpec{{Type: resource.MountTmpfs, Target: "/tmp"}}},
		"dropped":   {CapDrop: []string{"ALL"}},
	} {
		t.Run(name, func(t *testing.T) { testUnprivileged(newProject(t, e), spec) })
	}
}

func testUnprivileged(p project, spec resource.BoxSpec) {
	t := p.T
	spec.User = &resource.UserSpec{Name: "dev", UID: 4711, GID: 4712}
	id := p.up(p.box(spec))
	if got := p.sh(id, "id -u; id -g; touch /x 2>/dev/null || echo fixed"); got != "4711\n4712\nfixed" {
		t.Errorf("got %q", got)
	}
	as := driver.Exec{Argv: []string{"true"}, User: "dev"}
	if code, err := p.e.Exec(t.Context(), id, as, driver.Streams{}); code != 0 || err != nil {
		t.Errorf("as the user it is: %d, %v", code, err)
	}
	p.must(p.e.WaitHealthy(t.Context(), id, resource.HealthSpec{Command: []string{"CMD-SHELL", "test $(id -u) = 4711"}}))
	script := resource.ProvisionScript{Name: "deps", Hash: "h1", Script: "test $(id -u) = 4711", User: "dev"}
	p.must(p.e.Provision(t.Context(), id, script, nil))
	p.must(p.e.Release(t.Context(), id, nil))
	for _, when := range []string{"running", "stopped", "started again"} {
		record, err := p.e.Record(t.Context(), id)
		p.must(err)
		if !record.Known || !record.Released || record.Runs["deps"].Hash != "h1" {
			t.Errorf("%s: record %+v", when, record)
		}
		if when == "running" {
			p.must(p.e.StopBox(t.Context(), id, time.Second))
		} else {
			p.must(p.e.StartBox(t.Context(), id, ""))
		}
	}
	got, err := p.e.api.ContainerInspect(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	p.must(p.e.RemoveBox(t.Context(), id))
	for _, m := range got.Mounts {
		if m.Destination != wire.StateDir {
			continue
		}
		if _, err := p.e.api.VolumeInspect(t.Context(), m.Name); !driver.Is(p.e.classify(err, "", ""), driver.NotFound) {
			t.Errorf("the record's volume %s is left (%v)", m.Name, err)
		}
	}
}

// A host folder that is gone makes the engine deny every path: what is in the box is unknown, not absent.
func TestGroupThatNobodyCanMake(t *testing.T) {
	p := newProject(t, openEngine(t))
	b := p.box(resource.BoxSpec{ReadOnly: true, Groups: []string{"7", "nogroup", "render"}})
	_, err := p.e.CreateBox(t.Context(), b)
	if !driver.Is(err, driver.Invalid) || !strings.Contains(err.Error(), `no group "render"`) {
		t.Errorf("error %v", err)
	}
	if seen, err := p.e.Observe(t.Context(), p.id); err != nil || len(seen.Boxes) > 0 {
		t.Errorf("left: %+v, %v", seen.Boxes, err)
	}
	b.Spec.Groups = b.Spec.Groups[:2]
	if got := p.sh(p.up(b), "id -G"); got != "0 7 65534" {
		t.Errorf("groups %q", got)
	}
}

func TestOpenSystemPathsOnEngine(t *testing.T) {
	p := newProject(t, openEngine(t))
	id := p.up(p.box(resource.BoxSpec{SecurityOpt: []string{"systempaths=unconfined"}}))
	if got := p.sh(id, "grep -c ' /proc/' /proc/mounts; true"); got != "0" {
		t.Errorf("%s paths below /proc are hidden or read-only", got)
	}
}

func TestGoneShareIsUnknown(t *testing.T) {
	p := newProject(t, openEngine(t))
	source := t.TempDir() + "/share"
	if err := os.Mkdir(source, 0o755); err != nil {
		t.Fatal(err)
	}
	id := p.up(p.box(resource.BoxSpec{Mounts: []resource.MountSpec{{Type: resource.MountBind, Source: source, Target: "/work"}}}))
	if err := os.Remove(source); err != nil {
		t.Fatal(err)
	}
	record, err := p.e.Record(t.Context(), id)
	if err != nil || !record.Known {
		t.Errorf("of a running box its agent knows: %+v, %v", record, err)
	}
	p.must(p.e.StopBox(t.Context(), id, time.Second))
	record, err = p.e.Record(t.Context(), id)
	if err != nil || record.Known {
		t.Errorf("of a stopped box nothing is known: %+v, %v", record, err)
	}
	stats, complete, err := p.e.Stat(t.Context(), id, []string{"/bin/sh"})
	if err != nil || complete || len(stats) != 0 {
		t.Errorf("stat: %+v, %t, %v", stats, complete, err)
	}
	if err := p.e.StartBox(t.Context(), id, "always"); !driver.Is(err, driver.Failed) && !driver.Is(err, driver.Invalid) {
		t.Errorf("start without the share: %v", err)
	}
	if d, err := p.e.Detail(t.Context(), id); err != nil || d.Restart != "no" {
		t.Errorf("a start that failed left the policy %q (%v)", d.Restart, err)
	}
}

// A record that came with the image is another box's.
func TestRecordOfTheImageIsNotTheBoxes(t *testing.T) {
	p := newProject(t, openEngine(t))
	id := p.up(p.box(resource.BoxSpec{}))
	p.must(p.e.Provision(t.Context(), id, resource.ProvisionScript{Name: "deps", Hash: "h1", Script: "true"}, nil))
	tag := p.id.Project + ":snapshot"
	if _, err := p.e.api.ContainerCommit(t.Context(), id, container.CommitOptions{Reference: tag}); err != nil {
		t.Fatal(err)
	}
	b := p.box(resource.BoxSpec{})
	b.Image, b.Name = tag, p.id.Project+"-web.new"
	t.Cleanup(func() { p.must(p.e.RemoveImage(context.Background(), tag)) })
	second, err := p.e.CreateBox(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"created", "started", "stopped"} {
		record, err := p.e.Record(t.Context(), second)
		if err != nil || !record.Known || len(record.Runs) != 0 {
			t.Errorf("%s: %+v, %v", when, record, err)
		}
		switch when {
		case "created":
			p.must(p.e.StartBox(t.Context(), second, ""))
			p.sh(second, "true") // its agent is ready
		case "started":
			p.must(p.e.StopBox(t.Context(), second, time.Second))
		}
	}
	p.must(p.e.RemoveBox(t.Context(), second))
}

func TestCPUsAreClamped(t *testing.T) {
	said := &event.Recorder{}
	p := newProject(t, openEngine(t, func(o *Options) { o.Events = said }))
	id := p.up(p.box(resource.BoxSpec{NanoCPUs: 4096e9}))
	p.must(p.e.LimitBox(t.Context(), id, driver.Limits{NanoCPUs: 4096e9}))
	about, err := p.e.about(t.Context())
	p.must(err)
	d, err := p.e.Detail(t.Context(), id)
	if err != nil || d.NanoCPUs != int64(about.cpus)*1e9 {
		t.Errorf("limit %d, %v", d.NanoCPUs, err)
	}
	var warnings int
	for _, e := range said.Events() {
		if e.Kind == event.Warning && strings.Contains(e.Text, "cpus") {
			warnings++
		}
	}
	if warnings != 2 {
		t.Errorf("%d warnings: %+v", warnings, said.Events())
	}
}

func TestUnsetVariablesAreGone(t *testing.T) {
	p := newProject(t, openEngine(t))
	id := p.up(p.box(resource.BoxSpec{UnsetEnv: []string{"HOSTNAME"}, Env: resource.StrMap{"KEPT": "1"}}))
	if got := p.sh(id, `/bin/busybox env | /bin/busybox grep -c -e ^HOSTNAME= -e ^KEPT=`); got != "1" {
		t.Errorf("%s of them are there", got)
	}
}

// An unchanged checkout costs a ping and three lists, however many boxes it has.
func TestCallsOfObserve(t *testing.T) {
	var mu sync.Mutex
	var calls []string
	count := func(o *Options) {
		o.OnCall = func(method, path string, _ time.Duration, err error) {
			mu.Lock()
			defer mu.Unlock()
			calls = append(calls, method+" "+path[strings.LastIndexByte(path, '/'):])
		}
	}
	p := newProject(t, openEngine(t))
	p.up(p.box(resource.BoxSpec{}))
	made := 1
	for _, n := range []int{1, 5, 25} {
		for ; made < n; made++ {
			b := p.box(resource.BoxSpec{})
			b.Name = fmt.Sprintf("%s-%d", b.Name, made+1)
			b.Labels = p.id.Labels(resource.Owner{Box: "web", Index: made + 1})
			if _, err := p.e.CreateBox(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		fresh := openEngine(t, count)
		mu.Lock()
		calls = nil // openEngine's own
		mu.Unlock()
		fresh.pinged.done = false
		seen, err := fresh.Observe(t.Context(), p.id)
		if err != nil || len(seen.Boxes) != n {
			t.Fatalf("%d boxes of %d, %v", len(seen.Boxes), n, err)
		}
		mu.Lock()
		slices.Sort(calls)
		if want := []string{"GET /_ping", "GET /json", "GET /networks", "GET /volumes"}; !slices.Equal(calls, want) {
			t.Errorf("calls %v with %d boxes, want %v", calls, n, want)
		}
		mu.Unlock()
	}
}

// Each call is told with its time; streams that bypass HTTP's transport, too.
func TestCallsAreTold(t *testing.T) {
	var mu sync.Mutex
	var calls []string
	p := newProject(t, openEngine(t, func(o *Options) {
		o.OnCall = func(method, path string, took time.Duration, err error) {
			mu.Lock()
			defer mu.Unlock()
			if took <= 0 {
				t.Errorf("%s %s took %v", method, path, took)
			}
			calls = append(calls, fmt.Sprintf("%s %s %t", method, path, err == nil))
		}
	}))
	id := p.up(p.box(resource.BoxSpec{}))
	p.sh(id, "true")
	if _, err := p.e.Detail(t.Context(), "none"); !driver.Is(err, driver.NotFound) {
		t.Errorf("error %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{
		"^GET /_ping true$", "^POST /v1[.0-9]*/containers/create true$", "^POST /exec/[0-9a-f]*/start true$",
		"^GET /v1[.0-9]*/containers/none/json false$",
	} {
		if !slices.ContainsFunc(calls, regexp.MustCompile(want).MatchString) {
			t.Errorf("no call is like %s: %v", want, calls)
		}
	}
}

// A terminal has its size before the program in it looks, where the engine can do that.
func TestSizeFromTheStart(t *testing.T) {
	p := newProject(t, openEngine(t))
	id := p.up(p.box(resource.BoxSpec{}))
	if versions.LessThan(p.e.api.ClientVersion(), sizedVersion) {
		t.Skipf("before API %s an engine tells the size a moment later", sizedVersion)
	}
	size := driver.Size{Columns: 101, Rows: 37}
	var out strings.Builder
	for range 5 {
		_, err := p.e.Exec(t.Context(), id, driver.Exec{Argv: []string{"stty", "size"}, TTY: true}, driver.Streams{Out: &out, Size: size})
		if err != nil {
			t.Fatal(err)
		}
	}
	run := p.box(resource.BoxSpec{})
	run.Name += ".run-0a1b2c"
	run.Run = &driver.Override{Command: []string{"stty", "size"}, TTY: true, Size: size}
	id, err := p.e.CreateBox(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.e.Attach(t.Context(), id, driver.Streams{Out: &out, Size: size}); err != nil {
		t.Fatal(err)
	}
	if want := strings.Repeat("37 101\r\n", 6); out.String() != want {
		t.Errorf("sizes %q", out.String())
	}
}

// An interactive shell ignores TERM; when its client goes, it goes all the same.
func TestTerminalEndsWithItsContext(t *testing.T) {
	p := newProject(t, openEngine(t))
	id := p.up(p.box(resource.BoxSpec{}))
	ctx, cancel := context.WithCancel(t.Context())
	in, typed := io.Pipe()
	defer typed.Close()
	done := make(chan error, 1)
	go func() {
		_, err := p.e.Exec(ctx, id, driver.Exec{Login: true, TTY: true}, driver.Streams{In: in, Out: io.Discard})
		done <- err
	}()
	if _, err := io.WriteString(typed, "echo $$ > /shell\n"); err != nil {
		t.Fatal(err)
	}
	pid := p.sh(id, "until test -s /shell; do sleep 0.02; done; cat /shell")
	p.sh(id, "kill -0 "+pid)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	p.sh(id, "! kill -0 "+pid)
}
