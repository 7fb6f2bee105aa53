package cli_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/envyhq/envy/provision/driver/fake"
)

// shelf is a registry as plain as can be: what is pushed is there.
type shelf struct {
	mu    sync.Mutex
	have  map[string][]byte // by path below /v2/
	asked []string
}

func newShelf(t *testing.T) (*shelf, string) {
	t.Helper()
	s := &shelf{have: map[string][]byte{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, "oci://" + strings.TrimPrefix(server.URL, "http://") + "/team/web:1"
}

// ServeHTTP implements http.Handler.
func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.Method+" "+r.URL.Path)
	key := strings.TrimPrefix(r.URL.Path, "/v2/team/web/")
	data, there := s.have[key]
	switch {
	case r.Method == http.MethodPost:
		w.Header().Set("Location", "/v2/team/web/blobs/uploads/1")
		w.WriteHeader(http.StatusAccepted)
	case r.Method == http.MethodPut:
		sent, _ := io.ReadAll(r.Body)
		if digest := r.URL.Query().Get("digest"); digest != "" {
			key = "blobs/" + digest
		} else {
			sum := sha256.Sum256(sent)
			s.have["manifests/sha256:"+hex.EncodeToString(sum[:])] = sent
		}
		s.have[key] = sent
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

// requests are those since the last time.
func (s *shelf) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.asked
	s.asked = nil
	return out
}

// elsewhere is another machine, whose engine has no image.
func elsewhere(t *testing.T, envfile string) *machine {
	t.Helper()
	m := newMachine(t, envfile)
	m.engine = fake.New(fake.Options{})
	return m
}

// pushed is a machine whose box stands on a shelf, as this text in its environment.
func pushed(t *testing.T, at, text string) *machine {
	t.Helper()
	m := newMachine(t, `box "web" {
  image = "debian:bookworm-slim"
  env   = { SAYS = "`+text+`" }
}`)
	m.want(0, "", "up")
	m.want(0, "", "package", "--output", "web.box")
	m.want(0, "", "box", "push", "web.box", at)
	return m
}

func fromOf(at string) string { return "box \"app\" {\n  from = \"" + at + "\"\n}\n" }

func (m *machine) lock() string {
	m.t.Helper()
	data, err := os.ReadFile(filepath.Join(m.dir, "Envfile.lock"))
	if err != nil {
		m.t.Fatal(err)
	}
	return string(data)
}

func TestBoxFromARegistry(t *testing.T) {
	s, at := newShelf(t)
	pushed(t, at, "one")
	s.requests()
	m := elsewhere(t, fromOf(at))
	for _, args := range [][]string{{"validate"}, {"plan"}, {"up"}, {"lock"}} {
		m.want(5, "", args...)
		m.says("the definition " + at + " is fetched, which is not locked yet")
	}
	if asked := s.requests(); len(asked) > 0 {
		t.Fatalf("nobody has allowed it, and the registry was asked %q", asked)
	}
	m.want(0, "", "trust", "--accept", m.accept())
	m.want(0, "", "plan")
	s.requests()
	m.want(0, "", "lock")
	for _, a := range s.requests() {
		if strings.Contains(a, "PUT") || strings.Contains(a, "POST") {
			t.Errorf("lock asks for %s", a)
		}
	}
	first := m.lock()
	if !strings.Contains(first, `archive "`+at+`"`) {
		t.Errorf("the lock has:\n%s", first)
	}
	m.want(0, "", "up")
	if asked := strings.Join(s.requests(), "\n"); strings.Contains(asked, "manifests") {
		t.Errorf("what is locked, and the tag is asked for:\n%s", asked)
	}
	m.want(0, "", "exec", "app", "--", "sh", "-c", "echo $SAYS")
	if got := m.out.String(); got != "one\n" {
		t.Errorf("in the box: %q", got)
	}
	s.requests()
	m.want(0, "", "up", "--locked")
	m.want(0, "", "plan", "--detailed-exitcode")
	m.want(0, "", "validate")
	if asked := s.requests(); len(asked) > 0 {
		t.Errorf("everything is there, and the registry was asked %q", asked)
	}

	// The tag is moved: what is locked stays, on another machine too, until somebody asks for what is new.
	pushed(t, at, "two")
	other := elsewhere(t, fromOf(at))
	other.write("Envfile.lock", first)
	other.want(0, "", "up", "--locked")
	other.want(0, "", "exec", "app", "--", "sh", "-c", "echo $SAYS")
	if got := other.out.String(); got != "one\n" {
		t.Errorf("in the box elsewhere: %q", got)
	}
	m.want(0, "", "--quiet", "box", "outdated")
	if got := m.out.String(); got != at+"\n" {
		t.Errorf("outdated: %q", got)
	}
	m.want(0, "", "lock", "--upgrade", at)
	if m.lock() == first || !strings.Contains(m.out.String(), "~ archive "+at) {
		t.Errorf("the lock is not renewed: %s", m.out.String())
	}
	m.want(0, "", "--quiet", "box", "outdated")
	if got := m.out.String(); got != "" {
		t.Errorf("outdated after the upgrade: %q", got)
	}
	m.want(0, "", "up", "--yes")
	m.want(0, "", "exec", "app", "--", "sh", "-c", "echo $SAYS")
	if got := m.out.String(); got != "two\n" {
		t.Errorf("in the box after the upgrade: %q", got)
	}
}

// The first up writes the lock as lock does.
func TestFirstUpLocksABoxFromARegistry(t *testing.T) {
	_, at := newShelf(t)
	pushed(t, at, "one")
	m := elsewhere(t, fromOf(at))
	m.want(5, "", "up", "--locked")
	m.write("Envfile.lock", "")
	m.want(5, "", "up", "--locked")
	m.says("--locked: Envfile.lock has nothing on the archive " + at)
	m.want(5, "", "up")
	m.want(0, "", "trust", "--accept", m.accept())
	m.want(0, "", "up")
	if !strings.Contains(m.lock(), `archive "`+at+`"`) {
		t.Errorf("the lock has:\n%s", m.lock())
	}
}

func TestWhatARegistryHasNoMore(t *testing.T) {
	s, at := newShelf(t)
	pushed(t, at, "one")
	m := elsewhere(t, fromOf(at))
	m.want(5, "", "lock")
	m.want(0, "", "trust", "--accept", m.accept())
	m.want(0, "", "lock")
	kept := s.have
	s.have = map[string][]byte{}
	m.want(5, "", "up") // what stands before the image is in the cache
	m.says("which the registry does not have any more", "envy lock --upgrade "+at)
	if err := os.RemoveAll(m.env["XDG_CACHE_HOME"]); err != nil {
		t.Fatal(err)
	}
	m.want(5, "", "up")
	m.says("which the registry does not have any more", "envy lock --upgrade "+at)

	// One that lies about a content is found out, and the engine has nothing of it.
	s.have = map[string][]byte{}
	for key, data := range kept {
		if s.have[key] = data; strings.HasPrefix(key, "blobs/") && bytes.Contains(data, []byte("one")) && !bytes.HasPrefix(data, []byte(`{"format`)) {
			s.have[key] = bytes.Replace(data, []byte("one"), []byte("two"), 1)
		}
	}
	m.want(5, "", "up")
	m.says(at)
	m.want(0, "", "status")
	if strings.Contains(m.out.String(), "running") {
		t.Errorf("there is a box:\n%s", m.out.String())
	}
}

func TestAddFromARegistry(t *testing.T) {
	s, at := newShelf(t)
	pushed(t, at, "one")
	m := elsewhere(t, oneBox)
	s.requests()
	m.want(0, "", "box", "show", at)
	if !strings.Contains(m.out.String(), "SAYS") {
		t.Errorf("shown: %s", m.out.String())
	}
	m.want(0, "", "box", "add", at)
	if !strings.Contains(m.out.String(), "from "+at) {
		t.Errorf("added: %s", m.out.String())
	}
	s.requests()
	m.want(0, "", "box", "update")
	if !strings.Contains(m.out.String(), "unchanged is web") {
		t.Errorf("updated: %s", m.out.String())
	}
	if asked := s.requests(); len(asked) > 4 { // what tells it, not what it holds
		t.Errorf("the registry was asked %q", asked)
	}
	pushed(t, at, "two")
	m.want(0, "", "box", "update", "web")
	if !strings.Contains(m.out.String(), "updated web") {
		t.Errorf("updated: %s", m.out.String())
	}
	m.write("Envfile", fromOf("web"))
	m.want(0, "", "up")
	m.want(0, "", "exec", "app", "--", "sh", "-c", "echo $SAYS")
	if got := m.out.String(); got != "two\n" {
		t.Errorf("in the box: %q", got)
	}
}

func TestPushRefuses(t *testing.T) {
	s, at := newShelf(t)
	m := pushed(t, at, "one")
	m.want(0, "", "--format", "json", "box", "push", "web.box", at)
	if !strings.Contains(m.out.String(), `"format":"envy.push","version":1,"source":"`+at+`","digest":"sha256:`) {
		t.Errorf("pushed: %s", m.out.String())
	}
	digest := strings.TrimSuffix(at, ":1") + "@sha256:" + strings.Repeat("0", 64)
	s.requests()
	for _, c := range []struct {
		code int
		args []string
		says string
	}{
		{3, []string{"web.box"}, "takes an archive and where to put it"},
		{3, []string{"Envfile", at}, "the archive Envfile cannot be used"},
		{3, []string{"none.box", at}, "none.box: no such file"},
		{3, []string{"web.box", "https://example.com/x.box"}, "no address of a registry"},
		{3, []string{"web.box", "127.0.0.1:1/x:1"}, "write oci://HOST/NAME:TAG"},
		{3, []string{"web.box", "oci://registry/x:1"}, "no registry's host"},
		{3, []string{"web.box", "oci://u:p@example.com/x:1"}, "must not hold a user"},
		{5, []string{"web.box", digest}, "not the one that was asked for"},
		{1, []string{"web.box", "oci://127.0.0.1:1/x:1"}, "the registry cannot be reached"},
	} {
		m.want(c.code, "", append([]string{"box", "push"}, c.args...)...)
		m.says(c.says)
	}
	if asked := s.requests(); len(asked) > 0 {
		t.Errorf("and yet the registry was asked %q", asked)
	}
	s.have["manifests/1"] = []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"` + digest[len(digest)-71:] + `","size":1},"layers":[]}`)
	m.want(3, "", "box", "add", at)
	m.says("it is an image or something else, and no box archive")
}

// What changes under its digest is refused, and nothing is kept of it.
func TestAddRefusesChangedContent(t *testing.T) {
	s, at := newShelf(t)
	pushed(t, at, "one")
	for key, data := range s.have {
		if strings.HasPrefix(key, "blobs/") && bytes.Contains(data, []byte(`"rootfs"`)) {
			s.have[key] = append(bytes.Clone(data[:len(data)-1]), ' ')
		}
	}
	m := elsewhere(t, oneBox)
	m.want(5, "", "box", "add", at)
	m.says(at)
	m.want(0, "", "box", "list", "--quiet")
	if strings.Contains(m.out.String(), "web") {
		t.Errorf("it is kept: %s", m.out.String())
	}
}
