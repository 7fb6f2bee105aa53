package docker

import (
	"fmt"
	"net/http"
	"time"
)

// observed puts a hook before a transport where somebody wants to know; otherwise the transport itself comes back.
func (e *Engine) observed(next http.RoundTripper) http.RoundTripper {
	if e.opts.OnCall == nil {
		return next
	}
	return hook{next: next, done: e.called}
}

type hook struct {
	next http.RoundTripper
	done func(method, path string, took time.Duration, err error)
}

// RoundTrip implements http.RoundTripper.
func (h hook) RoundTrip(r *http.Request) (*http.Response, error) {
	begin := time.Now()
	answer, err := h.next.RoundTrip(r)
	failure := err
	if err == nil && answer.StatusCode >= http.StatusBadRequest {
		failure = fmt.Errorf("status %d", answer.StatusCode)
	}
	h.done(r.Method, r.URL.Path, time.Since(begin), failure)
	return answer, err
}

// called reports one call. Hijacked streams, which do not go through the transport, report themselves.
func (e *Engine) called(method, path string, took time.Duration, err error) {
	if e.opts.OnCall != nil {
		e.opts.OnCall(method, path, took, err)
	}
}
