//go:build linux

package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/envyhq/envy/internal/agent/wire"
)

// program is something to start.
type program struct {
	argv    []string
	env     []string
	dir     string
	who     identity
	stdin   *os.File
	stdout  *os.File
	stderr  *os.File
	session bool // of its own, without a terminal; else a process group
	front   bool // the group is the one that stdin's terminal listens to
}

// startError says why a program did not start, with the exit code that shells
// give for it.
type startError struct {
	code int
	err  error
}

func (e *startError) Error() string { return e.err.Error() }
func (e *startError) Unwrap() error { return e.err }

// start starts p and returns its process, which leads a group of its own.
func (a *Agent) start(p program) (int, error) {
	path, err := a.lookPath(p.argv[0], getenv(p.env, "PATH"), p.dir)
	if err != nil {
		return 0, err
	}
	attr := &syscall.ProcAttr{
		Dir:   p.dir,
		Env:   p.env,
		Files: []uintptr{p.stdin.Fd(), p.stdout.Fd(), p.stderr.Fd()},
		Sys: &syscall.SysProcAttr{
			Credential: p.who.credential(),
			Setsid:     p.session,
			Setpgid:    !p.session,
			Foreground: p.front,
		},
	}
	pid, err := syscall.ForkExec(path, p.argv, attr)
	if err != nil {
		return 0, notStarted(p.argv[0], fmt.Errorf("%w (as uid %d in %s)", err, p.who.uid, p.dir))
	}
	return pid, nil
}

// notStarted gives the error its exit code.
func notStarted(name string, err error) *startError {
	code := wire.ExitNoExec
	if errors.Is(err, fs.ErrNotExist) {
		code = wire.ExitNotFound
	}
	return &startError{code, fmt.Errorf("cannot run %q: %w", name, err)}
}

// credential is nil where nothing would change: a box without the capability
// to change it must still run what it may.
func (who identity) credential() *syscall.Credential {
	if who.isSelf() {
		return nil
	}
	groups := make([]uint32, len(who.groups))
	for i, gid := range who.groups {
		groups[i] = uint32(gid)
	}
	return &syscall.Credential{Uid: uint32(who.uid), Gid: uint32(who.gid), Groups: groups}
}

func (who identity) isSelf() bool {
	if os.Geteuid() != 0 {
		return true // identify let only the same uid through
	}
	if who.uid != 0 || who.gid != os.Getegid() {
		return false
	}
	return len(who.groups) <= 1 || !maySetGroups()
}

// maySetGroups reports whether root has not lost that capability.
func maySetGroups() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData // 64 capabilities
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[0].Effective&(1<<unix.CAP_SETGID) != 0
}

// become gives this process the identity.
func (who identity) become() error {
	if who.isSelf() {
		return nil
	}
	if err := syscall.Setgroups(who.groups); err != nil {
		return fmt.Errorf("set the groups of uid %d: %w", who.uid, err)
	}
	if err := syscall.Setgid(who.gid); err != nil {
		return fmt.Errorf("become gid %d: %w", who.gid, err)
	}
	if err := syscall.Setuid(who.uid); err != nil {
		return fmt.Errorf("become uid %d: %w", who.uid, err)
	}
	return nil
}

// defaultPath is where programs are looked for when no PATH says so.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// lookPath finds a program as execvp does; a name with a slash is relative to dir.
func (a *Agent) lookPath(name, path, dir string) (string, error) {
	if strings.Contains(name, "/") {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		if err := a.executable(name); err != nil {
			return "", notStarted(name, err)
		}
		return a.at(name), nil
	}
	if path == "" {
		path = defaultPath
	}
	problem := error(fs.ErrNotExist)
	for folder := range strings.SplitSeq(path, ":") {
		if !filepath.IsAbs(folder) {
			folder = filepath.Join(dir, folder)
		}
		err := a.executable(filepath.Join(folder, name))
		if err == nil && name != "" {
			return a.at(filepath.Join(folder, name)), nil
		}
		if errors.Is(err, fs.ErrPermission) {
			problem = err
		}
	}
	return "", notStarted(name, problem)
}

// executable is nil for a regular file that somebody may execute.
func (a *Agent) executable(path string) error {
	info, err := os.Stat(a.at(path))
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0:
		return fs.ErrPermission
	}
	return nil
}

// handOver gives the standard streams to the user, as the engine does for a
// container that starts as one: without it /dev/stdout and the terminal cannot
// be opened by name.
func handOver(who identity, streams ...*os.File) {
	if who.isSelf() {
		return
	}
	for _, stream := range streams {
		info, err := stream.Stat()
		// A device but the terminal is not the box's own: where nothing is
		// attached it is the host's /dev/null.
		if err != nil || info.Mode().IsRegular() || info.Mode()&fs.ModeCharDevice != 0 && !isTerminal(stream) {
			continue
		}
		// One that cannot be given away (a socket, a file of a read-only
		// mount) still works for whoever does not open it by name.
		_ = stream.Chown(who.uid, -1)
	}
}

// exitCode is what a shell would say of a process that ended.
func exitCode(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// waitFor waits for one child to end.
func waitFor(pid int) int {
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(pid, &status, 0, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return wire.ExitAgent
		}
		return exitCode(status)
	}
}
