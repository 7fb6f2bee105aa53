package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/envyhq/envy/provision/resource"
)

// world is a small honest engine for tests of the planner: it applies a plan's steps to observed state, as a driver
// would, so that "plan after apply is empty" can be checked without one.
type world struct {
	t        *testing.T
	id       resource.Identity
	observed resource.Observed
	images   map[string]*resource.ImageFact
	details  map[string]*resource.BoxDetail
	records  map[string]*resource.Record
	losses   map[string]*resource.Loss
	ports    []PortTaken
	names    map[string]resource.Owner
	locks    map[string]string // digests, by reference as written
	others   map[string]string // networks of others: name → id
	internal bool              // the Envfile says so of the default network
	next     int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{
		t: t, id: resource.Identity{Checkout: "c0", HostID: "h0", User: "1000", Path: "/src/shop", Project: "shop"},
		images: map[string]*resource.ImageFact{
			"debian:12": {ID: "sha256:d", BaseID: "base-debian-12"}, "debian:13": {ID: "sha256:e", BaseID: "base-debian-13"},
			"postgres:16": {ID: "sha256:p", BaseID: "base-pg", Entrypoint: []string{"docker-entrypoint.sh"}, Cmd: []string{"postgres"}, Volumes: []string{"/var/lib/postgresql/data"}, ExposedPorts: []string{"5432/tcp"}},
		},
		details: map[string]*resource.BoxDetail{}, records: map[string]*resource.Record{}, losses: map[string]*resource.Loss{},
		names: map[string]resource.Owner{}, others: map[string]string{},
	}
}

// wantBox is a box as lowering would give it; edit changes it.
func wantBox(name, image string, edit ...func(*resource.BoxWanted)) resource.BoxWanted {
	w := resource.BoxWanted{
		Key: resource.Key{Box: name, Index: 1}, Autostart: true, Hostname: name, Image: "img-" + image,
		Spec: resource.BoxSpec{
			Version: 1, Image: resource.ImageSpec{Reference: image}, Networks: []resource.NetworkJoin{{Network: "default"}},
		},
		Origin: resource.Origin{File: "Envfile", Line: 1},
	}
	for _, e := range edit {
		e(&w)
	}
	w.Image = "img-" + resource.Digest(resource.BoxSpec{Image: w.Spec.Image}.Encode())[:8]
	return w
}

func (w *world) desired(boxes ...resource.BoxWanted) resource.Desired {
	d := resource.Desired{Identity: w.id, Name: "shop", Version: "0.1.0", Boxes: boxes, Networks: []resource.NetworkWanted{{Label: "default", Internal: w.internal}}}
	seen := map[string]bool{}
	for _, b := range boxes {
		for _, j := range b.Spec.Networks {
			if j.Network != "default" && !seen["net "+j.Network] {
				seen["net "+j.Network] = true
				n := resource.NetworkWanted{Label: j.Network}
				if w.others[j.Network] != "" {
					n.External = j.Network
				}
				d.Networks = append(d.Networks, n)
			}
		}
		if seen[b.Image] {
			continue
		}
		seen[b.Image] = true
		i := resource.ImageWanted{ID: b.Image, Reference: b.Spec.Image.Reference, Spec: b.Spec.Image}
		if d := w.locks[i.Reference]; d != "" {
			i.Reference, i.Digest, i.Locked = i.Reference+"@"+d, d, true
		}
		if f := w.images[i.Reference]; f != nil {
			i.Spec.Base = f.BaseID
			if i.Spec.Derived() {
				i.Tag = "envy.local/recipe:" + resource.Digest(i.Spec.Base + strings.Join(i.Spec.Packages, " "))[:8]
			}
		}
		d.Images = append(d.Images, i)
	}
	return d
}

// plan answers questions from the world until there is a plan.
func (w *world) plan(o Options, boxes ...resource.BoxWanted) *Plan {
	w.t.Helper()
	a := Answers{
		Details: map[string]*resource.BoxDetail{}, Records: map[string]*resource.Record{}, Losses: map[string]*resource.Loss{},
		Images: map[string]*resource.ImageFact{}, Asked: map[Question]bool{},
	}
	for range 10 {
		r := Diff(Input{Desired: w.desired(boxes...), Observed: w.observed, Images: w.images, Answers: a, Options: o})
		if r.Plan != nil {
			return r.Plan
		}
		for _, q := range r.Questions {
			if a.Asked[q] {
				w.t.Fatalf("question asked twice: %+v", q)
			}
			a.Asked[q] = true
			w.answer(&a, q)
		}
	}
	w.t.Fatal("the planner never stops asking")
	return nil
}

