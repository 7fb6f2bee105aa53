package view

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// Every field of every document stands in the manual's page on JSON, and so does every format and type.
func TestDocumentsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	fields := map[string]bool{}
	for _, document := range []any{
		PlanJSON{}, UpJSON{}, StatusJSON{}, PortsJSON{}, VersionJSON{}, EventJSON{}, DiagnosticList{}, FailuresJSON{},
		TrustJSON{}, TrustedJSON{}, RevokedJSON{}, ProjectsJSON{}, PruneJSON{}, DiskJSON{}, TimingsJSON{}, TopJSON{},
	} {
		collectFields(reflect.TypeOf(document), fields)
	}
	if len(fields) < 50 {
		t.Fatalf("found only %d fields", len(fields))
	}
	for name := range fields {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("the field %q is not in docs/json.md", name)
		}
	}
	for _, heading := range []string{
		"envy.plan", "envy.up", "envy.status", "envy.projects", "envy.pruned", "envy.df", "prune", "envy.ports", "envy.version", "envy.trust", "envy.trusted", "envy.revoked", "event", "plan", "diagnostics", "failures", "timings", "envy.top",
	} {
		if !strings.Contains(text, "\n### "+heading+"\n") {
			t.Errorf("docs/json.md has no heading %q", heading)
		}
	}
}

func collectFields(t reflect.Type, into map[string]bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		collectFields(t.Elem(), into)
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "-" || !f.IsExported() {
				continue
			}
			if name != "" {
				into[name] = true
			}
			if f.Type != reflect.TypeFor[[]StepTimeJSON]() || t != reflect.TypeFor[StepTimeJSON]() { // parts are steps
				collectFields(f.Type, into)
			}
		}
	}
}
