package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"

	"github.com/envyhq/envy/provision/driver"
)

func TestKindOf(t *testing.T) {
	said := func(text string, kind error) error {
		return fmt.Errorf("Error response from daemon: %s: %w", text, kind)
	}
	for _, c := range []struct {
		name string
		err  error
		want driver.Kind
	}{
		{"missing container", said("No such container: x", cerrdefs.ErrNotFound), driver.NotFound},
		{"missing network at start", said("network shop not found", cerrdefs.ErrNotFound), driver.NotFound},
		{"container on its way out", said("Container x is marked for removal and cannot be connected or disconnected to the network", cerrdefs.ErrInternal), driver.NotFound},
		{"container whose layer is gone", said("RWLayer of container /x is unexpectedly nil", cerrdefs.ErrInternal), driver.NotFound},
		{"container on its way out, by status", said("container is marked for removal and cannot be started", cerrdefs.ErrConflict), driver.NotFound},
		{"name taken", said(`Conflict. The container name "/x" is already in use by container "y"`, cerrdefs.ErrConflict), driver.Conflict},
		{"two networks of a name", said("network shop is ambiguous (2 matches found on name)", cerrdefs.ErrInvalidArgument), driver.Conflict},
		{"port, by the engine", said("driver failed programming external connectivity: Bind for 127.0.0.1:80 failed: port is already allocated", cerrdefs.ErrInternal), driver.PortTaken},
		{"port, by the kernel", said("Error starting userland proxy: listen tcp4 127.0.0.1:80: bind: address already in use", cerrdefs.ErrInternal), driver.PortTaken},
		{"not running", said("Container x is not running", cerrdefs.ErrConflict), driver.NotRunning},
		{"paused", said("Container x is paused, unpause the container before exec", cerrdefs.ErrConflict), driver.NotRunning},
		{"bad configuration", said("invalid mount config", cerrdefs.ErrInvalidArgument), driver.Invalid},
		{"denied", said("nope", cerrdefs.ErrPermissionDenied), driver.Denied},
		{"not built into the engine", said("nope", cerrdefs.ErrNotImplemented), driver.Unsupported},
		{"failed", said("oci runtime error", cerrdefs.ErrInternal), driver.Failed},
		{"cancelled", fmt.Errorf("x: %w", context.Canceled), driver.Failed},
		{"no connection in time", lateDial(t), driver.Unreachable},
		{"no answer in time", &url.Error{Op: "Post", URL: "http://x", Err: &unansweredError{time.Minute, context.DeadlineExceeded}}, driver.Unreachable},
		{"out of time", fmt.Errorf("x: %w", context.DeadlineExceeded), driver.Failed},
		{"stream that broke off", streamEnd(io.ErrUnexpectedEOF), driver.Unreachable},
		{"stream that was reset", streamEnd(&net.OpError{Op: "read", Err: syscall.ECONNRESET}), driver.Unreachable},
		{"stream that is no stream", streamEnd(errors.New("unrecognized frame")), driver.Failed},
		{"no socket", &net.OpError{Op: "dial", Err: errors.New("no such file")}, driver.Unreachable},
		{"refused list", &statusError{404, "page not found"}, driver.NotFound},
		{"refused version", &statusError{400, "client is too new"}, driver.Invalid},
		{"stream refused", errors.New("unable to upgrade to tcp, received 409"), driver.NotRunning},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &Engine{endpoint: "unix:///x"}
			err := e.classify(c.err, "start", `box "web"`)
			if !driver.Is(err, c.want) {
				t.Errorf("%v is not of kind %d", err, c.want)
			}
			if !errors.Is(err, c.err) {
				t.Error("the cause is lost")
			}
			if again := e.classify(err, "other", "thing"); again != err {
				t.Errorf("classified twice: %v", again)
			}
			if strings.Contains(err.Error(), "Error response from daemon") {
				t.Errorf("the client's words show: %v", err)
			}
		})
	}
	if err := (&Engine{}).classify(nil, "", ""); err != nil {
		t.Errorf("no error becomes %v", err)
	}
}

// Whatever is called first, the error names the endpoint and why.
func TestUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "tcp://" + listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	missing := "unix://" + filepath.Join(t.TempDir(), "none.sock")
	for host, why := range map[string]string{missing: "no such socket", closed: "connection refused"} {
		e, err := Open(Options{Host: host})
		if err != nil {
			t.Fatal(err)
		}
		calls := map[string]func() error{
			"ping":    func() error { _, err := e.Ping(t.Context()); return err },
			"observe": func() error { _, err := e.Observe(t.Context(), checkout); return err },
			"create":  func() error { _, err := e.CreateBox(t.Context(), driver.NewBox{}); return err },
			"exec": func() error {
				_, err := e.Exec(t.Context(), "x", driver.Exec{Argv: []string{"a"}}, driver.Streams{})
				return err
			},
			"logs": func() error { return e.Logs(t.Context(), "x", driver.LogOptions{}, nil, nil) },
		}
		for name, call := range calls {
			err := call()
			if !driver.Is(err, driver.Unreachable) || !strings.Contains(err.Error(), host) {
				t.Errorf("%s at %s: %v", name, host, err)
			}
			if !strings.Contains(err.Error(), why) {
				t.Errorf("%s at %s does not say why: %v", name, host, err)
			}
		}
	}
}

// An engine that dies in the middle of a call leaves a connection that breaks off.
func TestBrokenOff(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1))
			_ = c.Close()
		}
	}()
	host := "tcp://" + listener.Addr().String()
	e, err := Open(Options{Host: host})
	if err != nil {
		t.Fatal(err)
	}
	_, observed := e.Observe(t.Context(), checkout)
	for _, err := range []error{e.StartBox(t.Context(), "x", ""), observed} {
		if !driver.Is(err, driver.Unreachable) || !strings.Contains(err.Error(), host) || !strings.Contains(err.Error(), "broke off") {
			t.Errorf("a connection that broke off: %v", err)
		}
	}
	reset := &url.Error{Op: "Get", URL: "http://x", Err: fmt.Errorf("read: %w", syscall.ECONNRESET)}
	if err := e.classify(reset, "list", "objects"); !driver.Is(err, driver.Unreachable) {
		t.Errorf("a connection that was reset: %v", err)
	}
}
