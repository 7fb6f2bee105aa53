package provision

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/envyhq/envy/boxes/archive"
	"github.com/envyhq/envy/provision/apply"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/driver/fake"
	"github.com/envyhq/envy/provision/plan"
)

// packedBox is an archive of an image that has something of its own, made on an engine of its own.
func packedBox(t *testing.T) (data []byte, reference string) {
	t.Helper()
	p := newProject(t)
	q := p.load("box \"web\" {\n image = \"debian:bookworm-slim\"\n setup \"x\" { run = \"echo x > /x\" }\n}")
	if _, err := ImageOf(t.Context(), p.env(), q, nil); err == nil {
		t.Error("an image that is not there was found")
	}
	if _, err := Up(t.Context(), p.env(), q, UpOptions{}, func(context.Context, *plan.Plan) error { return nil }); err != nil {
		t.Fatal(err)
	}
	from, err := ImageOf(t.Context(), p.env(), q, []string{"web"})
	if err != nil {
		t.Fatal(err)
	}
	spool, err := os.Create(filepath.Join(t.TempDir(), "spool"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = spool.Close() })
	var out bytes.Buffer
	written, err := Pack(t.Context(), p.engine, Packing{
		Name: "web", Reference: from.Image, Spool: spool, Definition: func(image string) (map[string][]byte, error) {
			return map[string][]byte{archive.DefinitionFile: []byte("box { image = \"" + image + "\" }")}, nil
		},
	}, &out)
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), written.Manifest.Reference()
}

func silent(int64) {}

func TestLoadArchive(t *testing.T) {
	data, reference := packedBox(t)
	other := slices.Clone(data)
	other[len(other)-1024-100] ^= 1 // in the last layer, before the archive's own end
	digest := func(engine driver.Engine) string {
		fact, err := engine.Image(t.Context(), reference, "")
		if err != nil {
			return ""
		}
		return fact.BaseID
	}
	for name, tc := range map[string]struct {
		data   []byte
		expect archive.Expect
		loaded bool
	}{
		"whole":            {data, archive.Expect{}, true},
		"half":             {data[:len(data)/2], archive.Expect{}, false},
		"without its end":  {data[:len(data)-1], archive.Expect{}, false},
		"with more":        {append(slices.Clone(data), 'x'), archive.Expect{}, false},
		"another layer":    {other, archive.Expect{}, false},
		"another manifest": {data, archive.Expect{Manifest: "sha256:" + strings.Repeat("0", 64)}, false},
		"another file":     {data, archive.Expect{File: "sha256:" + strings.Repeat("0", 64)}, false},
		"refused":          {data, archive.Expect{Head: func(*archive.Head) error { return errors.New("refused") }}, false},
	} {
		t.Run(name, func(t *testing.T) {
			engine := fake.New(fake.Options{})
			_, err := LoadArchive(t.Context(), engine, bytes.NewReader(tc.data), tc.expect, silent)
			if got := digest(engine); (got != "") != tc.loaded || (err == nil) != tc.loaded {
				t.Errorf("the image is %q, error %v", got, err)
			}
		})
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	engine, because := fake.New(fake.Options{}), errors.New("enough")
	_, err := LoadArchive(ctx, engine, bytes.NewReader(data), archive.Expect{Head: func(*archive.Head) error { cancel(because); return nil }}, silent)
	if !errors.Is(err, because) || digest(engine) != "" {
		t.Errorf("the image is %q, error %v", digest(engine), err)
	}
	full := fake.Intercept(engine, fake.Fail(1, fake.Method("LoadImage"), &driver.Error{Kind: driver.NoSpace, Text: "full"}))
	if _, err := LoadArchive(t.Context(), full, bytes.NewReader(data), archive.Expect{}, silent); !driver.Is(err, driver.NoSpace) {
		t.Errorf("an engine without room: %v", err)
	}
}

// held is one archive that an Envfile names.
type held struct {
	reference string
	data      []byte
	engine    driver.Engine
	loads     int
	err       error
}

func (h *held) Holding(reference string) string {
	if reference == h.reference {
		return "./web.box"
	}
	return ""
}

func (h *held) Load(ctx context.Context, _ string, progress func(current, total int64)) error {
	h.loads++
	if h.err != nil {
		return h.err
	}
	_, err := LoadArchive(ctx, h.engine, bytes.NewReader(h.data), archive.Expect{}, func(done int64) { progress(done, int64(len(h.data))) })
	return err
}

// An image that an archive has is never asked of a registry.
func TestUpLoads(t *testing.T) {
	data, reference := packedBox(t)
	p := newProject(t)
	var pulled []string
	engine := fake.Intercept(p.engine, func(ctx context.Context, c fake.Call, next func(context.Context) error) error {
		if c.Method == "Pull" {
			pulled = append(pulled, c.Object)
		}
		return next(ctx)
	})
	h := &held{reference: reference, data: data, engine: engine, err: io.ErrUnexpectedEOF}
	env := p.env()
	env.Engine, env.Archives = engine, h
	q := p.load("box \"a\" { image = \"" + reference + "\" }\nbox \"b\" {\n image = \"" + reference + "\"\n setup \"y\" { run = \"echo y > /y\" }\n}")
	made, err := MakePlan(t.Context(), env, q, UpOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var loads []string
	for _, s := range made.Steps {
		if s.Op == plan.OpLoad {
			loads = append(loads, s.Name)
		}
	}
	if len(loads) != 1 || loads[0] != reference || h.loads != 0 || !made.Unresolved {
		t.Errorf("the plan loads %q, %d were", loads, h.loads)
	}
	yes := func(context.Context, *plan.Plan) error { return nil }
	_, err = Up(t.Context(), env, q, UpOptions{}, yes)
	if failed, ok := errors.AsType[*apply.Failure](err); !ok || failed.Step.Op != plan.OpLoad || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a load that failed: %v", err)
	}
	h.err = nil
	if _, err := Up(t.Context(), env, q, UpOptions{}, yes); err != nil {
		t.Fatal(err)
	}
	again, err := MakePlan(t.Context(), env, q, UpOptions{})
	if err != nil || !again.Empty() || h.loads != 2 || len(pulled) > 0 {
		t.Errorf("%v; loaded %d times, pulled %q", err, h.loads, pulled)
	}
}

// Where a box is there and the name of its image is gone, up has nothing to do: another command helps.
func TestImageOfHint(t *testing.T) {
	p := newProject(t)
	q := p.load("box \"web\" {\n image = \"debian:bookworm-slim\"\n setup \"x\" { run = \"echo x > /x\" }\n}")
	env, gone := p.env(), ""
	env.Engine = fake.Intercept(p.engine, func(ctx context.Context, c fake.Call, next func(context.Context) error) error {
		if c.Method == "Image" && c.Object == gone {
			return &driver.Error{Kind: driver.NotFound}
		}
		return next(ctx)
	})
	hint := func() string {
		_, err := ImageOf(t.Context(), env, q, nil)
		refused, ok := errors.AsType[*RefusedError](err)
		if !ok {
			t.Fatal(err)
		}
		return refused.Hint
	}
	if got := hint(); got != "envy up web makes it" {
		t.Error(got)
	}
	if _, err := Up(t.Context(), p.env(), q, UpOptions{}, yes); err != nil {
		t.Fatal(err)
	}
	from, err := ImageOf(t.Context(), p.env(), q, nil)
	if err != nil {
		t.Fatal(err)
	}
	gone = from.Image
	if got := hint(); !strings.HasPrefix(got, "envy up --recreate web") {
		t.Error(got)
	}
}
