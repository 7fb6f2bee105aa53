package cli_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/driver/fake"
)

const reaching = `box "web" {
  image      = "debian:bookworm-slim"
  privileged = true
}`

// accept is the digest in the command that envy printed.
func (m *machine) accept() string {
	m.t.Helper()
	found := regexp.MustCompile(`envy trust --accept ([0-9a-f]{40})`).FindStringSubmatch(m.err.String())
	if found == nil {
		m.t.Fatalf("no command is printed:\n%s", m.err.String())
	}
	return found[1]
}

// records are the files of what is trusted.
func (m *machine) records() []string {
	m.t.Helper()
	files, err := filepath.Glob(filepath.Join(m.env["XDG_STATE_HOME"], "envy/trust/*"))
	if err != nil {
		m.t.Fatal(err)
	}
	return files
}

func (m *machine) asked() int { return strings.Count(m.err.String(), "Trust this? [y/N]") }

func TestTrustIsAskedForOnce(t *testing.T) {
	for _, args := range [][]string{{"up"}, {"run", "web", "true"}, {"reload"}, {"trust"}, {"up", "--yes"}, {"trust", "--yes"}, {"up", "--quiet"}, {"up", "--format", "json"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			m := newMachine(t, reaching)
			m.terminal = true
			refused := 5
			if args[0] == "run" {
				refused = 255
			}
			for _, answer := range []string{"", "\n", "n\n", "yep\n"} {
				m.want(refused, answer, args...)
				m.says("Envfile:3", "privileged", "Trust this? [y/N]")
			}
			if files := m.records(); len(files) > 0 {
				t.Fatalf("declined, and remembered: %v", files)
			}
			m.want(0, "y\n", args...)
			if m.asked() != 1 {
				t.Errorf("asked %d times:\n%s", m.asked(), m.err.String())
			}
			m.want(0, "", args...)
			m.want(0, "", "up")
			m.terminal = false
			m.want(0, "", "up")
			if m.asked() != 0 {
				t.Errorf("asked again:\n%s", m.err.String())
			}
		})
	}
}

// What does not make boxes asks nobody.
func TestWhoDoesNotAskForTrust(t *testing.T) {
	m := newMachine(t, reaching)
	m.terminal = true
	for _, args := range [][]string{{"validate"}, {"plan"}, {"status"}, {"halt"}, {"suspend"}, {"resume"}, {"logs"}, {"port"}, {"destroy"}, {"trust", "--list"}, {"trust", "--revoke"}} {
		m.want(0, "", args...)
		if m.asked() != 0 {
			t.Errorf("%v asks:\n%s", args, m.err.String())
		}
	}
	m.want(5, "", "plan", "--out", "p.json")
	if m.asked() != 0 {
		t.Error("plan --out asks")
	}
	m.want(0, "y\n", "trust")
	m.want(0, "", "plan", "--out", "p.json")
	m.want(0, "", "trust", "--revoke")
	m.want(5, "n\n", "up", "--plan", "p.json")
	m.want(0, "y\n", "up", "--plan", filepath.Join(m.dir, "p.json"))
	m.want(0, "", "halt")
	m.want(0, "", "trust", "--revoke")
	m.want(5, "n\n", "up") // the boxes are there, and starting them needs trust as making them does
}

// A list that grew asks again and marks what is new.
func TestTrustShowsWhatIsNew(t *testing.T) {
	m := newMachine(t, reaching)
	m.terminal, m.env["ONE"], m.env["TWO"] = true, "1", "2"
	m.want(0, "y\n", "up")
	m.write("Envfile.local", `box "web" { env = { A = env("ONE") } }`)
	m.want(5, "n\n", "up")
	m.says("further outside", "  + Envfile.local:1  reads the environment variable ONE", "    Envfile:3        box \"web\" is privileged")
	m.want(0, "y\n", "up")
	m.write("Envfile.local", ``)
	m.want(0, "", "up")
	m.write("Envfile.local", `box "web" { env = { A = env("TWO") } }`)
	m.want(5, "n\n", "up")
	m.write("Envfile", strings.Replace(reaching, "privileged = true", `env = { B = env("ONE") }`, 1))
	m.want(5, "n\n", "up") // each was accepted or is new, never both at once
	m.says("+ Envfile.local:1")
}

