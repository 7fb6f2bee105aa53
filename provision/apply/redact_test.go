package apply

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

func TestRedactor(t *testing.T) {
	var out strings.Builder
	r := &redactor{to: &out, secrets: []string{"hunter2-and-more", "hunter2", "x"}}
	for _, part := range []string{"token=hun", "ter2 x\nlong hunter2-and", "-more\n", "last hunter2"} {
		if _, err := io.WriteString(r, part); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.flush(); err != nil {
		t.Fatal(err)
	}
	if want := "token=(sensitive) x\nlong (sensitive)\nlast (sensitive)"; out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
}

func TestRedactorDoesNotHoldForEver(t *testing.T) {
	var out strings.Builder
	r := &redactor{to: &out}
	if _, err := io.WriteString(r, strings.Repeat("a", maxHeld)); err != nil || out.Len() != maxHeld {
		t.Errorf("a line without an end: %d bytes passed on, %v", out.Len(), err)
	}
}

func TestFailuresShowNoSecret(t *testing.T) {
	s := &stage{fail: map[string]error{"provision web p": &driver.ScriptError{Code: 1, Output: "bad hunter2"}}}
	step := box(plan.OpProvision, "web")
	step.Script, step.Secrets = &resource.ProvisionScript{Name: "p"}, []string{"hunter2"}
	r := Run(t.Context(), number(step), s, nil, Options{})
	var script *driver.ScriptError
	if !errors.As(r.Err(t.Context()), &script) || script.Output != "bad (sensitive)" {
		t.Errorf("failure: %+v", script)
	}
}
