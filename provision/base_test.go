package provision

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/envyhq/envy/provision/apply"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/driver/fake"
)

// TestInstead: a base that cannot be pulled is made from packages where the flag or the Envfile allows it.
func TestInstead(t *testing.T) {
	box := func(image string) string { return "box \"web\" {\n  image = \"" + image + "\"\n}\n" }
	const allowed = "envy { bootstrap = true }\n"
	refused := func(fake.Call) error { return &driver.Error{Kind: driver.Denied, Text: "no luck"} }
	unreached := func(fake.Call) error { return &driver.Error{Kind: driver.NoRegistry, Text: "no luck"} }
	for name, tt := range map[string]struct {
		text  string
		flag  bool
		pull  func(fake.Call) error
		fails error // of the making
		made  string
		hint  bool
		err   string
	}{
		"the flag":             {box("debian:trixie"), true, unreached, nil, "debian:trixie", false, ""},
		"the Envfile":          {allowed + box("debian:trixie-slim"), false, unreached, nil, "debian:trixie-slim", false, ""},
		"not in the registry":  {box("ubuntu:plucky"), true, nil, nil, "ubuntu:plucky", false, ""},
		"neither":              {box("debian:trixie"), false, unreached, nil, "", true, "no luck"},
		"false":                {"envy { bootstrap = false }\n" + box("debian:trixie"), false, nil, nil, "", true, "not found"},
		"refused":              {box("debian:trixie"), true, refused, nil, "", false, "no luck"},
		"no such distribution": {box("fedora:41"), true, unreached, nil, "", false, "no luck"},
		"no such name":         {box("registry.example.com/debian:trixie"), true, unreached, nil, "", false, "no luck"},
		"another platform":     {box("debian:trixie\"\n  platform = \"linux/arm64"), true, unreached, nil, "", false, "no luck"},
		"not made":             {box("debian:trixie"), true, unreached, errors.New("no mirror"), "debian:trixie", false, "nor made from packages: no mirror"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProject(t)
			engine := p.engine.(*fake.Engine)
			p.engine = fake.Intercept(engine, func(ctx context.Context, c fake.Call, next func(context.Context) error) error {
				if c.Method == "Pull" && tt.pull != nil {
					return tt.pull(c)
				}
				return next(ctx)
			})
			made := ""
			env := p.env()
			env.Bootstrap = func(_ context.Context, ref string) error {
				made += ref
				if tt.fails != nil {
					return tt.fails
				}
				return engine.AddImage(ref, fake.Image{Manager: "apt"})
			}
			before, err := MakePlan(t.Context(), env, p.load(tt.text), UpOptions{Bootstrap: tt.flag})
			if err != nil {
				t.Fatal(err)
			}
			if note := strings.Contains(lines(before), "bootstrapped from packages if it cannot be pulled"); made != "" || note != (tt.made != "" || name == "refused") {
				t.Errorf("%q made by a plan:\n%s", made, lines(before))
			}
			_, err = Up(t.Context(), env, p.load(tt.text), UpOptions{Bootstrap: tt.flag}, yes)
			if made != tt.made || (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("made %q, want %q; %v", made, tt.made, err)
			}
			if base, ok := errors.AsType[*BaseError](err); ok != tt.hint || ok && !strings.Contains(tt.text, base.Reference) {
				t.Errorf("hint %v, want %v: %v", ok, tt.hint, err)
			}
			if _, ok := errors.AsType[*apply.Failure](err); err != nil && !ok {
				t.Errorf("no failure of a step: %v", err)
			}
		})
	}
}
