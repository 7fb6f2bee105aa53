package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/driver/fake"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// snapshotProject is two boxes that share a volume, and one that has its own.
const snapshotProject = `
volume "common" {}
box "db" {
  image   = "postgres:16"
  service = true
  env     = { V = "%[1]s" }
  volume "data" { target = "/data" }
  volume "common" { target = "/common" }
  provision "seed" { run = "test -f /data/seed || echo first > /data/seed; echo run >> /opt/runs" }
}
box "web" {
  image      = "busybox:1"
  depends_on = ["db"]
  file "/etc/web" { content = "conf" }
  port "http" { guest = 80 }
  share "." { target = "/workspace" }
  volume "common" { target = "/common" }
}
box "api" {
  image = "busybox:1"
  volume "common" { target = "/common" }
}
`

func (p *project) scene() *Scene {
	p.t.Helper()
	s, err := Look(p.t.Context(), p.env(), p.id)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

func (p *project) sh(box, script string) string {
	p.t.Helper()
	var out strings.Builder
	for _, b := range p.scene().Boxes {
		if b.Name != box {
			continue
		}
		if _, err := p.engine.Exec(p.t.Context(), b.ID, driver.Exec{Argv: []string{"sh", "-c", script}, User: "root"}, driver.Streams{Out: &out, Err: &out}); err != nil {
			p.t.Fatalf("%s in %s: %v", script, box, err)
		}
		return out.String()
	}
	p.t.Fatalf("no box %s", box)
	return ""
}

func (p *project) save(name string, boxes ...string) *Snapshot {
	p.t.Helper()
	s, err := SaveSnapshot(p.t.Context(), p.env(), p.scene(), SnapshotOptions{Name: name, Boxes: boxes})
	if err != nil {
		p.t.Fatalf("save %s: %v", name, err)
	}
	return s
}

func (p *project) restore(text, name string, boxes ...string) *Outcome {
	p.t.Helper()
	out, err := RestoreSnapshot(p.t.Context(), p.env(), p.load(text), SnapshotOptions{Name: name, Boxes: boxes}, yes)
	if err != nil {
		p.t.Fatalf("restore %s: %v\n%s", name, err, drawn(out))
	}
	return out
}

// ruin changes all that a snapshot keeps.
func (p *project) ruin() {
	p.sh("db", "echo bad > /data/seed; rm /opt/runs; echo more > /opt/more; echo bad > /common/x")
	p.sh("web", "echo bad > /made; rm /etc/motd")
}

// contents are all that a snapshot keeps.
func (p *project) contents() string {
	return p.sh("db", "cat /data/seed /opt/runs /common/x; test -f /opt/more && echo more") + p.sh("web", "cat /made /etc/motd /etc/web /common/x") +
		p.sh("api", "cat /common/x")
}

func filled(t *testing.T) (p *project, text string) {
	p, text = newProject(t), fmt.Sprintf(snapshotProject, "1")
	p.up(text, UpOptions{})
	p.sh("db", "echo good > /common/x")
	p.sh("web", "echo good > /made")
	return p, text
}

func (p *project) empty(text string) {
	p.t.Helper()
	made, err := MakePlan(p.t.Context(), p.env(), p.load(text), UpOptions{})
	if err != nil || !made.Empty() || len(made.Problems) > 0 {
		p.t.Fatalf("there is something to do (%v):\n%s", err, lines(made))
	}
}

func TestSnapshotOfAll(t *testing.T) {
	p, text := filled(t)
	want := p.contents()
	s := p.save("before")
	if diff := cmp.Diff([]string{"api", "db", "web"}, s.Boxes); diff != "" || s.Volumes != 3 || s.Bytes == 0 {
		t.Errorf("saved %+v: %s", s, diff)
	}
	p.empty(text)
	p.ruin()
	if p.contents() == want {
		t.Fatal("nothing was broken")
	}
	out := p.restore(text, "before")
	if got := p.contents(); got != want {
		t.Errorf("restored:\n%s\nsaved:\n%s", got, want)
	}
	p.empty(text)
	if lost := losersOf(out.Plan); !slices.Equal(lost, []string{"db", "web"}) {
		t.Errorf("boxes that lose something: %v\n%s", lost, lines(out.Plan))
	}
	list, err := Snapshots(t.Context(), p.env(), p.scene())
	if err != nil || len(list) != 1 || list[0].Name != "before" || len(list[0].Lacks) > 0 || list[0].Bytes != s.Bytes {
		t.Errorf("listed: %+v, %v", list, err)
	}
	if left := plan.Leavings(p.scene().Observed); len(left) > 0 {
		t.Errorf("left over: %+v", left)
	}
}

func losersOf(p *plan.Plan) []string {
	var out []string
	for _, c := range p.Changes {
		if c.Loss != nil {
			out = append(out, c.Address.Box)
		}
	}
	return out
}

// TestSnapshotOfOne: a box with its volumes; what shares one of them is stopped meanwhile and started again, and keeps all
// else.
func TestSnapshotOfOne(t *testing.T) {
	p, text := filled(t)
	p.save("before", "db")
	p.ruin()
	p.restore(text, "before", "db")
	if got := p.sh("db", "cat /data/seed /opt/runs /common/x"); got != "first\nrun\ngood\n" {
		t.Errorf("db holds %q", got)
	}
	if got := p.sh("web", "cat /made /common/x"); got != "bad\ngood\n" {
		t.Errorf("web holds %q", got)
	}
	p.empty(text)
	_, err := RestoreSnapshot(t.Context(), p.env(), p.load(text), SnapshotOptions{Name: "before", Boxes: []string{"web"}}, yes)
	var none *SnapshotError
	if !errors.As(err, &none) || !strings.Contains(err.Error(), "no box") {
		t.Errorf("a box that the snapshot lacks: %v", err)
	}
}

// TestBoxOfASnapshotIsReplaced: what it would lose is what changed since and what the snapshot held of its own.
func TestBoxOfASnapshotIsReplaced(t *testing.T) {
	p, text := filled(t)
	p.save("before")
	p.restore(text, "before")
	p.sh("web", "echo x > /later")
	p.save("again") // of boxes that run from a snapshot
	for _, name := range []string{"before", "again"} {
		if name == "again" {
			p.restore(text, name)
		}
		made, err := MakePlan(t.Context(), p.env(), p.load(text), UpOptions{Recreate: true, Boxes: []string{"web"}})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(made.Changes, func(c plan.Change) bool { return c.Address.Box == "web" })
		if l := made.Changes[i].Loss; l == nil || !slices.Equal(l.Paths, []string{"/later", "/made"}) {
			t.Errorf("%s: loss %+v", name, l)
		}
		if !strings.Contains(lines(made), "envy snapshot save web NAME") {
			t.Errorf("no hint in\n%s", lines(made))
		}
	}
	p.up(text, UpOptions{Recreate: true})
	if got := p.sh("web", "test -f /made || echo gone"); got != "gone\n" {
		t.Errorf("web %q", got)
	}
}

func TestRestoreFollowsTheEnvfile(t *testing.T) {
	p, text := filled(t)
	want := p.contents()
	p.save("before")
	changed := fmt.Sprintf(snapshotProject, "2")
	p.ruin()
	p.restore(changed, "before")
	if got := p.contents(); got != want {
		t.Errorf("restored:\n%s\nsaved:\n%s", got, want)
	}
	p.empty(changed)
	other := strings.Replace(text, "postgres:16", "redis:7", 1)
	if out := p.restore(other, "before", "db"); !strings.Contains(lines(out.Plan), "another image") {
		t.Errorf("the other image is not told:\n%s", lines(out.Plan))
	}
	made, err := MakePlan(t.Context(), p.env(), p.load(other), UpOptions{})
	if err != nil || !strings.Contains(lines(made), "must be replaced") {
		t.Errorf("the next plan (%v):\n%s", err, lines(made))
	}
}

func TestRestoreAfterDestroy(t *testing.T) {
	p, text := filled(t)
	want := p.contents()
	p.save("before")
	out, err := Destroy(t.Context(), p.env(), p.scene(), ScopeOptions{}, yes)
	if err != nil || !slices.Equal(out.Plan.KeptSnapshots, []string{"before"}) {
		t.Fatalf("destroy: %v, kept %v", err, out.Plan.KeptSnapshots)
	}
	p.restore(text, "before")
	if got := p.contents(); got != want {
		t.Errorf("restored:\n%s\nsaved:\n%s", got, want)
	}
	p.empty(text)
	p.nothingLeft()
}

// nothingLeft destroys everything, and looks whether it did.
func (p *project) nothingLeft() {
	p.t.Helper()
	if _, err := Destroy(p.t.Context(), p.env(), p.scene(), ScopeOptions{Volumes: true}, yes); err != nil {
		p.t.Fatalf("destroy: %v", err)
	}
	o := p.scene().Observed
	images, err := p.engine.OwnedImages(p.t.Context(), p.id)
	if err != nil || len(o.Boxes)+len(o.Volumes)+len(o.Networks)+len(o.Snapshots)+len(images) > 0 {
		p.t.Fatalf("destroy left %+v, images %+v (%v)", o, images, err)
	}
}

func TestDeleteSnapshot(t *testing.T) {
	p, text := filled(t)
	p.save("before")
	p.save("other", "web")
	p.restore(text, "before", "web")
	var problems *ProblemsError
	if _, err := DeleteSnapshot(t.Context(), p.env(), p.scene(), "before", yes); !errors.As(err, &problems) {
		t.Errorf("a box runs from it: %v", err)
	}
	var none *NoSnapshotError
	if _, err := DeleteSnapshot(t.Context(), p.env(), p.scene(), "none", yes); !errors.As(err, &none) || !slices.Equal(none.Known, []string{"before", "other"}) {
		t.Errorf("none: %v", err)
	}
	p.up(text, UpOptions{Recreate: true})
	for _, name := range []string{"before", "other"} {
		if _, err := DeleteSnapshot(t.Context(), p.env(), p.scene(), name, yes); err != nil {
			t.Fatal(err)
		}
	}
	images, err := p.engine.OwnedImages(t.Context(), p.id)
	if s := p.scene(); err != nil || len(s.Observed.Snapshots)+len(images) > 0 {
		t.Errorf("left: %+v, %+v (%v)", s.Observed.Snapshots, images, err)
	}
	p.empty(text)
}

func TestSnapshotRefusals(t *testing.T) {
	p, text := filled(t)
	p.save("before")
	var stands *SnapshotError
	if _, err := SaveSnapshot(t.Context(), p.env(), p.scene(), SnapshotOptions{Name: "before"}); !errors.As(err, &stands) {
		t.Errorf("a name that is taken: %v", err)
	}
	var none *NoSnapshotError
	if _, err := RestoreSnapshot(t.Context(), p.env(), p.load(text), SnapshotOptions{Name: "none"}, yes); !errors.As(err, &none) {
		t.Errorf("a snapshot that is not there: %v", err)
	}
	for _, v := range p.scene().Observed.Snapshots {
		if v.Owner.SnapshotPart == resource.SnapshotContent {
			if err := p.engine.RemoveVolume(t.Context(), v.Name); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	if _, err := RestoreSnapshot(t.Context(), p.env(), p.load(text), SnapshotOptions{Name: "before"}, yes); !errors.As(err, &stands) {
		t.Errorf("a snapshot that is not whole: %v", err)
	}
	if list, err := Snapshots(t.Context(), p.env(), p.scene()); err != nil || len(list) != 1 || len(list[0].Lacks) != 1 {
		t.Errorf("listed: %+v, %v", list, err)
	}
	for name, want := range map[string]bool{"a": true, "before-2": true, "A": false, "-a": false, "": false, "a b": false, "ä": false, strings.Repeat("a", 64): false} {
		if got := ValidSnapshotName(name); got != want {
			t.Errorf("%q may be a name: %t", name, got)
		}
	}
}

// partly breaks a copy half way: what it was to replace is gone, and nothing is there instead.
func partly(n int, reached *atomic.Bool, engine driver.Engine) fake.Hook {
	var copies atomic.Int64
	return func(ctx context.Context, c fake.Call, next func(context.Context) error) error {
		if c.Method != "CopyVolume" || copies.Add(1) != int64(n) {
			return next(ctx)
		}
		reached.Store(true)
		const void = "envy-test-void"
		if _, err := engine.CreateVolume(ctx, driver.NewVolume{Name: void}); err != nil {
			return err
		}
		_, err := engine.CopyVolume(ctx, driver.VolumeCopy{From: void, To: c.Object, Image: "busybox:1"})
		return errors.Join(errInjected, err, engine.RemoveVolume(ctx, void))
	}
}

// TestRestoreFaults breaks a restore at every call it makes, in every way. What failed is as it was before, at once where
// the process lives and after the next up where it was killed; what says that it succeeded did.
func TestRestoreFaults(t *testing.T) {
	t.Parallel()
	for _, f := range faults() {
		if f.host != nil {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			for n := 1; bubble(t, func(t *testing.T) bool {
				return brokenRestore(t, fmt.Sprintf("%s at call %d", f.name, n), strings.Contains(f.name, "killed"), func(hit *atomic.Bool, _ *project) fake.Hook { return f.hook(n, hit) })
			}); n++ {
			}
		})
	}
	t.Run("copies by half", func(t *testing.T) {
		for n := 1; bubble(t, func(t *testing.T) bool {
			return brokenRestore(t, fmt.Sprintf("copy %d", n), false, func(hit *atomic.Bool, p *project) fake.Hook { return partly(n, hit, p.engine) })
		}); n++ {
		}
	})
}

func brokenRestore(t *testing.T, when string, killed bool, hook func(*atomic.Bool, *project) fake.Hook) (reached bool) {
	p, text := filled(t)
	saved := p.contents()
	p.save("before")
	p.ruin()
	before := p.contents()
	var hit atomic.Bool
	whole := p.engine
	ctx, interrupt := context.WithTimeout(t.Context(), time.Minute)
	defer interrupt()
	p.engine = fake.Intercept(whole, hook(&hit, p))
	_, err := RestoreSnapshot(ctx, p.env(), p.load(text), SnapshotOptions{Name: "before"}, yes)
	p.engine = whole
	if err == nil || !killed {
		for _, b := range p.scene().Boxes {
			if b.State != resource.StateRunning {
				t.Fatalf("%s: box %s is %s (%v)", when, b.Name, b.State, err)
			}
		}
	}
	if killed {
		if _, err := Up(t.Context(), p.env(), p.load(text), UpOptions{}, yes); err != nil {
			t.Fatalf("%s: the next up: %v", when, err)
		}
	}
	from := slices.ContainsFunc(p.scene().Observed.Boxes, func(b resource.BoxObserved) bool { return b.Owner.Snapshot != "" })
	switch got := p.contents(); {
	case err == nil && got != saved:
		t.Fatalf("%s: restored:\n%s", when, got)
	case err != nil && (from && got != saved || !from && got != before):
		t.Fatalf("%s: %v\nneither as it was nor as it was saved:\n%s", when, err, got)
	}
	p.up(text, UpOptions{})
	if left := plan.Leavings(p.scene().Observed); len(left) > 0 {
		t.Fatalf("%s: left over: %+v", when, left)
	}
	p.nothingLeft()
	return hit.Load()
}

// TestSaveFaults breaks a save at every call it makes, in every way: every box goes on, what is listed is whole, and the next
// save leaves nothing of it.
func TestSaveFaults(t *testing.T) {
	t.Parallel()
	for _, f := range faults() {
		if f.host != nil {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			for n := 1; bubble(t, func(t *testing.T) bool { return brokenSave(t, f, n) }); n++ {
			}
		})
	}
}

func brokenSave(t *testing.T, f fault, n int) (reached bool) {
	when := fmt.Sprintf("%s at call %d", f.name, n)
	p, text := filled(t)
	saved := p.contents()
	var hit atomic.Bool
	whole := p.engine
	ctx, interrupt := context.WithTimeout(t.Context(), time.Minute)
	defer interrupt()
	p.engine = fake.Intercept(whole, f.hook(n, &hit))
	_, err := SaveSnapshot(ctx, p.env(), p.scene1(whole), SnapshotOptions{Name: "before"})
	p.engine = whole
	killed := strings.Contains(f.name, "killed")
	for _, b := range p.scene().Boxes {
		if b.State != resource.StateRunning && !killed {
			t.Fatalf("%s: box %s is %s (%v)", when, b.Name, b.State, err)
		}
	}
	list, lerr := Snapshots(t.Context(), p.env(), p.scene())
	if lerr != nil || err == nil && len(list) != 1 || len(list) > 0 && len(list[0].Lacks) > 0 {
		t.Fatalf("%s: listed %+v (%v), after %v", when, list, lerr, err)
	}
	p.up(text, UpOptions{}) // lets go what is paused
	if len(list) == 0 {
		p.save("before")
	}
	p.ruin()
	p.restore(text, "before")
	if got := p.contents(); got != saved {
		t.Fatalf("%s: restored:\n%s\nsaved:\n%s", when, got, saved)
	}
	images, ierr := p.engine.OwnedImages(t.Context(), p.id)
	parts := slices.DeleteFunc(p.scene().Observed.Snapshots, func(v resource.SnapshotVolume) bool { return v.Owner.SnapshotPart == resource.SnapshotBegun })
	if ierr != nil || len(images) != 3 || len(parts) != 4 {
		t.Fatalf("%s: %d images, %d volumes of snapshots (%v)", when, len(images), len(parts), ierr)
	}
	p.nothingLeft()
	return hit.Load()
}

// scene1 is the scene as an engine without faults tells it.
func (p *project) scene1(e driver.Engine) *Scene {
	p.t.Helper()
	env := p.env()
	env.Engine = e
	s, err := Look(p.t.Context(), env, p.id)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}
