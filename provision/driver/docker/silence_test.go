package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/envyhq/envy/internal/agent/wire"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
)

// lateDial is how a connection fails that is not made in time. It matches [context.DeadlineExceeded].
func lateDial(t *testing.T) error {
	t.Helper()
	_, err := net.DialTimeout("tcp", "127.0.0.1:1", time.Nanosecond)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a dial that timed out: %v", err)
	}
	return err
}

// openPartly opens an engine that answers like a, but for calls whose path ends as told: those are serve's.
func openPartly(t *testing.T, end string, serve http.HandlerFunc, change ...func(*Options)) *Engine {
	t.Helper()
	a := &answers{api: "1.41", texts: map[string]string{
		"/update": `{}`, "/x/exec": `{"Id":"run"}`, "/networks": `[]`, "/volumes": `{}`, "/containers/json": `[]`,
		"/x/json": `{"Id":"x","State":{"Running":true},"HostConfig":{},"NetworkSettings":{},"Config":{"Cmd":["` + wire.VerbInit + `","{\"version\":1,\"value\":{\"id\":\"b\"}}"]}}`,
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, end) {
			serve(w, r)
			return
		}
		a.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	o := Options{Host: "tcp://" + server.Listener.Addr().String()}
	for _, f := range change {
		f(&o)
	}
	e, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// A call that the engine takes and never answers ends with its limit, and says which it was, where, and after how long.
func TestSilentEngine(t *testing.T) {
	for name, tc := range map[string]struct {
		silent string
		call   func(context.Context, *Engine) error
		says   string
	}{
		"start":  {"/x/start", func(ctx context.Context, e *Engine) error { return e.StartBox(ctx, "x", "always") }, `start box "x": `},
		"remove": {"/containers/x", func(ctx context.Context, e *Engine) error { return e.RemoveBox(ctx, "x") }, `remove box "x": `},
		"ping":   {"/_ping", func(ctx context.Context, e *Engine) error { _, err := e.Ping(ctx); return err }, "the engine at tcp://"},
		"stream": {"/exec/run/start", func(ctx context.Context, e *Engine) error {
			_, _, err := e.startExec(ctx, "x", container.ExecOptions{Cmd: []string{"true"}})
			return err
		}, `run in box "x": `},
	} {
		t.Run(name, func(t *testing.T) {
			over := make(chan struct{})
			e := openPartly(t, tc.silent, func(http.ResponseWriter, *http.Request) { <-over })
			t.Cleanup(func() { close(over) }) // before the server waits for it
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			err := tc.call(ctx, e)
			if !driver.Is(err, driver.Unreachable) || !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("error %v", err)
			}
			if text := err.Error(); !strings.HasPrefix(text, tc.says) || !strings.Contains(text, "the engine at "+e.endpoint+" did not answer within ") ||
				strings.Contains(text, "deadline") {
				t.Errorf("says %q", text)
			}
		})
	}
}

// A removal that somebody else began is waited for, until it ends or nobody waits any more.
func TestRemovalInProgress(t *testing.T) {
	for _, ends := range []bool{true, false} {
		asked := 0
		e := openPartly(t, "/containers/x", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if asked++; ends && asked == 3 {
				w.WriteHeader(http.StatusNotFound)
				fmt.Fprint(w, `{"message":"No such container: x"}`)
				return
			}
			w.WriteHeader(http.StatusConflict)
			fmt.Fprint(w, `{"message":"removal of container x is already in progress"}`)
		})
		limit := 100 * time.Millisecond
		if ends {
			limit = time.Minute
		}
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		err := e.RemoveBox(ctx, "x")
		cancel()
		switch {
		case ends && (err != nil || asked != 3):
			t.Errorf("%d calls, error %v", asked, err)
		case !ends && (!driver.Is(err, driver.Failed) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "does not end")):
			t.Errorf("a removal that does not end: %v", err)
		}
	}
}

