package drivertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// patience bounds every wait for something that will come.
const patience = 20 * time.Second

// bench is a project of its own on the engine, for one test.
type bench struct {
	*testing.T
	Engine
	d       driver.Engine
	ctx     context.Context
	fact    resource.ImageFact
	project string
	id      resource.Identity
	*made
}

// made is what must be removed in the end, beside what the labels name.
type made struct {
	mu       sync.Mutex
	boxes    []string
	networks []string
	volumes  []string
	images   []string // references
}

func (m *made) keep(list *[]string, id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	*list = append(*list, id)
}

func newBench(t *testing.T, e Engine, fact resource.ImageFact) *bench {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	project := e.Prefix + "-" + resource.Digest(t.Name())[:8]
	b := &bench{T: t, Engine: e, d: e.Driver, ctx: ctx, fact: fact, project: project, id: e.Identity(project), made: &made{}}
	t.Cleanup(b.clean)
	return b
}

// other is another checkout's project on the same engine, removed together with this one.
func (b *bench) other() *bench {
	c := *b
	c.project = b.project + "-b"
	c.id = b.Identity(c.project)
	return &c
}

// clean removes all that the test made, found by its labels or tracked by id.
func (b *bench) clean() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), time.Minute)
	defer cancel()
	if b.Failed() {
		b.evidence(ctx)
	}
	seen, err := b.d.Observe(ctx, b.id)
	if err != nil {
		b.Errorf("clean up: %v", err)
	}
	for _, o := range seen.Boxes {
		b.boxes = append(b.boxes, o.ID)
	}
	for _, o := range seen.Networks {
		b.networks = append(b.networks, o.ID)
	}
	for _, o := range seen.Volumes {
		b.volumes = append(b.volumes, o.Name)
	}
	var errs []error
	for _, id := range b.boxes {
		errs = append(errs, b.d.RemoveBox(ctx, id))
	}
	for _, id := range b.networks {
		errs = append(errs, b.d.RemoveNetwork(ctx, id))
	}
	for _, name := range b.volumes {
		errs = append(errs, b.d.RemoveVolume(ctx, name))
	}
	for _, ref := range b.images {
		errs = append(errs, b.d.RemoveImage(ctx, ref))
	}
	if err := errors.Join(errs...); err != nil {
		b.Errorf("clean up: %v", err)
	}
}

// evidence logs what the engine says of the boxes and what they printed.
func (b *bench) evidence(ctx context.Context) {
	seen, _ := b.d.Observe(ctx, b.id)
	for _, n := range seen.Networks {
		b.Logf("network %s %s", n.Name, n.ID)
	}
	for _, o := range seen.Boxes {
		detail, err := b.d.Detail(ctx, o.ID)
		b.Logf("box %s: %s %q health %q exit %d; %+v (%v)", o.Name, o.State, o.Status, o.Health, o.ExitCode, detail, err)
		record, err := b.d.Record(ctx, o.ID)
		b.Logf("box %s record: %+v (%v)", o.Name, record, err)
		var out bytes.Buffer
		err = b.d.Logs(ctx, o.ID, driver.LogOptions{Tail: 20}, &out, &out)
		b.Logf("box %s printed (%v):\n%s", o.Name, err, out.String())
	}
}

// newBox describes an idle box without a network, which every engine starts fastest.
func (b *bench) newBox(name string, change ...func(*driver.NewBox)) driver.NewBox {
	n := driver.NewBox{
		Name: resource.BoxName(b.project, name), Hostname: name, Image: b.Image, Fact: b.fact,
		Spec: resource.BoxSpec{Version: resource.SpecVersion, Image: resource.ImageSpec{Reference: b.Image}, NetworkMode: "none"},
	}
	for _, f := range change {
		f(&n)
	}
	n.Labels = b.labels(resource.Owner{Box: name, Index: 1, Version: "test"})
	n.Labels[resource.LabelSpec], n.Labels[resource.LabelSpecHash] = n.Spec.Encode(), n.Spec.Hash()
	for k, v := range n.Spec.Labels {
		n.Labels[k] = v
	}
	return n
}

func (b *bench) labels(o resource.Owner) map[string]string { return b.id.Labels(o) }

// command makes the box run a script.
func command(script string) func(*driver.NewBox) {
	return func(n *driver.NewBox) { n.Spec.Command = &resource.Argv{"sh", "-c", script} }
}

// tracked is CreateBox with the id kept for the clean-up; safe for concurrent use.
func (b *bench) tracked(n driver.NewBox) (string, error) {
	id, err := b.d.CreateBox(b.ctx, n)
	if err == nil {
		b.keep(&b.boxes, id)
	}
	return id, err
}

func (b *bench) create(n driver.NewBox) string {
	b.Helper()
	id, err := b.tracked(n)
	if err != nil {
		b.Fatalf("create %s: %v", n.Name, err)
	}
	if id == "" {
		b.Fatalf("create %s: no id", n.Name)
	}
	return id
}

func (b *bench) start(id string) {
	b.Helper()
	b.must(b.d.StartBox(b.ctx, id, ""))
}

