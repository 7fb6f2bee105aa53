package registry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/envyhq/envy/boxes/registry"
)

func TestResolve(t *testing.T) {
	s := newSample(t)
	headless := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		s.store().ServeHTTP(w, r)
	})
	index := registry.Resolved{Digest: digestOf(s.index), Platforms: map[string]string{
		"linux/arm64/v8": digestOf(s.manifest), "linux/amd64": digestOf("other"),
	}}
	one := registry.Resolved{Digest: digestOf(s.manifest), Platforms: map[string]string{"linux/arm64/v8": digestOf(s.manifest)}}
	for name, tt := range map[string]struct {
		h    http.Handler
		ref  string
		want registry.Resolved
	}{
		"index":             {s.store(), ":1", index},
		"index by digest":   {s.store(), "@" + digestOf(s.index), index},
		"tag and digest":    {s.store(), ":gone@" + digestOf(s.index), index},
		"single image":      {s.store(), ":one", one},
		"server of no HEAD": {headless, ":1", index},
	} {
		t.Run(name, func(t *testing.T) {
			c, repo := serve(t, tt.h)
			got, err := c.Resolve(t.Context(), repo+tt.ref)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestResolveFails(t *testing.T) {
	s := newSample(t)
	tagged := func(index string) http.Handler {
		return store{manifests: map[string]string{"1": index, digestOf(index): index}}
	}
	named := func(header, value string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.store().ServeHTTP(overwriting{w, header, value}, r)
		})
	}
	many := make([]any, registry.MaxMembers+1)
	for i := range many {
		many[i] = member("x", fmt.Sprintf("linux/a%d", i), nil)
	}
	for name, tt := range map[string]struct {
		h    http.Handler
		ref  string
		kind registry.Kind
		text string
	}{
		"no such tag":           {s.store(), ":2", registry.NotFound, "no such tag"},
		"no reference":          {s.store(), ":A B", registry.Invalid, "no reference"},
		"SHA-512":               {s.store(), "@sha512:" + strings.Repeat("0", 128), registry.Invalid, "sha256"},
		"another digest":        {named("Docker-Content-Digest", digestOf("x")), ":1", registry.NotFound, ""},
		"lying digest header":   {named("Docker-Content-Digest", digestOf("x")), "@" + digestOf(s.index), registry.Changed, "names the digest"},
		"content of another":    {store{manifests: map[string]string{digestOf("x"): s.index}}, "@" + digestOf("x"), registry.Changed, digestOf(s.index)},
		"kind of another":       {named("Content-Type", ocispec.MediaTypeImageManifest), ":1", registry.Invalid, "calls itself"},
		"no kind":               {named("Content-Type", "text/html"), ":1", registry.Invalid, "text/html"},
		"no JSON":               {tagged("<html>"), ":1", registry.Invalid, "cannot be read"},
		"version 1":             {tagged(`{"schemaVersion":1}`), ":1", registry.Invalid, "version 1"},
		"both at once":          {tagged(`{"schemaVersion":2,"manifests":[],"layers":[]}`), ":1", registry.Invalid, "taken for"},
		"deep":                  {tagged(`{"schemaVersion":2,"x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`), ":1", registry.Invalid, "levels deep"},
		"huge":                  {tagged(`{"schemaVersion":2,"x":"` + strings.Repeat("x", registry.MaxManifest) + `"}`), ":1", registry.TooLarge, "limit"},
		"many":                  {tagged(index(t, many...)), ":1", registry.TooLarge, "1001 manifests"},
		"one platform twice":    {tagged(index(t, member("a", "linux/amd64", nil), member("b", "linux/amd64", nil))), ":1", registry.Invalid, "two images for linux/amd64"},
		"impossible platform":   {tagged(index(t, member("a", "linux/amd64\n", nil))), ":1", registry.Invalid, "cannot be"},
		"impossible digest":     {tagged(strings.Replace(s.index, digestOf("other"), "sha256:../../x", 1)), ":1", registry.Invalid, "hex digits"},
		"negative size":         {tagged(strings.Replace(s.index, `"size":5`, `"size":-5`, 1)), ":1", registry.Invalid, "-5 bytes"},
		"configuration is gone": {store{manifests: s.store().manifests}, ":one", registry.NotFound, ""},
		"no configuration":      {tagged(`{"schemaVersion":2,"layers":[]}`), ":1", registry.Invalid, "without a configuration"},
	} {
		t.Run(name, func(t *testing.T) {
			c, repo := serve(t, tt.h)
			got, err := c.Resolve(t.Context(), repo+tt.ref)
			wantKind(t, err, tt.kind, tt.text, repo+tt.ref)
			if got.Digest != "" && got.Platforms != nil {
				t.Errorf("%+v beside an error", got)
			}
		})
	}
}

// overwriting sets a header whatever the handler says.
type overwriting struct {
	http.ResponseWriter
	header, value string
}

func (o overwriting) Write(p []byte) (int, error) {
	o.Header().Set(o.header, o.value)
	return o.ResponseWriter.Write(p)
}

// The same image twice, and images that versions tell apart, as those of other systems are, stay readable.
func TestResolvePlatformsTwice(t *testing.T) {
	old, young := member("a", "windows/amd64", nil), member("b", "windows/amd64", nil)
	young["platform"].(map[string]string)["os.version"] = "10.0.2"
	list := index(t, old, young, member("c", "linux/amd64", nil), member("c", "linux/amd64", nil), member("d", "", nil))
	c, repo := serve(t, store{manifests: map[string]string{"1": list, digestOf(list): list}})
	got, err := c.Resolve(t.Context(), repo+":1")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"windows/amd64": digestOf("a"), "linux/amd64": digestOf("c")}
	if diff := cmp.Diff(want, got.Platforms); diff != "" {
		t.Error(diff)
	}
}

