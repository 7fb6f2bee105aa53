package artifact_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/envyhq/envy/boxes/archive"
	"github.com/envyhq/envy/boxes/artifact"
	"github.com/envyhq/envy/boxes/registry"
	"github.com/envyhq/envy/boxes/source"
)

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// archiveOf is a whole archive whose layer is this text, with a file that is empty.
func archiveOf(t *testing.T, text string) []byte {
	t.Helper()
	layer := []byte(text)
	config := fmt.Sprintf(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[%q]}}`, digestOf(layer))
	var out bytes.Buffer
	_, err := archive.Write(t.Context(), &out, archive.Box{
		Name: "web", Definition: map[string][]byte{"box.hcl": []byte("box {}\n"), "empty": {}},
		Image: &archive.Image{Config: []byte(config), Layers: map[string]archive.Layer{digestOf(layer): {
			Size: int64(len(layer)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer)), nil },
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// store is a registry as plain as can be: what is pushed is there.
type store struct {
	mu               sync.Mutex
	manifests, blobs map[string][]byte
	asked            []string
}

func newStore(t *testing.T) (*store, *registry.Client, source.Registry) {
	t.Helper()
	s := &store{manifests: map[string][]byte{}, blobs: map[string][]byte{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	c := registry.New(registry.Config{Agent: "envy/test", Pause: time.Millisecond})
	t.Cleanup(func() { _ = c.Close() })
	return s, c, source.Registry{Host: strings.TrimPrefix(server.URL, "http://"), Repository: "team/x", Tag: "1"}
}

// ServeHTTP implements http.Handler.
func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := strings.TrimPrefix(r.URL.Path, "/v2/team/x/")
	s.asked = append(s.asked, r.Method+" "+name)
	from, key := s.blobs, strings.TrimPrefix(name, "blobs/")
	if tag, ok := strings.CutPrefix(name, "manifests/"); ok {
		from, key = s.manifests, tag
	}
	data, there := from[key]
	switch {
	case r.Method == http.MethodPost:
		w.Header().Set("Location", "/v2/team/x/blobs/uploads/1")
		w.WriteHeader(http.StatusAccepted)
	case r.Method == http.MethodPut:
		sent, _ := io.ReadAll(r.Body)
		digest := r.URL.Query().Get("digest")
		if from[key] = sent; digest != "" {
			s.blobs[digest] = sent
		} else {
			s.manifests[digestOf(sent)] = sent
		}
		w.WriteHeader(http.StatusCreated)
	case !there:
		w.WriteHeader(http.StatusNotFound)
	default:
		var about struct{ MediaType string }
		_ = json.Unmarshal(data, &about)
		w.Header().Set("Content-Type", about.MediaType)
		_, _ = w.Write(data)
	}
}

func push(t *testing.T, c *registry.Client, to source.Registry, file []byte) *artifact.Pushed {
	t.Helper()
	var last, total int64
	p, err := artifact.Push(t.Context(), c, to, bytes.NewReader(file), int64(len(file)), func(d, of int64) {
		if d < last {
			t.Errorf("progress goes back from %d to %d", last, d)
		}
		last, total = d, of
	})
	if err != nil {
		t.Fatal(err)
	}
	if last == 0 || last > total {
		t.Errorf("progress ends at %d of %d", last, total)
	}
	return p
}

func TestRoundTrip(t *testing.T) {
	file := archiveOf(t, "a layer")
	s, c, at := newStore(t)
	pushed := push(t, c, at, file)
	for _, src := range []source.Registry{at, {Host: at.Host, Repository: at.Repository, Digest: pushed.Digest}} {
		box, err := artifact.Find(t.Context(), c, src)
		if err != nil {
			t.Fatal(err)
		}
		from := box.Open(t.Context())
		got, err := io.ReadAll(from)
		if err := errors.Join(err, from.Close()); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, file) {
			t.Error("what comes back is another archive")
		}
		if n := box.Manifest.FileSize(); n != int64(len(file)) {
			t.Errorf("size %d, want %d", n, len(file))
		}
	}
	s.asked = nil
	box, err := artifact.At(t.Context(), c, at, pushed.Head.Digest)
	if err != nil {
		t.Fatal(err)
	}
	head, text, err := box.Head(t.Context())
	if err != nil || head.Digest != pushed.Head.Digest || !bytes.HasPrefix(file, text) {
		t.Errorf("head %v of %d bytes, %v", head, len(text), err)
	}
	for _, a := range s.asked {
		if strings.Contains(a, "manifests") || strings.Contains(a, head.Config) {
			t.Errorf("the head alone, and %s was asked for", a)
		}
	}
}

func TestPushSendsWhatIsMissing(t *testing.T) {
	s, c, at := newStore(t)
	first := push(t, c, at, archiveOf(t, "a layer"))
	s.asked = nil
	at.Tag = "2"
	second := push(t, c, at, archiveOf(t, "a layer"))
	if first.Digest != second.Digest || strings.Contains(strings.Join(s.asked, "\n"), "POST") {
		t.Errorf("the same archive again: %s, %s, %q", first.Digest, second.Digest, s.asked)
	}
	at.Tag, at.Digest = "", "sha256:"+strings.Repeat("0", 64)
	file := archiveOf(t, "a layer")
	_, err := artifact.Push(t.Context(), c, at, bytes.NewReader(file), int64(len(file)), func(int64, int64) {})
	if _, ok := errors.AsType[*archive.MismatchError](err); !ok {
		t.Errorf("under another digest: %v", err)
	}
}

func TestPushRefuses(t *testing.T) {
	s, c, at := newStore(t)
	file := archiveOf(t, "a layer")
	broken := bytes.Replace(file, []byte("a layer"), []byte("b layer"), 1)
	if _, err := artifact.Push(t.Context(), c, at, bytes.NewReader(broken), int64(len(broken)), func(int64, int64) {}); err == nil {
		t.Error("a broken archive is pushed")
	}
	at.Host = "registry"
	_, err := artifact.Push(t.Context(), c, at, bytes.NewReader(file), int64(len(file)), func(int64, int64) {})
	if _, ok := errors.AsType[*artifact.HostError](err); !ok {
		t.Errorf("a host that is none: %v", err)
	}
	if len(s.asked) > 0 {
		t.Errorf("and yet it was asked %q", s.asked)
	}
}

// What a registry changes of an archive is found out.
func TestHostileRegistries(t *testing.T) {
	manifest := func(change func(m map[string]any, layers []any)) func(*store, *artifact.Pushed) {
		return func(s *store, p *artifact.Pushed) {
			var m map[string]any
			_ = json.Unmarshal(s.manifests["1"], &m)
			change(m, m["layers"].([]any))
			s.manifests["1"], _ = json.Marshal(m)
		}
	}
	layer := func(key string, v any) func(*store, *artifact.Pushed) {
		return manifest(func(_ map[string]any, l []any) { l[2].(map[string]any)[key] = v })
	}
	for name, change := range map[string]func(*store, *artifact.Pushed){
		"a layer less":          manifest(func(m map[string]any, l []any) { m["layers"] = l[1:] }),
		"a layer more":          manifest(func(m map[string]any, l []any) { m["layers"] = append(l, l[0]) }),
		"another order":         manifest(func(_ map[string]any, l []any) { l[0], l[1] = l[1], l[0] }),
		"a lying size":          layer("size", 3),
		"another media type":    layer("mediaType", "application/vnd.oci.image.layer.v1.tar"),
		"another digest":        layer("digest", digestOf(nil)),
		"another title":         layer("annotations", map[string]string{"org.opencontainers.image.title": "definition/other"}),
		"a note besides":        manifest(func(m map[string]any, _ []any) { m["annotations"] = map[string]string{"a": "b"} }),
		"an artifact of others": manifest(func(m map[string]any, _ []any) { m["artifactType"] = "application/x" }),
		"an ordinary image": manifest(func(m map[string]any, _ []any) {
			m["config"].(map[string]any)["mediaType"] = "application/vnd.oci.image.config.v1+json"
		}),
		"a size of its manifest": manifest(func(m map[string]any, _ []any) { m["config"].(map[string]any)["size"] = 1 }),
		"an index": func(s *store, _ *artifact.Pushed) {
			s.manifests["1"] = []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)
		},
		"no manifest of a box":    func(s *store, p *artifact.Pushed) { replace(s, p, []byte("{}\n")) },
		"another box's manifest":  func(s *store, p *artifact.Pushed) { s.blobs[p.Head.Digest] = []byte("{}\n") },
		"a manifest without end":  func(s *store, p *artifact.Pushed) { s.blobs[p.Head.Digest] = make([]byte, archive.MaxManifest+1) },
		"a member of others":      func(s *store, p *artifact.Pushed) { s.blobs["sha256:"+p.Head.Members[0].SHA256] = []byte("box {}x") },
		"a member that is longer": func(s *store, p *artifact.Pushed) { s.blobs["sha256:"+p.Head.Members[0].SHA256] = []byte("box {}\n\n") },
		"a member that is missing": func(s *store, p *artifact.Pushed) {
			delete(s.blobs, "sha256:"+p.Head.Members[len(p.Head.Members)-1].SHA256)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, c, at := newStore(t)
			change(s, push(t, c, at, archiveOf(t, "a layer")))
			box, err := artifact.Find(t.Context(), c, at)
			if err == nil {
				from := box.Open(t.Context())
				_, err = archive.Load(t.Context(), from, io.Discard, archive.Expect{})
				err = errors.Join(err, from.Close())
			}
			if err == nil {
				t.Error("it is taken for the archive")
			}
		})
	}
}

// replace puts another text in the place of the archive's manifest, under its own digest.
func replace(s *store, p *artifact.Pushed, text []byte) {
	s.blobs[digestOf(text)] = text
	s.manifests["1"] = bytes.ReplaceAll(s.manifests["1"], []byte(p.Head.Digest), []byte(digestOf(text)))
}

// A tag that was moved changes nothing for who knows the digest.
func TestMovedTag(t *testing.T) {
	_, c, at := newStore(t)
	first := push(t, c, at, archiveOf(t, "a layer"))
	second := push(t, c, at, archiveOf(t, "another layer"))
	box, err := artifact.Find(t.Context(), c, at)
	if err != nil || box.Digest != second.Head.Digest {
		t.Errorf("the tag: %v", err)
	}
	if box, err = artifact.At(t.Context(), c, at, first.Head.Digest); err != nil {
		t.Fatal(err)
	}
	from := box.Open(t.Context())
	defer from.Close()
	if _, err := archive.Load(t.Context(), from, io.Discard, archive.Expect{Manifest: first.Head.Digest}); err != nil {
		t.Error(err)
	}
	if _, err := artifact.At(t.Context(), c, at, digestOf([]byte("x"))); !registry.Is(err, registry.NotFound) {
		t.Errorf("what is not there: %v", err)
	}
}
