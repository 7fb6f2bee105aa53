package provision

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/driver/fake"
	"github.com/envyhq/envy/provision/resource"
)

// pruneEnv is prune's, for this machine and user or others; find decides about every path.
func (p *project) pruneEnv(find FindCheckout, me resource.Identity) PruneEnv {
	return PruneEnv{
		Env: p.env(), Find: find, Me: me,
		Lock: func(context.Context, string) (func() error, error) { return func() error { return nil }, nil },
	}
}

func gone(string) (Presence, string)  { return CheckoutGone, "" }
func there(string) (Presence, string) { return CheckoutThere, "" }

func TestPruneIsForOnesOwn(t *testing.T) {
	p := newProject(t)
	p.up(`box "web" { image = "debian:bookworm-slim" }`, UpOptions{})
	for name, me := range map[string]resource.Identity{
		"another user": {HostID: p.id.HostID, User: "1001"}, "another machine": {HostID: "host-2", User: p.id.User},
	} {
		found, err := FindPrunable(t.Context(), p.pruneEnv(gone, me), PruneOptions{})
		if err != nil || !found.Empty() {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
		_, err = FindPrunable(t.Context(), p.pruneEnv(gone, me), PruneOptions{Gone: []string{p.id.Path}})
		if unknown := (*UnknownNameError)(nil); !errors.As(err, &unknown) {
			t.Errorf("%s names it: %v", name, err)
		}
	}
}

// Objects that do not agree on their checkout's path are nobody's to judge by it.
func TestPruneWantsOnePath(t *testing.T) {
	p := newProject(t)
	p.up(`box "web" { image = "debian:bookworm-slim" }`, UpOptions{})
	id := p.id
	id.Project, id.Path = "shop", "/elsewhere"
	_, err := p.engine.CreateVolume(t.Context(), driver.NewVolume{Name: "shop.data", Labels: id.Labels(resource.Owner{Volume: "data"})})
	if err != nil {
		t.Fatal(err)
	}
	found, err := FindPrunable(t.Context(), p.pruneEnv(gone, p.id), PruneOptions{})
	if err != nil || !found.Empty() {
		t.Errorf("%+v, %v", found, err)
	}
}

// A checkout that comes back while somebody is asked keeps all that belongs to it.
func TestPruneLooksAgain(t *testing.T) {
	p := newProject(t)
	p.up(`box "web" { image = "debian:bookworm-slim" }`, UpOptions{})
	found, err := FindPrunable(t.Context(), p.pruneEnv(gone, p.id), PruneOptions{})
	if err != nil || len(found.Projects) != 1 || found.Empty() {
		t.Fatalf("%+v, %v", found, err)
	}
	done, err := Prune(t.Context(), p.pruneEnv(there, p.id), found, PruneOptions{})
	if err != nil || len(done.Projects) != 0 {
		t.Errorf("back: %+v, %v", done, err)
	}
	if seen, err := p.engine.Observe(t.Context(), p.id); err != nil || len(seen.Boxes) != 1 {
		t.Errorf("of a checkout that is back are left: %+v, %v", seen, err)
	}
	if _, err = Prune(t.Context(), p.pruneEnv(gone, p.id), found, PruneOptions{}); err != nil {
		t.Fatal(err)
	}
	if seen, err := p.engine.Observe(t.Context(), p.id); err != nil || len(seen.Boxes)+len(seen.Networks)+len(seen.Volumes) != 0 {
		t.Errorf("left: %+v, %v", seen, err)
	}
}

// What fails keeps nothing else from going, and what is in use by then is no failure.
func TestPruneGoesOn(t *testing.T) {
	p := newProject(t)
	p.up(`box "web" {
  image    = "debian:bookworm-slim"
  packages = ["git"]
}`, UpOptions{})
	image := func() []driver.NamedImage {
		named, err := p.engine.NamedImages(t.Context(), "envy.local")
		if err != nil {
			t.Fatal(err)
		}
		return named
	}
	want := len(image())
	broken := errors.New("broken")
	env := p.pruneEnv(gone, p.id)
	env.Engine = fake.Intercept(p.engine, fake.Fail(1, fake.Method("RemoveNetwork"), broken))
	o := PruneOptions{Before: time.Now().Add(time.Hour)}
	found, err := FindPrunable(t.Context(), env, o)
	if err != nil || len(found.Images) != want || want == 0 || len(found.Agents) != 1 {
		t.Fatalf("%+v, %v", found, err)
	}
	done, err := Prune(t.Context(), env, found, o)
	if !errors.Is(err, broken) || len(done.Projects) != 0 || len(done.Images) != want || len(done.Agents) != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	if left := image(); len(left) != 0 {
		t.Errorf("images left: %v", left)
	}

	p = newProject(t)
	p.up(`box "web" { image = "debian:bookworm-slim" }`, UpOptions{})
	env = p.pruneEnv(there, p.id)
	all, err := p.engine.Everywhere(t.Context())
	if err != nil || len(all.Agents) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	done, err = Prune(t.Context(), env, &Pruning{Agents: []string{all.Agents[0].Name}}, o)
	if err != nil || len(done.Agents) != 0 {
		t.Errorf("an agent in use: %+v, %v", done, err)
	}
}

// Images of boxes stay under all their names, and so does what is not of envy's making.
func TestPruneKeepsImages(t *testing.T) {
	p := newProject(t)
	p.up(`box "web" {
  image    = "debian:bookworm-slim"
  packages = ["git"]
}`, UpOptions{})
	if err := p.engine.TagImage(t.Context(), "busybox:1", "envy.local/box/x:1"); err != nil {
		t.Fatal(err)
	}
	o := PruneOptions{Before: time.Now().Add(time.Hour)}
	found, err := FindPrunable(t.Context(), p.pruneEnv(there, p.id), o)
	if err != nil || !found.Empty() || len(found.Young) != 0 {
		t.Errorf("%+v, %v", found, err)
	}
	found, err = FindPrunable(t.Context(), p.pruneEnv(gone, p.id), o)
	if err != nil || slices.ContainsFunc(found.Images, func(i driver.NamedImage) bool { return i.Reference == "envy.local/box/x:1" }) {
		t.Errorf("%+v, %v", found, err)
	}
}
