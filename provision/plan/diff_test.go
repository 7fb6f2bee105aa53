package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/envyhq/envy/provision/resource"
	"github.com/google/go-cmp/cmp"
)

func provisioned(name, hash string) func(*resource.BoxWanted) {
	return func(w *resource.BoxWanted) {
		w.Spec.Provisions = append(w.Spec.Provisions, resource.ProvisionSpec{Name: name, Run: hash})
		w.Scripts = append(w.Scripts, resource.ProvisionScript{Name: name, Hash: hash})
	}
}

func filed(target, content string) func(*resource.BoxWanted) {
	return func(w *resource.BoxWanted) {
		w.Spec.Files = append(w.Spec.Files, resource.FileSpec{Target: target, Content: content})
		w.Files = append(w.Files, resource.FileContent{Target: target, Hash: content})
	}
}

func spec(edit func(*resource.BoxSpec)) func(*resource.BoxWanted) {
	return func(w *resource.BoxWanted) { edit(&w.Spec) }
}

// TestEdits is the table of one edit each: which attribute the plan names, and whether it is done in place.
func TestEdits(t *testing.T) {
	full := func(s *resource.BoxSpec) {
		s.Memory, s.NanoCPUs, s.Restart = 1<<30, 2e9, "always"
		s.Env = resource.StrMap{"A": "1"}
		s.Ports = []resource.PortSpec{{Name: "http", Guest: 80, Host: 8080, Fixed: true}}
		s.Image.Packages = []string{"git"}
		s.Healthcheck = &resource.HealthSpec{Command: []string{"CMD", "true"}}
		s.User = &resource.UserSpec{Name: "dev", UID: 1000, GID: 1000}
	}
	base := []func(*resource.BoxWanted){spec(full), filed("/etc/motd", "h1"), provisioned("deps", "p1")}
	inPlace := []string{"update"}
	replace := []string{"replace"}
	for _, tc := range []struct {
		name  string
		edit  func(*resource.BoxWanted)
		attr  string
		wants []string
		mark  string // what the line of the attribute says
	}{
		{"memory", spec(func(s *resource.BoxSpec) { s.Memory = 2 << 30 }), "memory", inPlace, "1g → 2g"},
		{"cpus", spec(func(s *resource.BoxSpec) { s.NanoCPUs = 1e9 }), "cpus", inPlace, "2 → 1"},
		{"restart", spec(func(s *resource.BoxSpec) { s.Restart = "" }), "restart", inPlace, "always"},
		{"removed limit", spec(func(s *resource.BoxSpec) { s.Memory = 0 }), "memory", replace, "forces replacement"},
		{"port", spec(func(s *resource.BoxSpec) {
			s.Ports = []resource.PortSpec{{Name: "http", Guest: 80, Host: 8081, Fixed: true}}
		}), "port.http.host", replace, "8080 → 8081"},
		{"env", spec(func(s *resource.BoxSpec) { s.Env = resource.StrMap{"A": "2"} }), "env.A", replace, `"1" → "2"`},
		{"env removed", spec(func(s *resource.BoxSpec) { s.Env = nil }), "env.A", replace, `"1"  forces`},
		{"packages", spec(func(s *resource.BoxSpec) { s.Image.Packages = []string{"git", "curl"} }), "packages", replace, `["git", "curl"]`},
		{"image", spec(func(s *resource.BoxSpec) { s.Image.Reference = "debian:13" }), "image", replace, "debian:12 → debian:13"},
		{"health", spec(func(s *resource.BoxSpec) { s.Healthcheck = &resource.HealthSpec{Command: []string{"CMD", "false"}} }), "healthcheck.command", replace, ""},
		{"user", spec(func(s *resource.BoxSpec) { s.User = &resource.UserSpec{Name: "me", UID: 1000, GID: 1000} }), "user", replace, "dev → me"},
		{"file", func(w *resource.BoxWanted) { w.Spec.Files, w.Files = nil, nil; filed("/etc/motd", "h2")(w) }, "file./etc/motd.content", inPlace, "h1 → h2"},
		{"file removed", func(w *resource.BoxWanted) { w.Spec.Files, w.Files = nil, nil }, "file./etc/motd.content", inPlace, "h1"},
		{"provisioner", func(w *resource.BoxWanted) { w.Spec.Provisions, w.Scripts = nil, nil; provisioned("deps", "p2")(w) }, "provision.deps.run", inPlace, "p1 → p2"},
		{"alias", spec(func(s *resource.BoxSpec) { s.Aliases = []string{"www"} }), "aliases", inPlace, "www"},
		{"second network", spec(func(s *resource.BoxSpec) { s.Networks = append(s.Networks, resource.NetworkJoin{Network: "back"}) }), "network.back", inPlace, "joined"},
		{"first network", spec(func(s *resource.BoxSpec) { s.Networks = []resource.NetworkJoin{{Network: "back"}} }), "network", replace, "default → back"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			w.up(wantBox("web", "debian:12", base...))
			id := w.observed.Boxes[0].ID
			changed := wantBox("web", "debian:12", append(append([]func(*resource.BoxWanted){}, base...), tc.edit)...)
			p := w.up(changed)
			var got []string
			var attrs []string
			for _, c := range p.Changes {
				if c.Address.Kind != resource.KindBox {
					continue
				}
				got = append(got, string(c.Action))
				for _, a := range c.Attrs {
					attrs = append(attrs, a.Path)
				}
			}
			if diff := cmp.Diff(tc.wants, got); diff != "" {
				t.Errorf("actions: %s\n%s", diff, draw(p))
			}
			if diff := cmp.Diff([]string{tc.attr}, attrs); diff != "" {
				t.Errorf("attributes: %s\n%s", diff, draw(p))
			}
			if !strings.Contains(draw(p), tc.mark) {
				t.Errorf("the plan does not say %q:\n%s", tc.mark, draw(p))
			}
			if same := w.observed.Boxes[0].ID == id; same != (tc.wants[0] == "update") {
				t.Errorf("container kept: %v\n%s", same, steps(p))
			}
		})
	}
}