// The list may change with the ports that the engine knows of: then it is asked about again.
func TestTrustOfTheSecondEvaluation(t *testing.T) {
	const text = `box "web" {
  image = "debian:bookworm-slim"
  port "http" { guest = 80 }
  share "x" {
    source = "%s/${self.port.http.host}"
    target = "/srv"
    create = true
  }
}`
	outside := t.TempDir()
	m := newMachine(t, fmt.Sprintf(text, outside))
	m.terminal = true
	m.want(0, "y\n", "up")
	port := strings.TrimSpace(strings.TrimPrefix(regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(m.out.String()), "127.0.0.1:"))
	m.want(0, "", "destroy", "--yes")
	// Somebody else has the port: another is picked, and with it another folder.
	other := newMachine(t, fmt.Sprintf("envy { name = \"other\" }\nbox \"web\" {\n  image = \"debian:bookworm-slim\"\n  port \"80\" { host = %s }\n}", port))
	other.engine = m.engine
	other.want(0, "", "up")
	m.want(5, "n\n", "up")
	m.says("+ Envfile:5", "Trust this? [y/N]")
	if m.asked() != 1 {
		t.Errorf("asked %d times", m.asked())
	}
	m.terminal = false
	m.want(5, "", "up")
	m.says("(new)")
	m.terminal = true
	m.want(0, "y\n", "up")
	m.terminal = false
	m.want(0, "", "up")
	// The command line knows the ports of boxes that exist too.
	m.want(0, "", "trust", "--revoke")
	m.want(5, "", "up")
	first := m.accept()
	m.want(0, "", "trust", "--accept", first)
	m.want(5, "", "up")
	second := m.accept()
	if first == second {
		t.Fatal("one list for two ports")
	}
	m.want(0, "", "trust", "--accept", second)
	m.want(0, "", "up")
}

// What is accepted is what was shown: a file that changes while somebody thinks is asked about anew.
func TestWhatWasShownIsAccepted(t *testing.T) {
	m := newMachine(t, `box "web" {
  image = "debian:bookworm-slim"
  share "link" { target = "/data" }
}`)
	m.terminal = true
	one, two := t.TempDir(), t.TempDir()
	link := filepath.Join(m.dir, "link")
	relink(t, one, link)
	var made mounts
	m.engine = fake.Intercept(m.engine, made.hook)
	in := &onRead{text: "y\nn\n", do: func() { relink(t, two, link) }}
	if code := m.start(in, "up"); code != 5 {
		t.Fatalf("exit code %d\n%s", code, m.err.String())
	}
	m.says(one, two, "declined")
	if m.asked() != 2 || len(made) > 0 {
		t.Errorf("asked %d times, made %v:\n%s", m.asked(), made, m.err.String())
	}
	relink(t, one, link)
	m.want(0, "", "up")
}

// What was revoked while somebody thought stays revoked.
func TestRevokedMeanwhile(t *testing.T) {
	m := newMachine(t, reaching)
	m.terminal = true
	m.want(0, "y\n", "trust")
	file := m.records()[0]
	m.write("Envfile", strings.Replace(reaching, "privileged = true", `cap_add = ["SYS_ADMIN"]`, 1))
	in := &onRead{text: "y\n", do: func() {
		if err := os.Remove(file); err != nil {
			t.Error(err)
		}
	}}
	if code := m.start(in, "trust"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, m.err.String())
	}
	m.want(0, "", "up")
	m.write("Envfile", reaching)
	m.want(5, "n\n", "up")
}

