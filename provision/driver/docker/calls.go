package docker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// observed puts a hook before a transport, whose answers it bounds and judges: it reports calls, and knows for how long one
// was left without an answer.
func (e *Engine) observed(next http.RoundTripper) http.RoundTripper {
	next = suspicious{bounded{impatient{next, e.opts.Answer}, maxAnswer}}
	return hook{next: next, done: e.called, heard: e.clock.heard}
}

type hook struct {
	next  http.RoundTripper
	done  func(method, path string, took time.Duration, err error)
	heard func(*http.Response)
}

// RoundTrip implements http.RoundTripper.
func (h hook) RoundTrip(r *http.Request) (*http.Response, error) {
	begin := time.Now()
	answer, err := h.next.RoundTrip(r)
	if errors.Is(err, context.DeadlineExceeded) && !isDial(err) {
		err = &unansweredError{after: time.Since(begin), err: err}
	}
	if err == nil {
		h.heard(answer)
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