func TestDrift(t *testing.T) {
	for _, tc := range []struct {
		name   string
		drift  func(*world)
		action Action
		says   string
	}{
		{"stopped by hand", func(w *world) { w.observed.Boxes[0].State = resource.StateExited }, Start, "stopped"},
		{"paused by hand", func(w *world) { w.observed.Boxes[0].State = resource.StatePaused }, Unpause, "paused"},
		{"removed by hand", func(w *world) { w.observed.Boxes = nil }, Create, "created"},
		{"dead", func(w *world) { w.observed.Boxes[0].State = resource.StateDead }, Replace, "dead"},
		{"image moved", func(w *world) { w.images["debian:12"] = &resource.ImageFact{ID: "x", BaseID: "other"} }, Replace, "the tag moved"},
		{"network taken off", func(w *world) { w.observed.Boxes[0].Networks = nil }, Update, "joined"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			box := wantBox("web", "debian:12")
			w.up(box)
			tc.drift(w)
			p := w.up(box)
			if len(p.Changes) != 1 || p.Changes[0].Action != tc.action || !strings.Contains(draw(p), tc.says) {
				t.Errorf("want %s saying %q, got:\n%s", tc.action, tc.says, draw(p))
			}
		})
	}
}

// TestInterrupted stops an up after each of its steps: the next up finishes, and nothing is left over.
func TestInterrupted(t *testing.T) {
	before := wantBox("web", "debian:12", provisioned("deps", "p1"), filed("/f", "h1"))
	for _, tc := range []struct {
		name  string
		first bool
		after resource.BoxWanted
	}{
		{"create", true, before},
		{"replace", false, wantBox("web", "debian:12", provisioned("deps", "p1"), filed("/f", "h1"), spec(func(s *resource.BoxSpec) { s.Env = resource.StrMap{"A": "1"} }))},
		{"in place", false, wantBox("web", "debian:12", provisioned("deps", "p2"), filed("/f", "h2"), spec(func(s *resource.BoxSpec) { s.Memory = 1 << 30 }))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for stop := 1; ; stop++ {
				w := newWorld(t)
				if !tc.first {
					w.up(before)
				}
				p := w.plan(Options{}, tc.after)
				if stop > len(p.Steps) {
					break
				}
				w.apply(p, stop)
				w.up(tc.after)
				if len(w.observed.Boxes) != 1 || w.observed.Boxes[0].State != resource.StateRunning {
					t.Fatalf("stopped after step %d (%s): boxes %+v", stop, p.Steps[stop-1].Op, w.observed.Boxes)
				}
			}
		})
	}
}

