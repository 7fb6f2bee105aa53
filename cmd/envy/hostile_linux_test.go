package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// A hostile checkout: what an up of it must end with, within these limits, without having read or changed anything.
const (
	hostileTime   = 5 * time.Second // of processor time, so that a busy machine fails no test
	hostileMemory = 1 << 30
	canary        = "CANARY-0f6a"
)

type hostile struct {
	name  string
	files map[string]string                // of the checkout; "-> x" is a link to x
	make  func(t *testing.T, place string) // whatever else is there; place holds shop, home and outside
	code  int
	says  string // on one of the streams
	args  []string
	// trusts is how often what up asks for is accepted before: of a definition what it brings is asked for once it was read.
	trusts int
}

// envfile is a checkout of one file.
func envfile(text string) map[string]string { return map[string]string{"Envfile": text} }

// inBox is an Envfile of one box with some lines in it.
func inBox(lines string) map[string]string {
	return envfile("box \"web\" {\n  image = \"busybox:1\"\n" + lines + "\n}\n")
}

// TestHostileCheckouts runs up, with nobody to ask, in checkouts that a stranger might send.
func TestHostileCheckouts(t *testing.T) {
	t.Parallel()
	all := hostileCheckouts()
	if len(all) < 60 {
		t.Errorf("%d checkouts; there were at least sixty", len(all))
	}
	seen := map[string]bool{}
	for _, h := range all {
		if seen[h.name] {
			t.Errorf("two are called %q", h.name)
		}
		seen[h.name] = true
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			h.try(t)
		})
	}
}

func (h hostile) try(t *testing.T) {
	place := h.lay(t)
	h.accept(t.Context(), t, place)
	before, watch := tree(t, place), watchReads(t, filepath.Join(place, "outside"))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	args := h.args
	if args == nil {
		args = []string{"up"}
	}
	cmd := envyIn(ctx, t, place, args...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("%v %v\n%.2000s", err, ctx.Err(), out)
	}
	if got := cmd.ProcessState.ExitCode(); got != h.code {
		t.Errorf("exit code %d, want %d", got, h.code)
	}
	if !strings.Contains(string(out), h.says) {
		t.Errorf("does not say %q", h.says)
	}
	h.limits(t, cmd.ProcessState, out)
	if read := watch(); len(read) > 0 {
		t.Errorf("read outside: %v", read)
	}
	after := tree(t, place)
	if h.code != 0 && strings.Contains(after["engine.json"], `"Boxes":{"`) {
		t.Error("made a box")
	}
	if strings.Contains(after["engine.json"], canary) {
		t.Error("the engine was given what lies outside")
	}
	if h.code == 0 || h.trusts > 0 { // envy's own folders, and the engine's file
		maps.DeleteFunc(after, func(name, _ string) bool {
			return before[name] == "" && !strings.HasPrefix(name, "shop") && !strings.HasPrefix(name, "outside")
		})
	}
	if _, there := before["shop/Envfile.lock"]; h.code == 0 && !there { // an up writes down what it was settled on
		delete(after, "shop/Envfile.lock")
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("changed: %s", diff)
	}
	if t.Failed() {
		t.Logf("%.3000s", out)
	}
}

// envyIn is the program in the checkout of a place, with an engine that did nothing yet and nobody to ask.
func envyIn(ctx context.Context, t *testing.T, place string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Args[0], cmd.Dir = "envy", filepath.Join(place, "shop")
	cmd.Env = []string{
		"HOME=" + place + "/home", engineFile + "=" + place + "/engine.json", "PATH=" + os.Getenv("PATH"), "GORACE=" + quickRace,
		"SECRET_TOKEN=" + canary, "HTTPS_PROXY=" + noProxy, "HTTP_PROXY=" + noProxy,
	}
	return cmd
}

// TestHostileRace: a link that is swapped all the time never brings the engine a folder that nobody allowed.
func TestHostileRace(t *testing.T) {
	t.Parallel()
	place := hostile{files: with(share("w"), map[string]string{"w": "-> inside", "inside/x": ""})}.lay(t)
	link, over := filepath.Join(place, "shop/w"), make(chan struct{})
	var swapper sync.WaitGroup
	swapper.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-over:
				return
			default:
			}
			target := []string{"inside", "../outside"}[i%2]
			if os.Symlink(target, link+"~") == nil {
				_ = os.Rename(link+"~", link)
			}
			time.Sleep(time.Duration(i%7) * time.Millisecond)
		}
	})
	ended := map[int]int{}
	for n := 0; n < 30 || n < 300 && (ended[0] == 0 || ended[5] == 0); n++ { // until it went both ways
		cmd := envyIn(t.Context(), t, place, "up", "--yes", "--recreate")
		_, _ = cmd.CombinedOutput()
		ended[cmd.ProcessState.ExitCode()]++
		state, err := os.ReadFile(filepath.Join(place, "engine.json"))
		if err == nil && bytes.Contains(state, []byte(place+"/outside")) {
			t.Fatal("the engine was given the folder outside")
		}
	}
	close(over)
	swapper.Wait()
	t.Logf("exit codes: %v", ended)
	if ended[0] == 0 || ended[5] == 0 {
		t.Errorf("exit codes %v: the race was never run both ways", ended)
	}
}

