//go:build linux

package agent

import (
	"context"
	"errors"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/envyhq/envy/internal/agent/wire"
)

// What ended by itself before its caller was gone did what it did, and is not recorded as cut.
func TestFinishedBeforeTheCut(t *testing.T) {
	ctx, cut := context.WithCancelCause(t.Context())
	cut(errCut)
	for range 20 { // of two things that are true at once, either may be seen first
		pid := startChild(t, "exit 3")
		for {
			var info unix.Siginfo
			if err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil); !errors.Is(err, unix.EINTR) {
				break
			}
		}
		if code, err := finish(ctx, pid); code != 3 || err != nil {
			t.Fatalf("exit %d, %v; want the program's own", code, err)
		}
	}
	if code, err := finish(ctx, startChild(t, "sleep 1000")); code != wire.ExitEnded || !errors.Is(err, errCut) {
		t.Errorf("what still ran: exit %d, %v", code, err)
	}
}

// startChild runs a script that leads a group of its own and is for finish to wait for.
func startChild(t *testing.T, script string) int {
	t.Helper()
	c := exec.Command("sh", "-c", script)
	c.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c.Process.Pid
}