// TestGoBack: a replacement whose provisioner failed leaves both; asked for the old one again, the new one goes.
func TestGoBack(t *testing.T) {
	w := newWorld(t)
	old := wantBox("web", "debian:12", provisioned("deps", "p1"))
	w.up(old)
	id := w.observed.Boxes[0].ID
	p := w.plan(Options{}, wantBox("web", "debian:13", provisioned("deps", "p1")))
	for _, s := range p.Steps {
		if s.Op == OpProvision {
			w.apply(p, s.ID-1)
			break
		}
	}
	if len(w.observed.Boxes) != 2 {
		t.Fatalf("want both boxes, got %d", len(w.observed.Boxes))
	}
	p = w.up(old)
	if len(w.observed.Boxes) != 1 || w.observed.Boxes[0].ID != id || w.observed.Boxes[0].State != resource.StateRunning {
		t.Errorf("the old box does not stand again:\n%s\n%+v", draw(p), w.observed.Boxes)
	}
}

func TestLossIsNamed(t *testing.T) {
	w := newWorld(t)
	w.up(wantBox("web", "debian:12"))
	w.losses[w.observed.Boxes[0].ID] = &resource.Loss{Count: 14, Bytes: 3 << 20, Largest: []string{"/opt/a", "/opt/b"}}
	p := w.plan(Options{}, wantBox("web", "debian:13"))
	if want := "14 files changed inside web would be lost, 3.0 MiB: /opt/a, /opt/b, …"; !strings.Contains(draw(p), want) {
		t.Errorf("want %q in:\n%s", want, draw(p))
	}
	if p := w.plan(Options{}); !strings.Contains(draw(p), "no longer in the Envfile") || !strings.Contains(draw(p), "14 files") {
		t.Errorf("a removed box does not name its loss:\n%s", draw(p))
	}
}

func TestNoQuestionWithoutAction(t *testing.T) {
	w := newWorld(t)
	boxes := []resource.BoxWanted{
		wantBox("web", "debian:12", provisioned("deps", "p1")), wantBox("db", "postgres:16", spec(func(s *resource.BoxSpec) { s.Service = true })),
	}
	w.up(boxes...)
	r := Diff(Input{Desired: w.desired(boxes...), Observed: w.observed, Images: w.images})
	if len(r.Questions) > 0 || r.Plan == nil {
		t.Errorf("questions about boxes that need no action: %+v", r.Questions)
	}
}

// TestRename: adding and removing count, and another project name, rename in place and keep volumes.
func TestRename(t *testing.T) {
	volume := spec(func(s *resource.BoxSpec) {
		s.Mounts = []resource.MountSpec{{Type: resource.MountVolume, Name: "data", Target: "/data"}}
	})
	counted := func(w *resource.BoxWanted) { w.Counted, w.Spec.Meta.Counted = true, true }
	w := newWorld(t)
	w.up(wantBox("web", "debian:12", volume))
	id := w.observed.Boxes[0].ID
	w.up(wantBox("web", "debian:12", volume, counted))
	if b := w.observed.Boxes[0]; b.ID != id || b.Name != "shop-web-1" {
		t.Errorf("count did not rename in place: %s %s", b.ID, b.Name)
	}
	w.id.Project = "store"
	w.up(wantBox("web", "debian:12", volume, counted))
	if b := w.observed.Boxes[0]; b.ID != id || b.Name != "store-web-1" {
		t.Errorf("a new project name did not rename in place: %s %s", b.ID, b.Name)
	}
	volumes := 0
	for _, v := range w.observed.Volumes {
		if v.Owner.Volume == "data" {
			volumes++
		}
	}
	if volumes != 1 || len(w.observed.Networks) != 1 {
		t.Errorf("%d data volumes, %d networks: they keep their names", volumes, len(w.observed.Networks))
	}
}