// limits checks what the process took, and that what it said is safe to show.
func (h hostile) limits(t *testing.T, s *os.ProcessState, out []byte) {
	t.Helper()
	usage, ok := s.SysUsage().(*syscall.Rusage)
	if spent := s.UserTime() + s.SystemTime(); !underRace && spent > hostileTime {
		t.Errorf("took %s of processor time", spent)
	}
	if ok && !underRace && usage.Maxrss<<10 > hostileMemory {
		t.Errorf("took %d MiB", usage.Maxrss>>10)
	}
	if bytes.Contains(out, []byte(canary)) {
		t.Error("shows what it must not have read")
	}
	if len(out) > 64<<10 {
		t.Errorf("says %d bytes", len(out))
	}
	for _, r := range string(out) {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.In(r, unicode.Bidi_Control) || r == '\u200b' {
			t.Errorf("prints %U raw", r)
		}
	}
	if bytes.Contains(out, []byte("goroutine ")) {
		t.Error("panicked")
	}
}

// lay makes the checkout with its surroundings.
func (h hostile) lay(t *testing.T) string {
	t.Helper()
	place := t.TempDir()
	for name, text := range map[string]string{
		"shop/.git/HEAD": "ref: refs/heads/main\n", "home/.netrc": canary, "outside/secret": canary, "outside/.env": "TOKEN=" + canary + "\n",
		"outside/app/Dockerfile": "FROM scratch\n# " + canary + "\n", "outside/Envfile": "# " + canary + "\nbox \"x\" { image = \"busybox:1\" }\n",
	} {
		put(t, filepath.Join(place, name), text)
	}
	must(t, unix.Mkfifo(filepath.Join(place, "outside/pipe"), 0o600))
	for name, text := range h.files {
		path := filepath.Join(place, "shop", name)
		if to, link := strings.CutPrefix(text, "-> "); link {
			must(t, os.MkdirAll(filepath.Dir(path), 0o755))
			must(t, os.Symlink(strings.ReplaceAll(to, "$PLACE", place), path))
			continue
		}
		put(t, path, strings.ReplaceAll(text, "$PLACE", place))
	}
	if h.make != nil {
		h.make(t, place)
	}
	return place
}

func put(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o644))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tree is everything below a folder: kind, permissions, and content or target.
func tree(t *testing.T, place string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(place, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(place, path)
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := ""
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			text, err = os.Readlink(path)
		case info.Size() > 8<<20:
			text = fmt.Sprint(info.Size())
		case d.Type().IsRegular():
			var data []byte
			data, err = os.ReadFile(path)
			text = string(data)
		}
		all[name] = info.Mode().String() + " " + text
		return err
	}))
	return all
}

// watchReads watches the files below a folder; what it returns gives those that were opened since.
func watchReads(t *testing.T, dir string) func() []string {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	must(t, err)
	t.Cleanup(func() { _ = unix.Close(fd) })
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_, err = unix.InotifyAddWatch(fd, path, unix.IN_OPEN|unix.IN_ACCESS|unix.IN_MODIFY|unix.IN_CREATE|unix.IN_DELETE)
		}
		return err
	}))
	return func() []string { return events(fd) }
}

// events are the names of what was touched, folders aside: a path is followed by looking at them.
func events(fd int) (names []string) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := unix.Read(fd, buffer)
		if err != nil || n <= 0 {
			return names
		}
		for rest := buffer[:n]; len(rest) >= unix.SizeofInotifyEvent; {
			mask := uint32(rest[4]) | uint32(rest[5])<<8 | uint32(rest[6])<<16 | uint32(rest[7])<<24
			size := int(rest[12]) | int(rest[13])<<8
			name := strings.TrimRight(string(rest[unix.SizeofInotifyEvent:unix.SizeofInotifyEvent+size]), "\x00")
			if mask&unix.IN_ISDIR == 0 {
				names = append(names, name)
			}
			rest = rest[unix.SizeofInotifyEvent+size:]
		}
	}
}
