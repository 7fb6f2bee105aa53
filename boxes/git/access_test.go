package git_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/envyhq/envy/boxes/git"
)

// seen remembers which credentials came to a server.
type seen struct {
	sync.Mutex
	users map[string]bool
}

func (s *seen) note(r *http.Request) {
	s.Lock()
	defer s.Unlock()
	if s.users == nil {
		s.users = map[string]bool{}
	}
	user, password, _ := r.BasicAuth()
	s.users[user+":"+password] = true
}

func protected(seen *seen, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.note(r)
		if user, password, _ := r.BasicAuth(); user != "me" || password != "secret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func TestCredentials(t *testing.T) {
	h := newHistory(t)
	came := &seen{}
	s := serveHTTPS(t, "", protected(came, goGitHandler(t, h.dir)))
	_, _, err := fetch(t, git.New(s.cfg), s.from, nil)
	wantKind(t, err, git.Denied, "credential helpers")

	var asked []string
	answer := func(_ context.Context, host string) (string, string, bool) {
		asked = append(asked, host)
		return "me", "secret", true
	}
	s.cfg.Credentials = answer
	if _, _, err := fetch(t, git.New(s.cfg), s.from, nil); err != nil {
		t.Fatal(err)
	}
	if want := strings.Split(strings.TrimPrefix(s.from, "git::https://"), "/")[0]; len(asked) != 1 || asked[0] != want {
		t.Errorf("asked for %q, want %s once", asked, want)
	}
	s.cfg.Credentials = func(context.Context, string) (string, string, bool) { return "me", "wrong", true }
	_, _, err = fetch(t, git.New(s.cfg), s.from, nil)
	if wantKind(t, err, git.Denied, "refuses"); strings.Contains(err.Error(), "wrong") {
		t.Error(err)
	}
	s.cfg.Credentials = func(context.Context, string) (string, string, bool) { return "", "", false }
	_, _, err = fetch(t, git.New(s.cfg), s.from, nil)
	wantKind(t, err, git.Denied, "credential helpers")

	open := serveHTTPS(t, "", goGitHandler(t, h.dir))
	open.cfg.Credentials = func(context.Context, string) (string, string, bool) {
		t.Error("asked, though the server did not")
		return "", "", false
	}
	if _, _, err := fetch(t, git.New(open.cfg), open.from, nil); err != nil {
		t.Error(err)
	}
}

// TestRedirects: only to https, only of the first request, and never with credentials to another host.
func TestRedirects(t *testing.T) {
	h := newHistory(t)
	came := &seen{}
	target := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		came.note(r)
		http.StripPrefix("/moved", goGitHandler(t, h.dir)).ServeHTTP(w, r)
	}))
	defer target.Close()
	asking := httptest.NewTLSServer(protected(came, goGitHandler(t, h.dir)))
	defer asking.Close()
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("plain http was used") }))
	defer plain.Close()
	var to string
	only := http.MethodGet
	first := httptest.NewTLSServer(protected(&seen{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if only == http.MethodPost && r.Method == http.MethodGet {
			goGitHandler(t, h.dir).ServeHTTP(w, r)
			return
		}
		http.Redirect(w, r, to, http.StatusTemporaryRedirect)
	})))
	defer first.Close()
	cfg := git.Config{
		TLS:         trusting(target, asking, first),
		Credentials: func(context.Context, string) (string, string, bool) { return "me", "secret", true },
	}
	from := "git::" + first.URL + "/.git"
	const refs = "/.git/info/refs?service=git-upload-pack"

	to = target.URL + "/moved" + refs
	if _, _, err := fetch(t, git.New(cfg), from, nil); err != nil {
		t.Error(err)
	}
	if came.users["me:secret"] || !came.users[":"] {
		t.Errorf("credentials at another host: %v", came.users)
	}
	for _, c := range []struct {
		to, only string
		kind     git.Kind
		text     string
	}{
		{asking.URL + refs, http.MethodGet, git.Denied, "they go to no other host"},
		{plain.URL + refs, http.MethodGet, git.Denied, "address of http"},
		{strings.Replace(target.URL, "https://", "https://you:word@", 1) + refs, http.MethodGet, git.Denied, "with a user in it"},
		{target.URL + "/elsewhere", http.MethodGet, git.NotFound, "404"},
		{"file:///etc/passwd", http.MethodGet, git.Denied, "address of file"},
		{first.URL + refs, http.MethodGet, git.Invalid, "more than 5 times"},
		{target.URL + "/.git/git-upload-pack", http.MethodPost, git.Denied, "sends the request elsewhere"},
	} {
		to, only = c.to, c.only
		_, _, err := fetch(t, git.New(cfg), from, nil)
		wantKind(t, err, c.kind, c.text)
	}
	if came.users["me:secret"] {
		t.Error("credentials at another host")
	}
}