func (w *world) answer(a *Answers, q Question) {
	switch q.Kind {
	case AskDetail:
		a.Details[q.Box] = w.details[q.Box]
	case AskRecord:
		a.Records[q.Box] = w.records[q.Box]
	case AskLoss:
		a.Losses[q.Box] = w.losses[q.Box]
	case AskImage:
		a.Images[q.Ref] = w.images[q.Ref]
	case AskPorts:
		a.Ports = w.ports
	case AskNames:
		a.Names = w.names
	}
}

func (w *world) box(id, name string) *resource.BoxObserved {
	for i := range w.observed.Boxes {
		b := &w.observed.Boxes[i]
		if id != "" && b.ID == id || id == "" && b.Name == name {
			return b
		}
	}
	w.t.Fatalf("no box %s %s", id, name)
	return nil
}

// apply does the steps in order, as far as stop says (0: all), and fails the test where a real engine would refuse.
func (w *world) apply(p *Plan, stop int) {
	w.t.Helper()
	done := map[int]bool{}
	for _, s := range p.Steps {
		if stop > 0 && s.ID > stop {
			return
		}
		for _, n := range s.Needs {
			if !done[n] {
				w.t.Fatalf("step %d %s needs %d, which comes later", s.ID, s.Op, n)
			}
		}
		w.step(s)
		done[s.ID] = true
	}
}

func (w *world) step(s Step) {
	w.t.Helper()
	switch s.Op {
	case OpClaim, OpCreateVolume:
		w.observed.Volumes = append(w.observed.Volumes, resource.VolumeObserved{Name: s.Name, Owner: resource.OwnerOf(s.Volume.Labels)})
	case OpCreateNetwork:
		w.next++
		w.observed.Networks = append(w.observed.Networks, resource.NetworkObserved{
			ID: fmt.Sprintf("net%d", w.next), Name: s.Name, Owner: resource.OwnerOf(s.Network.Labels), Internal: s.Network.Internal,
			Created: time.Unix(int64(w.next), 0),
		})
	case OpRemoveNetwork:
		w.removeNetwork(s.Network.ID)
	case OpBuildLayers:
		w.images[s.Name] = &resource.ImageFact{ID: "sha256:" + s.Name}
	case OpCreateBox:
		w.create(s)
	case OpWaitExit, OpWaitHealthy, OpPull, OpBuild, OpCopyIn, OpRecheckLoss:
		if s.Op == OpWaitExit {
			b := w.box(s.Target.ID, s.Target.Name)
			b.State, b.ExitCode = resource.StateExited, 0
		}
	default:
		w.boxStep(s)
	}
}

func (w *world) removeNetwork(id string) {
	for _, b := range w.observed.Boxes {
		for _, a := range b.Networks {
			if a.ID == id && b.State == resource.StateRunning {
				w.t.Fatalf("network %s removed while %s is on it", id, b.Name)
			}
		}
	}
	var out []resource.NetworkObserved
	for _, n := range w.observed.Networks {
		if n.ID != id {
			out = append(out, n)
		}
	}
	w.observed.Networks = out
}

func (w *world) create(s Step) {
	for _, b := range w.observed.Boxes {
		if b.Name == s.Target.Name {
			w.t.Fatalf("create %s: the name is taken", s.Target.Name)
		}
	}
	w.next++
	id := fmt.Sprintf("box%d", w.next)
	b := resource.BoxObserved{
		ID: id, Name: s.Target.Name, Labels: s.Create.Labels, Owner: resource.OwnerOf(s.Create.Labels),
		Spec: s.Create.Labels[resource.LabelSpec], SpecHash: s.Create.Labels[resource.LabelSpecHash], State: resource.StateCreated,
	}
	d := &resource.BoxDetail{ID: id, Memory: s.Create.Spec.Memory, NanoCPUs: s.Create.Spec.NanoCPUs, Restart: s.Create.Spec.Restart}
	for _, j := range s.Create.Spec.Networks {
		name := s.Create.Networks[j.Network]
		w.attach(&b, d, w.network(s.Create.NetIDs[j.Network], name), name, append(slices.Clone(s.Create.Aliases), j.Aliases...))
	}
	w.observed.Boxes = append(w.observed.Boxes, b)
	w.details[id] = d
	w.records[id] = &resource.Record{Known: true, Files: map[string]string{}, Runs: map[string]resource.Run{}}
}

