package provision

import (
	"errors"
	"strings"
	"testing"

	"github.com/envyhq/envy/provision/resource"
)

// TestElsewhere: what a checkout that is gone made is told of by its claim, or by its boxes where that was pruned.
func TestElsewhere(t *testing.T) {
	p := newProject(t)
	p.id = NewIdentity("host-1", 1000, "/gone", "Envfile")
	p.up(`box "web" { image = "busybox:1" }`, UpOptions{})
	named := func(name string) func() string { return func() string { return name } }
	check := func(when string, want bool, name string, id resource.Identity) {
		t.Helper()
		scene, err := Look(t.Context(), p.env(), id)
		if err != nil {
			t.Fatal(err)
		}
		err = Elsewhere(t.Context(), p.env(), scene, named(name))
		var refused *RefusedError
		if got := errors.As(err, &refused) && strings.Contains(refused.Text, "/gone"); got != want || !want && err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	here := NewIdentity("host-1", 1000, p.host.dir, "Envfile")
	for _, claim := range []string{"claimed", "the claim was pruned"} {
		check(claim, true, "shop", here)
		check(claim+", another name", false, "store", here)
		check(claim+", another host", false, "shop", NewIdentity("host-2", 1000, p.host.dir, "Envfile"))
		check(claim+", another user", false, "shop", NewIdentity("host-1", 1001, p.host.dir, "Envfile"))
		check(claim+", its own", false, "shop", p.id)
		if err := p.engine.RemoveVolume(t.Context(), resource.ClaimName("shop")); err != nil {
			t.Fatal(err)
		}
	}
}