// A stream that the engine does not begin is no reason to stay when nobody waits any more.
func TestSilentStreamIsLeft(t *testing.T) {
	over := make(chan struct{})
	asked, left := make(chan struct{}), make(chan struct{})
	e := openPartly(t, "/exec/run/start", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the server does not see the connection end
		close(asked)
		select {
		case <-r.Context().Done():
			close(left)
		case <-over:
		}
	})
	t.Cleanup(func() { close(over) })
	interrupted := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-asked
		cancel(interrupted)
	}()
	if _, _, err := e.startExec(ctx, "x", container.ExecOptions{Cmd: []string{"true"}}); !errors.Is(err, interrupted) {
		t.Errorf("error %v", err)
	}
	select {
	case <-left:
	case <-time.After(20 * time.Second):
		t.Error("its connection stays open")
	}
}

// An engine that goes away in the middle of an answer cannot be reached, whatever the answer was about.
func TestBrokenOffAnswer(t *testing.T) {
	cut := func(w http.ResponseWriter, some string) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, some); err != nil {
			t.Error(err)
		}
	}
	const begun = "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
	for name, tc := range map[string]struct {
		path, some string
		call       func(*Engine) error
	}{
		"wait": {"/x/wait", begun, func(e *Engine) error { _, err := e.WaitExit(t.Context(), "x"); return err }},
		"pull": {"/images/create", begun + "10\r\n{\"status\":\"Pull", func(e *Engine) error {
			return pull(t.Context(), e, "x:1", "", event.Discard{})
		}},
		"stream": {"/exec/run/start", "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n\x01\x00\x00\x00\x00\x00\x00\x09half", func(e *Engine) error {
			_, s, err := e.startExec(t.Context(), "x", container.ExecOptions{Cmd: []string{"true"}})
			if err != nil {
				return fmt.Errorf("no stream: %w", err)
			}
			defer s.cut()
			return e.classify(s.drain(nil, nil), "run in", boxObject("x"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			e := openPartly(t, tc.path, func(w http.ResponseWriter, _ *http.Request) { cut(w, tc.some) })
			err := tc.call(e)
			if !driver.Is(err, driver.Unreachable) || !strings.Contains(fmt.Sprint(err), e.endpoint+": the connection broke off") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// What only reads has a limit of its own: nobody above gives one to what a command looks at first.
func TestSilentReads(t *testing.T) {
	for _, silent := range []string{"/_ping", "json", "/networks", "/archive", "/changes", "/x/exec", "/exec/run/start"} {
		t.Run(silent, func(t *testing.T) {
			t.Parallel()
			over := make(chan struct{})
			e := openPartly(t, silent, func(http.ResponseWriter, *http.Request) { <-over }, func(o *Options) { o.Answer = 100 * time.Millisecond })
			t.Cleanup(func() { close(over) }) // before the server waits for it
			ctx := t.Context()
			for name, err := range map[string]error{
				"/_ping":    second(e.Ping(ctx)),
				"json":      second(e.Image(ctx, "x", "")),
				"/networks": second(e.Observe(ctx, checkout)),
				"/archive":  second(e.statPath(ctx, "x", "/")),
				"/changes":  second(e.Changes(ctx, "x")),
				"/x/exec":   second(e.Exec(ctx, "x", driver.Exec{Argv: []string{"a"}}, driver.Streams{})),
			} {
				if (name == silent || name == "/x/exec" && silent == "/exec/run/start") && (!driver.Is(err, driver.Unreachable) || !strings.Contains(err.Error(), "did not answer within")) {
					t.Errorf("error %v", err)
				}
			}
		})
	}
}

// An answer that begins and goes on for ever is given up like none.
func TestAnswerWithoutEnd(t *testing.T) {
	e := openPartly(t, "/images/x/json", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for r.Context().Err() == nil {
			fmt.Fprint(w, " ")
			w.(http.Flusher).Flush()
		}
	}, func(o *Options) { o.Answer = 100 * time.Millisecond })
	if _, err := e.Image(t.Context(), "x", ""); !driver.Is(err, driver.Unreachable) || !strings.Contains(err.Error(), "did not answer within") {
		t.Errorf("error %v", err)
	}
}

func second(_ any, err error) error { return err }