func TestHTTPS(t *testing.T) {
	status := http.StatusOK
	s := serveHTTPS(t, "", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, "<html>")
	}))
	for code, kind := range map[int]git.Kind{200: git.Invalid, 403: git.Denied, 404: git.NotFound, 410: git.NotFound, 418: git.Invalid, 429: git.Unreachable, 503: git.Unreachable} {
		status = code
		_, _, err := fetch(t, git.New(s.cfg), s.from, nil)
		wantKind(t, err, kind)
	}
	s.cfg.TLS = nil
	_, _, err := fetch(t, git.New(s.cfg), s.from, nil)
	wantKind(t, err, git.Denied, "cannot prove")
	_, _, err = fetch(t, git.New(git.Config{}), "git::https://127.0.0.1:1/x", nil)
	wantKind(t, err, git.Unreachable)
}

func TestSSH(t *testing.T) {
	h := newHistory(t)
	s := serveSSH(t, "", nil, h.dir)
	address := strings.Split(strings.TrimPrefix(s.from, "git::ssh://git@"), "/")[0]
	with := func(change func(c *git.Config)) error {
		cfg := s.cfg
		change(&cfg)
		_, _, err := fetch(t, git.New(cfg), s.from, nil)
		return err
	}
	known := func(lines ...string) func(*git.Config) {
		return func(c *git.Config) {
			name := filepath.Join(t.TempDir(), "known_hosts")
			if err := os.WriteFile(name, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			c.KnownHosts = []string{name}
		}
	}
	other, err := ssh.NewSignerFromKey(newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	right, err := os.ReadFile(s.cfg.KnownHosts[1])
	if err != nil {
		t.Fatal(err)
	}
	before := s.hits.get()
	wantKind(t, with(func(c *git.Config) { c.KnownHosts = nil }), git.Denied, "key is not known", "run ssh -p")
	wantKind(t, with(known("")), git.Denied, "key is not known")
	wantKind(t, with(known(knownhosts.Line([]string{"example.com"}, other.PublicKey()))), git.Denied, "key is not known")
	wantKind(t, with(known("@nonsense")), git.Denied, "cannot be read")
	if s.hits.get() != before {
		t.Error("a host whose key is not known was connected to")
	}
	wantKind(t, with(known(knownhosts.Line([]string{knownhosts.Normalize(address)}, other.PublicKey()))), git.Denied, "not the one in known_hosts")
	wantKind(t, with(known("@revoked "+string(right), string(right))), git.Denied, "")
	wantKind(t, with(func(c *git.Config) { c.AgentSocket = "" }), git.Denied, "ssh-add -l")
	wantKind(t, with(func(c *git.Config) { c.AgentSocket = newAgent(t, newKey(t)) }), git.Denied, "ssh-add -l")
	wantKind(t, with(func(c *git.Config) { c.AgentSocket = "/nowhere" }), git.Denied, "agent cannot be asked")
	hashed := knownhosts.HashHostname(knownhosts.Normalize(address)) + " " + strings.SplitN(string(right), " ", 2)[1]
	if err := with(known(hashed)); err == nil || strings.Contains(err.Error(), "key") {
		t.Error(err) // the server of this test has nothing to run, which comes after the key
	}
	_, _, err = fetch(t, git.New(s.cfg), strings.Replace(s.from, "git@", "root@", 1), nil)
	wantKind(t, err, git.Denied, "ssh-add -l")
	_, _, err = fetch(t, git.New(git.Config{KnownHosts: s.cfg.KnownHosts, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, fmt.Errorf("off")
	}}), s.from, nil)
	wantKind(t, err, git.Unreachable, "off")
}

// TestSCP: the form host:path is of the home of ssh's user, and the user of an address without one is git.
func TestSCP(t *testing.T) {
	h := newHistory(t)
	var asked string
	s := serveSSH(t, "", nil, "")
	address := strings.TrimPrefix(s.from, "git::ssh://git@")
	_ = h
	s.cfg.Dial = func(ctx context.Context, network, to string) (net.Conn, error) {
		if network == "tcp" {
			asked, to = to, address
		}
		return (&net.Dialer{}).DialContext(ctx, network, to)
	}
	key, err := os.ReadFile(s.cfg.KnownHosts[1])
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(name, []byte("example.com "+strings.SplitN(string(key), " ", 2)[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	s.cfg.KnownHosts = []string{name}
	for _, from := range []string{"git::example.com:org/repo.git", "git::git@example.com:org/repo.git"} {
		_, _, err = fetch(t, git.New(s.cfg), from, nil)
		if err == nil || strings.Contains(err.Error(), "key") || asked != "example.com:22" {
			t.Error(err, asked)
		}
	}
}

// TestOneCommit: of a reference one commit is asked for, of what the server does not give by hash everything.
func TestOneCommit(t *testing.T) {
	program, err := exec.LookPath("git")
	if err != nil {
		t.Skip("SKIPPED: THERE IS NO git ON THIS MACHINE")
	}
	h := newHistory(t)
	old := h.v120
	h.must(h.r.DeleteTag("v1.2.0"))
	h.must(h.r.DeleteTag("latest"))
	var mu sync.Mutex
	var asked []string
	backend := gitHandler(program, h.dir)
	s := serveHTTPS(t, "", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			body := make([]byte, 1000)
			n, _ := r.Body.Read(body)
			mu.Lock()
			asked = append(asked, string(body[:n]))
			mu.Unlock()
			r.Body = http.NoBody
			r.Body = readCloser{strings.NewReader(string(body[:n]))}
		}
		backend.ServeHTTP(w, r)
	}))
	f := git.New(s.cfg)
	get := func(query string) string {
		t.Helper()
		asked = nil
		_, pin, err := fetch(t, f, s.from+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		if query != "" && pin.Commit != old {
			t.Errorf("%+v", pin)
		}
		return strings.Join(asked, "|")
	}
	if got := get(""); !strings.Contains(got, "deepen 1") || strings.Count(got, "want ") != 1 {
		t.Errorf("asked for\n%s", got)
	}
	if got := get("?ref=" + old); strings.Contains(got, "deepen 1") || strings.Count(got, "want ") < 4 {
		t.Errorf("asked for\n%s", got)
	}
	if got := get("?ref=" + old[:10]); strings.Contains(got, "deepen 1") {
		t.Errorf("asked for\n%s", got)
	}
	h.must(write(h.dir, ".git/config", "[uploadpack]\n\tallowReachableSHA1InWant = true\n"))
	if got := get("?ref=" + old); !strings.Contains(got, "want "+old) || !strings.Contains(got, "deepen 1") || strings.Count(got, "want ") != 1 {
		t.Errorf("asked for\n%s", got)
	}
	// A commit that is there and that no reference leads to: refused by hash, and not in everything.
	_, _, err = fetch(t, f, s.from+"?ref="+h.lost, nil)
	wantKind(t, err, git.NotFound, "no tag, branch or commit")
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// TestPacked: a repository as git leaves it after a while, with deltas, packed references and nothing loose.
func TestPacked(t *testing.T) {
	program, err := exec.LookPath("git")
	if err != nil {
		t.Skip("SKIPPED: THERE IS NO git ON THIS MACHINE")
	}
	h := newHistory(t)
	text := ""
	for i := range 50 {
		text += fmt.Sprintf("line %d %s\n", i, strings.Repeat("x", 100))
		h.commit(map[string]string{"big": text, "node/box.hcl": fmt.Sprint(i)})
	}
	before, pin, err := fetch(t, git.New(git.Config{Open: openFolder}), "git::file://"+h.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"repack", "-a", "-d", "-f", "--depth=50"}, {"pack-refs", "--all"}, {"prune-packed"}} {
		cmd := exec.Command(program, append([]string{"-C", h.dir}, args...)...)
		cmd.Env = gitEnv()
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	for _, s := range serve(t, h.dir) {
		t.Run(s.name, func(t *testing.T) {
			f := git.New(s.cfg)
			after, again, err := fetch(t, f, s.from, nil)
			if err != nil || again != pin {
				t.Fatalf("%+v, before %+v: %v", again, pin, err)
			}
			if a, b := strings.Join(list(t, before), ""), strings.Join(list(t, after), ""); a != b {
				t.Error("another tree")
			}
			for query, commit := range map[string]string{"?version=~> 1.2.0": h.v123, "?ref=latest": h.v120, "?ref=" + h.v120[:7]: h.v120, "?ref=feature/x": h.side} {
				if _, pin, err := fetch(t, f, s.from+query, nil); err != nil || pin.Commit != commit {
					t.Errorf("%s: %+v %v", query, pin, err)
				}
			}
		})
	}
}