// up creates and starts a box.
func (b *bench) up(name string, change ...func(*driver.NewBox)) string {
	b.Helper()
	id := b.create(b.newBox(name, change...))
	b.start(id)
	return id
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// wantKind fails the test unless err is of that kind.
func (b *bench) wantKind(what string, err error, kinds ...driver.Kind) {
	b.Helper()
	for _, k := range kinds {
		if driver.Is(err, k) {
			return
		}
	}
	b.Errorf("%s: error %v is of none of the kinds %v", what, err, kinds)
}

// exec runs a script as root and gives what it printed on both streams.
func (b *bench) exec(id, script string) (string, int) {
	b.Helper()
	var out bytes.Buffer
	code, err := b.d.Exec(b.ctx, id, driver.Exec{Argv: []string{"sh", "-c", script}, User: "root"}, driver.Streams{Out: &out, Err: &out})
	if err != nil {
		b.Fatalf("exec %q: %v", script, err)
	}
	return out.String(), code
}

// want runs a script, which must end with 0 and print want.
func (b *bench) want(id, script, want string) {
	b.Helper()
	if got, code := b.exec(id, script); code != 0 || strings.TrimSpace(got) != want {
		b.Errorf("%s: exit code %d, printed %q, want %q", script, code, got, want)
	}
}

// holds runs a script that must end with 0.
func (b *bench) holds(id, script string) {
	b.Helper()
	if got, code := b.exec(id, script); code != 0 {
		b.Errorf("%s: exit code %d, printed %q", script, code, got)
	}
}

// eventually polls until f holds.
func (b *bench) eventually(what string, f func() bool) {
	b.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-deadline.C:
			b.Fatalf("%s: not within %v", what, patience)
		case <-b.ctx.Done():
			b.Fatalf("%s: %v", what, b.ctx.Err())
		case <-tick.C:
		}
	}
}

// eventuallyIn polls until a script in the box ends with 0.
func (b *bench) eventuallyIn(id, script string) {
	b.Helper()
	b.eventually(script, func() bool { _, code := b.exec(id, script); return code == 0 })
}

func (b *bench) observe() resource.Observed {
	b.Helper()
	seen, err := b.d.Observe(b.ctx, b.id)
	b.must(err)
	return seen
}

// seen finds a box in the list; ok is false when it is not there.
func (b *bench) seen(id string) (resource.BoxObserved, bool) {
	b.Helper()
	for _, o := range b.observe().Boxes {
		if o.ID == id {
			return o, true
		}
	}
	return resource.BoxObserved{}, false
}

func (b *bench) box(id string) resource.BoxObserved {
	b.Helper()
	o, ok := b.seen(id)
	if !ok {
		b.Fatalf("box %s is not in the list", id)
	}
	return o
}

func (b *bench) wantState(id string, want resource.State) {
	b.Helper()
	if got := b.box(id).State; got != want {
		b.Errorf("state is %s, want %s", got, want)
	}
}

func (b *bench) detail(id string) resource.BoxDetail {
	b.Helper()
	d, err := b.d.Detail(b.ctx, id)
	b.must(err)
	return d
}

func (b *bench) record(id string) resource.Record {
	b.Helper()
	r, err := b.d.Record(b.ctx, id)
	b.must(err)
	if !r.Known {
		b.Fatal("the record is unknown")
	}
	return r
}

// newNetwork describes a network of the project.
func (b *bench) newNetwork(label string) driver.NewNetwork {
	return driver.NewNetwork{Name: resource.NetworkName(b.project, label), Labels: b.labels(resource.Owner{Network: label, Version: "test"})}
}

func (b *bench) network(label string) driver.NetworkRef {
	b.Helper()
	n := b.newNetwork(label)
	id, err := b.d.CreateNetwork(b.ctx, n)
	b.must(err)
	b.keep(&b.networks, id)
	return driver.NetworkRef{ID: id, Name: n.Name}
}

// on puts the box on networks of these labels; the first is its own.
func on(refs map[string]driver.NetworkRef, joins ...resource.NetworkJoin) func(*driver.NewBox) {
	return func(n *driver.NewBox) {
		n.Spec.NetworkMode, n.Spec.Networks, n.Networks = "", joins, refs
	}
}

func (b *bench) volume(label string) string {
	b.Helper()
	v := driver.NewVolume{Name: resource.VolumeName(b.project, "", label), Labels: b.labels(resource.Owner{Volume: label, Version: "test"})}
	_, err := b.d.CreateVolume(b.ctx, v)
	b.must(err)
	return v.Name
}

// together runs f n times at once and gives the errors in order.
func together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var begin, end sync.WaitGroup
	begin.Add(1)
	for i := range n {
		end.Go(func() {
			begin.Wait()
			errs[i] = f(i)
		})
	}
	begin.Done()
	end.Wait()
	return errs
}

// isScript asks for a script's own failure with that code.
func isScript(err error, code int) error {
	var s *driver.ScriptError
	if !errors.As(err, &s) {
		return fmt.Errorf("%v is no ScriptError", err)
	}
	if s.Code != code {
		return fmt.Errorf("exit code %d, want %d (%s)", s.Code, code, s.Output)
	}
	return nil
}