// A link that is swapped after the plan was made is not followed.
func TestSwappedLink(t *testing.T) {
	m := newMachine(t, `box "web" {
  image = "debian:bookworm-slim"
  share "data/x" {
    target = "/data"
  }
}`)
	data, away := filepath.Join(m.dir, "data"), t.TempDir()
	for _, dir := range []string{filepath.Join(data, "x"), filepath.Join(away, "x")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	whole := m.engine
	var made mounts
	swap := func(method string) driver.Engine {
		return fake.Intercept(fake.Intercept(whole, made.hook), func(ctx context.Context, c fake.Call, next func(context.Context) error) error {
			if c.Method == method {
				if err := os.Rename(data, data+".old"); err == nil {
					relink(t, away, data)
				}
			}
			return next(ctx)
		})
	}
	back := func() {
		t.Helper()
		if err := os.Remove(data); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(data+".old", data); err != nil {
			t.Fatal(err)
		}
	}
	for _, method := range []string{"CreateNetwork", "CreateBox"} {
		m.engine = swap(method)
		m.want(5, "", "up")
		m.says("leads to "+filepath.Join(away, "x")+" by now", "Envfile:1", "look at what replaced it")
		back()
		m.engine = whole
		m.want(0, "", "destroy", "--yes")
	}
	m.want(0, "", "up")
	m.want(0, "", "halt")
	m.engine = swap("Observe") // after the first look at the file
	m.want(5, "", "up")
	m.says("outside the project", "envy trust --accept")
	back()
	m.engine = swap("PublishedPorts")
	m.want(0, "", "up")
	for _, name := range made {
		if strings.Contains(name, away) {
			t.Errorf("the engine was given %s", name)
		}
	}
}

// mounts are the sources that boxes were made with.
type mounts []string

func (m *mounts) hook(ctx context.Context, c fake.Call, next func(context.Context) error) error {
	if c.Method == "CreateBox" {
		*m = append(*m, c.Object)
	}
	return next(ctx)
}

func relink(t *testing.T, to, link string) {
	t.Helper()
	if err := os.RemoveAll(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, link); err != nil {
		t.Fatal(err)
	}
}

// onRead types text, a line at a time, and does something before the first.
type onRead struct {
	text string
	once sync.Once
	do   func()
}

func (r *onRead) Read(p []byte) (int, error) {
	r.once.Do(r.do)
	if r.text == "" || len(p) == 0 {
		return 0, nil
	}
	n := copy(p[:1], r.text)
	r.text = r.text[n:]
	return n, nil
}

// A record that cannot be used is said to be so, counts as not trusted, and is replaced by the next answer.
func TestUnusableRecords(t *testing.T) {
	other := newMachine(t, reaching)
	other.terminal = true
	other.want(0, "y\n", "trust")
	foreign, err := os.ReadFile(other.records()[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(string) error{
		"cut off":           func(f string) error { return os.Truncate(f, 20) },
		"empty":             func(f string) error { return os.Truncate(f, 0) },
		"no JSON":           func(f string) error { return os.WriteFile(f, []byte("\x1b[2J\x00"), 0o600) },
		"too large":         func(f string) error { return os.Truncate(f, 1<<30) },
		"another's":         func(f string) error { return os.WriteFile(f, foreign, 0o600) },
		"others may write":  func(f string) error { return os.Chmod(f, 0o666) },
		"a link":            func(f string) error { return swapFor(f, func() error { return os.Symlink(f+".real", f) }) },
		"a folder":          func(f string) error { return swapFor(f, func() error { return os.Mkdir(f, 0o700) }) },
		"an entry replaced": func(f string) error { return edit(f, "is privileged", "is harmless") },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, reaching)
			m.terminal = true
			m.want(0, "y\n", "trust")
			files := m.records()
			if len(files) != 1 {
				t.Fatalf("%v", files)
			}
			if err := spoil(files[0]); err != nil {
				t.Fatal(err)
			}
			m.want(0, "", "plan")
			m.says("Warning: what was trusted cannot be read; it counts as not trusted", files[0])
			if !strings.Contains(m.out.String(), "not trusted yet") {
				t.Errorf("plan: %s", m.out.String())
			}
			m.want(5, "n\n", "up")
			m.want(0, "y\n", "up")
			m.want(0, "", "up")
			if m.asked() != 0 || strings.Contains(m.err.String(), "Warning") {
				t.Errorf("it was not replaced:\n%s", m.err.String())
			}
			if err := spoil(files[0]); err != nil {
				t.Fatal(err)
			}
			m.want(0, "", "trust", "--list")
			m.want(0, "", "trust", "--revoke")
			m.want(5, "n\n", "up")
			if strings.Contains(m.err.String(), "Warning") {
				t.Errorf("it was not taken away:\n%s", m.err.String())
			}
		})
	}
}

