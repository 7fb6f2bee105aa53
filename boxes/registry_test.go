package boxes_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/envyhq/envy/boxes"
	"github.com/envyhq/envy/boxes/archive"
	"github.com/envyhq/envy/boxes/lock"
	"github.com/envyhq/envy/boxes/source"
	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
)

func TestRegistry(t *testing.T) {
	const at = "oci://example.com/team/web:1"
	head, err := archive.ReadHead(bytes.NewReader(packed(t, map[string]string{"box.hcl": ownImage})))
	if err != nil {
		t.Fatal(err)
	}
	var asked []string // what was locked, each time
	find := func(l lock.Lock, locked, trusted bool) (*boxes.Finder, *config.Definition, error) {
		f := finder()
		f.Lock, f.Locked, f.Archives = l, locked, &boxes.Archives{}
		f.Trusts = func(config.GateEntry) bool { return trusted }
		f.Registry = func(_ context.Context, _ source.Registry, digest string) (*archive.Head, error) {
			asked = append(asked, digest)
			return head, nil
		}
		def, err := f.Definition(t.Context(), at, nil)
		if err == nil { // once more costs nothing
			_, err = f.Definition(t.Context(), at, nil)
		}
		return f, def, err
	}
	entry := func(digest string) lock.Lock {
		return lock.Lock{Archives: []lock.Archive{{Source: at, Checksum: digest}}}
	}

	_, _, err = find(lock.Lock{}, false, false)
	if untrusted, ok := errors.AsType[*config.UntrustedError](err); !ok || untrusted.Asks.Kind != config.GateDefinition || len(asked) > 0 {
		t.Errorf("nobody allows it: %v, asked %q", err, asked)
	}
	_, _, err = find(lock.Lock{}, true, true)
	if refused, ok := errors.AsType[*config.DefinitionError](err); !ok || refused.Class != diag.Refused || len(asked) > 0 {
		t.Errorf("--locked without an entry: %v, asked %q", err, asked)
	}
	f, def, err := find(lock.Lock{}, false, true)
	if err != nil || len(asked) != 1 || asked[0] != "" {
		t.Fatalf("allowed: %v, asked %q", err, asked)
	}
	if def.Asks == nil || def.Image != head.Reference() || def.File != "web@1/box.hcl" || def.Dir != "" {
		t.Errorf("%+v", def)
	}
	if got := f.SettledArchives(def.ID); len(got) != 1 || got[0] != (lock.Archive{Source: at, Checksum: head.Digest}) {
		t.Errorf("settled on %+v", got)
	}
	if got, _ := f.Archives.Holding(head.Reference()); got.Registry.Host != "example.com" || got.Digest != head.Digest {
		t.Errorf("%+v", got)
	}
	asked = nil
	_, def, err = find(entry(head.Digest), true, false)
	if err != nil || len(asked) != 1 || asked[0] != head.Digest || def.Asks != nil {
		t.Errorf("locked: %v, asked %q", err, asked)
	}
	_, _, err = find(entry("sha256:"+head.Config[len("sha256:"):]), false, true)
	if refused, ok := errors.AsType[*config.DefinitionError](err); !ok || refused.Class != diag.Refused {
		t.Errorf("another than is locked: %v", err)
	}
}