func (w *world) boxStep(s Step) {
	w.t.Helper()
	b := w.box(s.Target.ID, s.Target.Name)
	d, rec := w.details[b.ID], w.records[b.ID]
	switch s.Op {
	case OpStart:
		for _, a := range b.Networks {
			w.network(a.ID, "") // an engine starts no box that was on a network which is gone
		}
		b.State = resource.StateRunning
	case OpStop:
		b.State, b.ExitCode = resource.StateExited, 143
	case OpUnpause:
		b.State = resource.StateRunning
	case OpPause:
		b.State = resource.StatePaused
	case OpRename:
		for _, other := range w.observed.Boxes {
			if other.Name == s.Name {
				w.t.Fatalf("rename %s to %s: the name is taken", b.Name, s.Name)
			}
		}
		b.Name = s.Name
	case OpRemove:
		var out []resource.BoxObserved
		for _, x := range w.observed.Boxes {
			if x.ID != b.ID {
				out = append(out, x)
			}
		}
		w.observed.Boxes = out
	case OpLimit:
		d.Memory, d.NanoCPUs, d.Restart = s.Limits.Memory, s.Limits.NanoCPUs, s.Limits.Restart
	case OpWriteFiles:
		for _, f := range s.Files {
			if rec.Files[f.Target] = f.Hash; f.Remove {
				delete(rec.Files, f.Target)
			}
		}
	case OpProvision:
		rec.Runs[s.Script.Name] = resource.Run{Hash: s.Script.Hash}
	case OpRelease:
		rec.Released = true
	case OpConnect:
		w.attach(b, d, w.network(s.Network.ID, s.Network.Name), s.Network.Name, s.Network.Join.Aliases)
	case OpDisconnect:
		w.disconnect(b, d, s.Network.ID)
	default:
		w.t.Fatalf("unknown step %s", s.Op)
	}
}

// network is the id of one that is there: of that id, or where that is "" of that name.
func (w *world) network(id, name string) string {
	w.t.Helper()
	for _, n := range w.observed.Networks {
		if n.ID == id || id == "" && n.Name == name {
			return n.ID
		}
	}
	for other, otherID := range w.others {
		if id == otherID || cmp.Or(id, name) == other {
			return otherID
		}
	}
	w.t.Fatalf("network %s %s is gone", id, name)
	return ""
}

// attach connects a box. A box has one connection of a name; of a stopped one it is replaced.
func (w *world) attach(b *resource.BoxObserved, d *resource.BoxDetail, id, name string, aliases []string) {
	w.t.Helper()
	if i := slices.IndexFunc(b.Networks, func(a resource.NetworkAttached) bool { return a.Name == name }); i >= 0 {
		if isUp(b.State) {
			w.t.Fatalf("%s is on %s already", b.Name, name)
		}
		w.disconnect(b, d, b.Networks[i].ID)
	}
	b.Networks = append(b.Networks, resource.NetworkAttached{ID: id, Name: name})
	d.Networks = append(d.Networks, resource.NetworkJoinObserved{ID: id, Name: name, Aliases: aliases})
}

func (w *world) disconnect(b *resource.BoxObserved, d *resource.BoxDetail, id string) {
	var on []resource.NetworkAttached
	for _, a := range b.Networks {
		if a.ID != id {
			on = append(on, a)
		}
	}
	b.Networks = on
	var joins []resource.NetworkJoinObserved
	for _, j := range d.Networks {
		if j.ID != id {
			joins = append(joins, j)
		}
	}
	d.Networks = joins
}

// up plans and applies, and checks that the plan after it is empty.
func (w *world) up(boxes ...resource.BoxWanted) *Plan {
	w.t.Helper()
	p := w.plan(Options{}, boxes...)
	w.apply(p, 0)
	if again := w.plan(Options{}, boxes...); !again.Empty() {
		w.t.Fatalf("the plan after up is not empty:\n%s\nafter:\n%s\n%s", draw(again), draw(p), steps(again))
	}
	return p
}

func draw(p *Plan) string {
	var b strings.Builder
	for _, l := range Text(p) {
		b.WriteString(l.Text + "\n")
	}
	return b.String()
}

func steps(p *Plan) string {
	var b strings.Builder
	for _, s := range p.Steps {
		fmt.Fprintf(&b, "%d %s %s %s %v\n", s.ID, s.Op, s.Target.Name, s.Name, s.Needs)
	}
	return b.String()
}

// after reports whether step b cannot begin before step a is done.
func after(p *Plan, a, b int) bool {
	for _, n := range p.Steps[b-1].Needs {
		if n == a || after(p, a, n) {
			return true
		}
	}
	return false
}

// order checks that each of these ("stop web") is done before the next begins.
func order(t *testing.T, p *Plan, names ...string) {
	t.Helper()
	last := 0
	for _, name := range names {
		i := slices.IndexFunc(p.Steps, func(s Step) bool { return string(s.Op)+" "+s.Address.Box == name })
		if i < 0 || last != 0 && !after(p, last, p.Steps[i].ID) {
			t.Errorf("%q is not there or does not wait for what comes before in %q:\n%s", name, names, steps(p))
			return
		}
		last = p.Steps[i].ID
	}
}
