package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// observed puts a hook before a transport, whose answers it bounds: it reports calls, and knows for how long one was left
// without an answer.
func (e *Engine) observed(next http.RoundTripper) http.RoundTripper {
	next = bounded{next, maxAnswer}
	return hook{next: next, done: e.called}
}

// maxAnswer is how many bytes of JSON an answer may have: 10,000 boxes with large specs stay below.
const maxAnswer = 1 << 30

// bounded cuts an answer in JSON off at a limit. What goes on as long as something else does (events, pulls, builds) has
// none; who reads it bounds each element.
type bounded struct {
	next  http.RoundTripper
	limit int64
}

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.next.RoundTrip(r)
	if err != nil || !strings.HasPrefix(answer.Header.Get("Content-Type"), "application/json") {
		return answer, err
	}
	for _, stream := range []string{"/events", "/images/create", "/build"} {
		if strings.HasSuffix(r.URL.Path, stream) {
			return answer, nil
		}
	}
	answer.Body = &boundedBody{ReadCloser: answer.Body, left: b.limit}
	return answer, nil
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

var errLong = errors.New("the engine's answer is over its limit")

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLong
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

type hook struct {
	next http.RoundTripper
	done func(method, path string, took time.Duration, err error)
}

// RoundTrip implements http.RoundTripper.
func (h hook) RoundTrip(r *http.Request) (*http.Response, error) {
	begin := time.Now()
	answer, err := h.next.RoundTrip(r)
	if errors.Is(err, context.DeadlineExceeded) && !isDial(err) {
		err = &unansweredError{after: time.Since(begin), err: err}
	}
	failure := err
	if err == nil && answer.StatusCode >= http.StatusBadRequest {
		failure = fmt.Errorf("status %d", answer.StatusCode)
	}
	h.done(r.Method, r.URL.Path, time.Since(begin), failure)
	return answer, err
}

// unansweredError is a call that the engine took and had not answered when its time was up.
type unansweredError struct {
	after time.Duration
	err   error
}

func (u *unansweredError) Error() string { return "no answer within " + roughly(u.after) }

func (u *unansweredError) Unwrap() error { return u.err }

// roughly is a time without what is too fine to matter.
func roughly(d time.Duration) string {
	if d < time.Second {
		return d.Truncate(time.Millisecond).String()
	}
	return d.Truncate(time.Second).String()
}

// called reports one call. Hijacked streams, which do not go through the transport, report themselves.
func (e *Engine) called(method, path string, took time.Duration, err error) {
	if e.opts.OnCall != nil {
		e.opts.OnCall(method, path, took, err)
	}
}