func swapFor(f string, put func() error) error {
	if err := os.RemoveAll(f + ".real"); err != nil {
		return err
	}
	if err := os.Rename(f, f+".real"); err != nil {
		return err
	}
	return put()
}

func edit(f, from, to string) error {
	data, err := os.ReadFile(f)
	if err != nil {
		return err
	}
	return os.WriteFile(f, []byte(strings.Replace(string(data), from, to, 1)), 0o600)
}

// A folder of state that is not the caller's own is not used.
func TestForeignState(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	m := newMachine(t, reaching)
	m.terminal = true
	m.want(0, "y\n", "trust")
	if err := os.Chown(m.records()[0], 4321, 4321); err != nil {
		t.Fatal(err)
	}
	m.want(5, "n\n", "up")
	m.says("belongs to another user")
	state := filepath.Join(m.env["XDG_STATE_HOME"], "envy")
	if err := os.Chown(state, 4321, 4321); err != nil {
		t.Fatal(err)
	}
	m.want(0, "", "validate")
	m.says("belongs to another user")
	m.want(1, "y\n", "trust")
	m.says("belongs to another user")
}

// Root acts for the owner of a checkout, and so does trust: what they allowed counts, and what is allowed is theirs.
func TestTrustIsTheOwners(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	const uid = 4321 // nobody's account: state stays where the environment says
	m := newMachine(t, reaching)
	if err := os.Chown(m.dir, uid, uid); err != nil {
		t.Fatal(err)
	}
	m.terminal = true
	m.want(0, "y\n", "trust")
	data, err := os.ReadFile(m.records()[0])
	if err != nil || !strings.Contains(string(data), fmt.Sprintf(`"user": %d`, uid)) {
		t.Fatalf("%v: %s", err, data)
	}
	if err := os.Chown(m.dir, 0, 0); err != nil {
		t.Fatal(err)
	}
	m.want(5, "n\n", "up") // root's own trust is another matter
}

// A build context outside is read only when it is trusted.
func TestContextOutside(t *testing.T) {
	outside := t.TempDir()
	m := newMachine(t, fmt.Sprintf("box \"web\" {\n  build { context = %q }\n}", outside))
	m.want(0, "", "validate")
	m.want(5, "", "plan")
	m.says("is built from "+outside, "envy trust --accept")
	digest := m.accept()
	m.want(0, "", "trust", "--accept", digest)
	m.want(3, "", "plan") // there is no Dockerfile, which is known only now
	if err := os.WriteFile(filepath.Join(outside, "Dockerfile"), []byte("FROM debian:bookworm-slim\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	m.want(0, "", "plan")
}

// The engine's socket is known wherever it is, and behind links.
func TestSocketBehindLinks(t *testing.T) {
	m := newMachine(t, `box "web" {
  image = "debian:bookworm-slim"
  share "run" { target = "/run/engine" }
}`)
	run := filepath.Join(m.dir, "run")
	if err := os.Mkdir(run, 0o755); err != nil {
		t.Fatal(err)
	}
	m.want(0, "", "up")
	link := filepath.Join(t.TempDir(), "engine")
	if err := os.Symlink(run, link); err != nil {
		t.Fatal(err)
	}
	m.socket = filepath.Join(link, "docker.sock")
	m.want(5, "", "up")
	m.says("can use the engine's socket " + filepath.Join(run, "docker.sock"))
}