func TestTakenNameAndPort(t *testing.T) {
	w := newWorld(t)
	w.names["shop-web"] = resource.Owner{}
	p := w.plan(Options{}, wantBox("web", "debian:12"))
	if len(p.Problems) != 1 || !strings.Contains(p.Problems[0].Summary, `"shop-web" is taken`) {
		t.Errorf("a foreign container's name is not diagnosed: %+v", p.Problems)
	}
	w = newWorld(t)
	w.ports = []PortTaken{{Port: 8080, Holder: "container other"}}
	port := spec(func(s *resource.BoxSpec) {
		s.Ports = []resource.PortSpec{{Name: "http", Guest: 80, Host: 8080, Fixed: true}}
	})
	p = w.plan(Options{}, wantBox("web", "debian:12", port))
	if len(p.Problems) != 1 || !strings.Contains(p.Problems[0].Detail, "container other has it") || !p.Problems[0].Clash.Fixed {
		t.Errorf("a taken port is not diagnosed: %+v", p.Problems)
	}
	w.ports = nil
	p = w.plan(Options{}, wantBox("web", "debian:12", port), wantBox("api", "debian:12", port))
	if len(p.Problems) != 1 || !strings.Contains(p.Problems[0].Detail, "box web has it") {
		t.Errorf("a clash between two boxes is not diagnosed: %+v", p.Problems)
	}
}

func TestNewerLabelIsRefused(t *testing.T) {
	w := newWorld(t)
	w.up(wantBox("web", "debian:12"))
	w.observed.Boxes[0].Spec, w.observed.Boxes[0].SpecHash = `{"v":99}`, "other"
	p := w.plan(Options{}, wantBox("web", "debian:12"))
	if len(p.Problems) != 1 || !p.Problems[0].Refused || len(p.Steps) != 0 {
		t.Errorf("a newer label: %+v\n%s", p.Problems, steps(p))
	}
}

func TestImageVolumesAreKept(t *testing.T) {
	w := newWorld(t)
	db := wantBox("db", "postgres:16", spec(func(s *resource.BoxSpec) { s.Service = true }))
	w.up(db)
	name := ""
	for _, v := range w.observed.Volumes {
		if v.Owner.Box == "db" {
			name = v.Name
		}
	}
	if want := "shop-db." + resource.ImageVolumeLabel("/var/lib/postgresql/data"); name != want {
		t.Fatalf("volume %q, want %q", name, want)
	}
	p := w.up(wantBox("db", "postgres:16", spec(func(s *resource.BoxSpec) { s.Service = true; s.Env = resource.StrMap{"A": "1"} })))
	for _, s := range p.Steps {
		if s.Op == OpCreateBox && s.Create.Volumes["/var/lib/postgresql/data"] != name {
			t.Errorf("the replacement does not get the volume: %v", s.Create.Volumes)
		}
		if s.Op == OpCreateVolume {
			t.Error("a second volume is made")
		}
	}
}

