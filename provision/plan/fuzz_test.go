package plan

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/envyhq/envy/provision/resource"
)

// FuzzSaved: a saved plan that is read is read the same once it is written again, is no other than itself, and is
// another than the fresh one unless it says the same.
func FuzzSaved(f *testing.F) {
	f.Add([]byte(`{"version":1,"project":"shop","changes":[],"steps":[{"id":1,"op":"start","address":{"kind":"box","box":"web"},"target":{"name":"x"}}]}`))
	f.Add([]byte(`{"version":1,"changes":[{"address":{"kind":"box"},"action":"replace","loss":{"count":-1,"unknown":true}}],"problems":[{"summary":"x","clash":{"port":99999}}]}`))
	f.Add([]byte(`{"version":2}`))
	w := newWorld(&testing.T{})
	fresh := w.plan(Options{}, wantBox("web", "debian:12"))
	if data, err := json.Marshal(fresh); err == nil {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Decode(data)
		if err != nil {
			if p != nil || err.Error() == "" {
				t.Errorf("a plan beside the error %v", err)
			}
			return
		}
		written, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(written)
		if diff := cmp.Diff(p, again, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("written and read again: %v\n%s", err, diff)
		}
		if d := Different(p, p); d != "" {
			t.Errorf("a plan differs from itself: %s", d)
		}
		if same := Different(p, fresh) == "" && Different(fresh, p) == ""; same && len(p.Steps) != len(fresh.Steps) {
			t.Errorf("%s\nis taken for\n%s", written, text(fresh))
		}
	})
}

// FuzzLabels: whatever a box's labels say, there is a plan, the same each time, whose steps come after what they need;
// one of a newer envy is left alone.
func FuzzLabels(f *testing.F) {
	w := newWorld(&testing.T{})
	w.up(wantBox("web", "debian:12"), wantBox("db", "postgres:16", func(b *resource.BoxWanted) { b.Spec.Service = true }))
	web := w.box("", "shop-web")
	f.Add(web.Spec, ".new", "1", "running")
	f.Add(`{"v":1,"image":{},"command":null,"user":{},"meta":{"order":-9223372036854775808,"counted":true,"depends_on":["db","web"]}}`, ".old", "2", "paused")
	f.Add(`{"v":1,"image":{"build":{}},"mounts":[{"type":"x","target":""},{"type":"volume","target":"","external":"x"}],"ports":[{"host":-1}],"network_mode":"box:web"}`, "", "1", "exited")
	f.Add(`{"v":2}`, "", "-1", "dead")
	f.Fuzz(func(t *testing.T, spec, suffix, index, state string) {
		w := newWorld(t)
		wanted := []resource.BoxWanted{wantBox("web", "debian:12"), wantBox("db", "postgres:16", func(b *resource.BoxWanted) { b.Spec.Service = true })}
		w.up(wanted...)
		b := w.box("", "shop-web")
		b.Labels[resource.LabelIndex] = index
		b.Name, b.Owner, b.Spec, b.SpecHash, b.State = b.Name+suffix, resource.OwnerOf(b.Labels), spec, "other", resource.State(state)
		plans := func() []*Plan {
			scope := Scope{Observed: w.observed, Project: "shop", Volumes: true}
			return []*Plan{w.plan(Options{}, wanted...), w.plan(Options{}), Halt(scope).Plan, Suspend(scope).Plan, Resume(scope).Plan, Destroy(scope).Plan}
		}
		all, again := plans(), plans()
		for i, p := range all {
			checkOrder(t, p)
			Text(p)
			if text(p) != text(again[i]) {
				t.Errorf("not the same the second time:\n%s", draw(p))
			}
		}
		if decoded, err := resource.DecodeSpec(spec); decoded == nil && index == "1" && suffix == "" {
			for _, s := range all[0].Steps {
				if s.Target.ID == b.ID {
					t.Errorf("%v, and it is planned to %s it", err, s.Op)
				}
			}
		}
	})
}

// checkOrder: steps are numbered from 1 and need earlier ones only.
func checkOrder(t *testing.T, p *Plan) {
	t.Helper()
	for i, s := range p.Steps {
		for _, n := range s.Needs {
			if n < 0 || n >= s.ID {
				t.Errorf("step %d needs %d", s.ID, n)
			}
		}
		if s.ID != i+1 || s.Op == "" {
			t.Errorf("step %d is %+v", i+1, s)
		}
	}
}
