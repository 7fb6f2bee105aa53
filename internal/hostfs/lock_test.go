package hostfs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestMain lets the test binary be the other process that holds a lock: it takes it, says so, and holds it until its
// input ends.
func TestMain(m *testing.M) {
	dir := os.Getenv("HOSTFS_TEST_LOCK")
	if dir == "" {
		os.Exit(m.Run())
	}
	if err := holdLock(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func holdLock(dir string) error {
	t, err := OpenTree(dir)
	if err != nil {
		return err
	}
	me := Holder{PID: os.Getpid(), Command: "envy up", Since: time.Unix(1700000000, 0).UTC()}
	unlock, err := t.Lock(context.Background(), "locks", "shop", me, nil)
	if err != nil {
		return err
	}
	fmt.Println("held")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return unlock()
}

// holder starts a process that holds the lock and returns when it does.
func holder(t *testing.T, dir string) (cmd *exec.Cmd, release func()) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "HOSTFS_TEST_LOCK="+dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("the other process said %q, %v", line, err)
	}
	return cmd, func() { must(t, in.Close()) }
}

func TestLockWaitsForAnotherProcess(t *testing.T) {
	t.Parallel()
	tr := tree(t, tempDir(t))
	cmd, release := holder(t, tr.Dir())
	var told []Holder
	unlock, err := tr.Lock(t.Context(), "locks", "shop", Holder{PID: 1}, func(h Holder) {
		told = append(told, h)
		release()
	})
	must(t, err)
	want := []Holder{{PID: cmd.Process.Pid, Command: "envy up", Since: time.Unix(1700000000, 0).UTC()}}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
	must(t, unlock())
}

func TestDeadHolderFreesTheLock(t *testing.T) {
	t.Parallel()
	tr := tree(t, tempDir(t))
	cmd, _ := holder(t, tr.Dir())
	must(t, cmd.Process.Kill())
	unlock, err := tr.Lock(t.Context(), "locks", "shop", Holder{}, nil)
	must(t, err)
	must(t, unlock())
}

func TestLockEndsWithItsContext(t *testing.T) {
	t.Parallel()
	tr := tree(t, tempDir(t))
	unlock, err := tr.Lock(t.Context(), "locks", "shop", Holder{PID: 7}, nil)
	must(t, err)
	reason := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err = tr.Lock(ctx, "locks", "shop", Holder{}, func(Holder) { cancel(reason) })
	if !errors.Is(err, reason) {
		t.Errorf("error %v", err)
	}
	other, err := tr.Lock(t.Context(), "locks", "other", Holder{}, func(Holder) { t.Error("waited for another project") })
	must(t, err)
	must(t, errors.Join(other(), unlock()))
}

func TestLockExcludes(t *testing.T) {
	t.Parallel()
	tr := tree(t, tempDir(t))
	var inside, most atomic.Int32
	var all sync.WaitGroup
	taken := func() {
		unlock, err := tr.Lock(t.Context(), "locks", "shop", Holder{}, nil)
		if err != nil {
			t.Error(err)
			return
		}
		if n := inside.Add(1); n > most.Load() {
			most.Store(n)
		}
		runtime.Gosched()
		inside.Add(-1)
		if err := unlock(); err != nil {
			t.Error(err)
		}
	}
	for range 8 {
		all.Go(func() {
			for range 20 {
				taken()
				if err := tr.Sweep("locks", time.Now().Add(time.Hour)); err != nil { // takes what nobody holds at that moment
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if most.Load() != 1 {
		t.Errorf("%d held it at once", most.Load())
	}
	if left, err := tr.ReadDir("locks"); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestLockFile(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	write(t, dir, map[string]string{"locks/fifo": "fifo", "locks/junk": strings.Repeat("{", 1<<16), "locks/link": "-> /etc/hostname"})
	tr := tree(t, dir)
	if _, err := tr.Lock(t.Context(), "locks", "fifo", Holder{}, nil); err == nil {
		t.Error("locked a FIFO")
	}
	if _, err := tr.Lock(t.Context(), "locks", "link", Holder{}, nil); err == nil {
		t.Error("locked a file elsewhere")
	}
	unlock, err := tr.Lock(t.Context(), "locks", "junk", Holder{PID: 3, Command: strings.Repeat("é", 300)}, nil)
	must(t, err)
	f, err := os.Open(filepath.Join(dir, "locks/junk"))
	must(t, err)
	defer f.Close()
	if h := readHolder(f); h.PID != 3 || h.Command != strings.Repeat("é", 100) {
		t.Errorf("holder %+v", h)
	}
	must(t, unlock())
	if _, err := os.Lstat(filepath.Join(dir, "locks/junk")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
}

func TestJunkInALockFileIsNobody(t *testing.T) {
	t.Parallel()
	for _, junk := range []string{"", "{", "[]", `{"pid":"x"}`, strings.Repeat("[", 1<<16)} {
		path := filepath.Join(tempDir(t), "f")
		must(t, os.WriteFile(path, []byte(junk), 0o600))
		f, err := os.Open(path)
		must(t, err)
		if h := readHolder(f); h != (Holder{}) {
			t.Errorf("%.20q: %+v", junk, h)
		}
		must(t, f.Close())
	}
}

func TestAbandoned(t *testing.T) {
	dir := t.TempDir()
	tree, err := OpenTree(dir)
	must(t, err)
	defer tree.Close()
	check := func(when string, want bool) {
		t.Helper()
		got, err := tree.Abandoned("locks", "shop")
		must(t, err)
		if got != want {
			t.Errorf("%s: abandoned is %t", when, got)
		}
	}
	check("before the first lock", false)
	cmd, release := holder(t, dir)
	check("while another process holds it", false)
	must(t, cmd.Process.Kill())
	release()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		gone, err := tree.Abandoned("locks", "shop")
		must(t, err)
		if gone {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a lock whose process was killed is not abandoned")
		}
	}
	unlock, err := tree.Lock(t.Context(), "locks", "shop", Holder{}, nil)
	must(t, err)
	check("taken again", false)
	must(t, unlock())
	check("given back", false)
}

// TestForget: the file of a lock goes where nobody holds it, and with age.
func TestForget(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	write(t, dir, map[string]string{"locks/left": "{}", "locks/other": "{}", "locks/held": "{}", "locks/link": "-> left", "locks/sub/f": ""})
	tr := tree(t, dir)
	now := time.Now()
	must(t, tr.Sweep("locks", now.Add(-time.Hour)))
	if entries, err := tr.ReadDir("locks"); err != nil || len(entries) != 5 {
		t.Errorf("young ones are gone: %v, %v", entries, err)
	}
	unlock, err := tr.Lock(t.Context(), "locks", "held", Holder{}, nil)
	must(t, err)
	must(t, tr.Forget("locks", "other"))
	must(t, tr.Forget("locks", "held"))
	must(t, tr.Forget("locks", "nosuch"))
	must(t, tr.Sweep("locks", now.Add(time.Hour)))
	var names []string
	entries, err := tr.ReadDir("locks")
	must(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{"held", "link", "sub"}, names); diff != "" {
		t.Error(diff)
	}
	must(t, unlock())
}