func TestDependencyOrder(t *testing.T) {
	w := newWorld(t)
	db := wantBox("db", "debian:12", spec(func(s *resource.BoxSpec) {
		s.Command = &resource.Argv{"db"}
		s.Healthcheck = &resource.HealthSpec{Command: []string{"CMD", "ok"}}
	}))
	web := wantBox("web", "debian:12", func(b *resource.BoxWanted) { b.DependsOn = []resource.Key{db.Key} })
	p := w.plan(Options{}, db, web)
	ready, start := 0, Step{}
	for _, s := range p.Steps {
		if s.Address.Box == "db" && s.Op == OpRename {
			ready = s.ID
		}
		if s.Address.Box == "web" && s.Op == OpStart {
			start = s
		}
	}
	if ready == 0 || !slices.Contains(start.Needs, ready) {
		t.Errorf("web starts before db is ready:\n%s", steps(p))
	}
}

func TestDeterministic(t *testing.T) {
	make := func() string {
		w := newWorld(t)
		return steps(w.plan(Options{}, wantBox("a", "debian:12"), wantBox("b", "debian:13", provisioned("x", "1")), wantBox("c", "postgres:16")))
	}
	first := make()
	for range 20 {
		if got := make(); got != first {
			t.Fatalf("another plan from the same input:\n%s\n%s", first, got)
		}
	}
}

func TestCrowdedNetwork(t *testing.T) {
	var boxes []resource.BoxWanted
	for i := range maxOnNetwork + 1 {
		boxes = append(boxes, wantBox("web", "debian:12", func(x *resource.BoxWanted) { x.Key.Index, x.Counted = i+1, true }))
	}
	w := newWorld(t)
	if p := w.plan(Options{}, boxes...); len(p.Problems) != 1 || !strings.Contains(p.Problems[0].Summary, "1001 boxes") {
		t.Errorf("problems: %+v", p.Problems)
	}
	if p := w.plan(Options{}, boxes[1:]...); len(p.Problems) != 0 {
		t.Errorf("problems: %+v", p.Problems)
	}
}

// TestPeer: a box that shares another's network goes with it, named or not.
func TestPeer(t *testing.T) {
	app := wantBox("app", "debian:12")
	side := wantBox("side", "debian:12", spec(func(s *resource.BoxSpec) { s.Networks, s.NetworkMode = nil, "box:app" }), func(w *resource.BoxWanted) {
		w.DependsOn = []resource.Key{app.Key}
	})
	w := newWorld(t)
	w.up(app, side)
	actions := func(p *Plan) string {
		var out []string
		for _, c := range p.Changes {
			out = append(out, c.Address.Box+" "+string(c.Action))
		}
		return strings.Join(out, ", ")
	}
	for _, tc := range []struct {
		name string
		o    Options
		want string
	}{
		{"reload of the one", Options{Restart: true, Only: []resource.Key{app.Key}}, "app restart, side restart"},
		{"replacing the one", Options{Recreate: true, Only: []resource.Key{app.Key}}, "app replace, side replace"},
		{"reload of the other", Options{Restart: true, Only: []resource.Key{side.Key}}, "side restart"},
		{"replacing the other", Options{Recreate: true, Only: []resource.Key{side.Key}}, "side replace"},
	} {
		if got := actions(w.plan(tc.o, app, side)); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
	apart := wantBox("app", "debian:12", spec(func(s *resource.BoxSpec) { s.Env = resource.StrMap{"A": "1"} }))
	w.up(apart, side)
}

func TestLateCreateIsObservedAgain(t *testing.T) {
	w := newWorld(t)
	late := resource.Owner{Project: "shop", Box: "web", Index: 1, Checkout: w.id.Checkout, User: w.id.User}
	in := Input{Desired: w.desired(wantBox("web", "debian:12")), Images: w.images, Answers: Answers{
		Names: map[string]resource.Owner{"shop-web": late}, Asked: map[Question]bool{{Kind: AskNames}: true},
	}}
	if r := Diff(in); !r.Stale || r.Plan != nil {
		t.Errorf("a container of ours that the list lacked: %+v", r)
	}
	late.Box = "" // envy's labels on a name that envy does not give for them
	in.Answers.Names["shop-web"] = late
	if r := Diff(in); r.Stale || r.Plan == nil || len(r.Plan.Problems) != 1 {
		t.Errorf("a foreign container with our labels: %+v", r)
	}
}