func TestStatus(t *testing.T) {
	status, header := 0, ""
	var asked atomic.Int32
	c, repo := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Retry-After", header)
		w.WriteHeader(status)
		_, _ = io.CopyN(w, endless{}, 1<<20)
	}))
	for _, tt := range []struct {
		status int
		header string
		kind   registry.Kind
		asked  int32
		text   string
	}{
		{403, "", registry.Denied, 1, "403"},
		{401, "", registry.Denied, 1, "no way in"},
		{404, "", registry.NotFound, 1, "404"},
		{410, "", registry.NotFound, 1, ""},
		{418, "", registry.Invalid, 1, "418"},
		{429, "3600", registry.Unreachable, 1, "try again in 1h"},
		{429, "0", registry.Unreachable, 3, "too many requests"},
		{429, "", registry.Unreachable, 3, ""},
		{500, "", registry.Unreachable, 1, ""},
		{503, "-1", registry.Unreachable, 3, ""},
	} {
		status, header = tt.status, tt.header
		asked.Store(0)
		_, err := c.Manifest(t.Context(), repo+":1")
		wantKind(t, err, tt.kind, tt.text)
		if asked.Load() != tt.asked {
			t.Errorf("status %d after %q: asked %d times, want %d", tt.status, tt.header, asked.Load(), tt.asked)
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// A registry that stops in the middle of an answer, or never begins one, is given up; so it is when the caller gives up.
func TestSilence(t *testing.T) {
	over := make(chan struct{})
	s := newSample(t)
	for name, begin := range map[string]string{"no answer": "", "half an answer": s.index[:20]} {
		t.Run(name, func(t *testing.T) {
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if begin != "" {
					fmt.Fprint(w, begin)
					_ = http.NewResponseController(w).Flush()
				}
				select {
				case <-r.Context().Done():
				case <-over:
				}
			})
			c, repo := serve(t, h, func(cfg *registry.Config) { cfg.Stall = 50 * time.Millisecond })
			_, err := c.Manifest(t.Context(), repo+":1")
			wantKind(t, err, registry.Unreachable, "nothing came for too long")

			patient, repo := serve(t, h)
			ctx, cancel := context.WithCancelCause(t.Context())
			stop := errors.New("enough")
			timer := time.AfterFunc(20*time.Millisecond, func() { cancel(stop) })
			defer timer.Stop()
			if _, err := patient.Manifest(ctx, repo+":1"); !errors.Is(err, stop) || !registry.Is(err, registry.Unreachable) {
				t.Errorf("error %v, want the cause", err)
			}
		})
	}
	close(over)
	c := registry.New(registry.Config{})
	defer c.Close()
	_, err := c.Manifest(t.Context(), "127.0.0.1:1/team/x:1")
	wantKind(t, err, registry.Unreachable, "cannot be reached")
	untrusting, repo := serve(t, s.store(), func(cfg *registry.Config) { cfg.TLS = nil })
	_, err = untrusting.Manifest(t.Context(), repo+":1")
	wantKind(t, err, registry.Denied, "cannot prove")
}
