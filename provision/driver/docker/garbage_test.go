package docker

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/envyhq/envy/provision/driver"
)

// garbage are ways to answer that no engine has: of a proxy, of something else that listens there, of one that is broken.
// over ends with the test.
func garbage(over <-chan struct{}) map[string]http.HandlerFunc {
	const page = "<!DOCTYPE html><html><body>Please log in</body></html>"
	text := func(kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = io.WriteString(w, body)
		}
	}
	raw := func(answer string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_, _ = io.WriteString(conn, answer)
				_ = conn.Close()
			}
		}
	}
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	return map[string]http.HandlerFunc{
		"a page":                      text("text/html", page),
		"a page that says it is JSON": text("application/json", page),
		"JSON cut off":                text("application/json", `{"Id":"x","State":{"Run`),
		"a word":                      text("application/json", `"x"`),
		"a list of numbers":           text("application/json", `[1,2,3]`),
		"other types":                 text("application/json", `{"Id":[1],"State":"on","Volumes":3,"StatusCode":"zero","NCPU":{},"stream":5,"Labels":1}`),
		"an error as a success":       text("application/json", `{"message":"something went wrong"}`),
		"a proxy's refusal": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, strings.Repeat(page, 100))
		},
		"less than was announced": raw(head + "Content-Length: 100\r\n\r\n{}"),
		"chunks that break off":   raw(head + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"Id\"\r\nzz"),
		"no HTTP":                 raw("SSH-2.0-OpenSSH_9.2\r\n"),
		"nothing":                 raw(""),
		"a byte at a time": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for r.Method != http.MethodHead {
				select {
				case <-over:
					return
				case <-r.Context().Done():
					return
				case <-time.After(20 * time.Millisecond):
					_, _ = io.WriteString(w, "{")
					w.(http.Flusher).Flush()
				}
			}
		},
		"no end": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for many := strings.Repeat(" ", 1<<16); r.Method != http.MethodHead; {
				if _, err := io.WriteString(w, many); err != nil {
					return
				}
			}
		},
	}
}

// openGarbage opens an engine that answers nothing but with garbage, or pings well and does so with all else.
func openGarbage(t *testing.T, serve http.HandlerFunc, pings bool) *Engine {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 1<<20))
		}
		if pings && strings.HasSuffix(r.URL.Path, "/_ping") {
			w.Header().Set("Api-Version", "1.41")
			w.Header().Set("Ostype", "linux")
			return
		}
		serve(w, r)
	}))
	t.Cleanup(server.Close)
	e, err := Open(Options{Host: "tcp://" + server.Listener.Addr().String(), Answer: 200 * time.Millisecond, Agent: func(string) (Agent, error) {
		return Agent{Hash: "0", Binary: func() ([]byte, error) { return []byte("agent"), nil }}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// Whatever answers in an engine's place, and however: no method succeeds, waits beyond its limit, or gives an error that says
// nothing. TestAnswersAreBounded is about memory.
func TestGarbage(t *testing.T) {
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	for name, serve := range garbage(over) {
		for _, pings := range []bool{true, false} {
			t.Run(name+", pings "+strconv.FormatBool(pings), func(t *testing.T) {
				t.Parallel()
				e := openGarbage(t, serve, pings)
				for i := range calls(t.Context(), e) {
					// The limit of a step, as apply gives it.
					ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
					err := calls(ctx, e)[i]()
					cancel()
					var known *driver.Error
					switch {
					case err == nil:
						t.Errorf("method %d succeeds", i)
					case !errors.As(err, &known) || known.Text == "":
						t.Errorf("method %d: an error of no kind: %v", i, err)
					case known.Kind != driver.Failed && known.Kind != driver.Unreachable && (known.Kind != driver.Denied || name != "a proxy's refusal"):
						t.Errorf("method %d: kind %d: %v", i, known.Kind, err)
					case len(err.Error()) > 2000:
						t.Errorf("method %d: %d bytes of words", i, len(err.Error()))
					}
				}
			})
		}
	}
}

// An object can be called like a call of the API's.
func TestMustHold(t *testing.T) {
	for call, key := range map[string]string{
		"GET /v1.41/info": `"NCPU"`, "GET /v1.41/networks/info": "", "GET /v1.41/images/json": "", "GET /v1.41/images/info/json": `"Id"`,
		"POST /v1.41/containers/x/wait": `"StatusCode"`, "GET /v1.41/networks/wait": "", "GET /v1.41/containers/info/json": "",
	} {
		method, path, _ := strings.Cut(call, " ")
		r := httptest.NewRequest(method, "http://engine"+path, nil)
		if got := mustHold(r); got != key {
			t.Errorf("%s must hold %q, want %q", call, got, key)
		}
	}
}
