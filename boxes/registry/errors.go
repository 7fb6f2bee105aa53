package registry

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Kind says what kind of failure an error is.
type Kind int

// The kinds. The zero value is none of them.
const (
	NotFound    Kind = iota + 1 // repository, tag, manifest or blob
	Unreachable                 // nobody answers, not to the end, or not now
	Denied                      // who asks may not, or the host is not who it should be
	Changed                     // content is not what its digest says
	TooLarge                    // it is above a limit
	Invalid                     // it is no reference, or no answer of a registry
)

// Error is a failure. Its texts may quote the other side, as it is.
type Error struct {
	Kind      Kind
	Reference string // or repository, as it was asked for
	Summary   string // what is wrong, without the reference
	Hint      string // what to do, "" where nothing is known
	Err       error  // the cause, if there is one
}

func (e *Error) Error() string {
	s := e.Summary
	if e.Reference != "" {
		s = e.Reference + ": " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Is reports whether err is an error of that kind.
func Is(err error, k Kind) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == k
}

func fail(k Kind, err error, format string, args ...any) *Error {
	return &Error{Kind: k, Summary: fmt.Sprintf(format, args...), Err: err}
}

func (e *Error) hint(s string) *Error {
	e.Hint = s
	return e
}

// told gives an error its reference and sees to it that it is one of this package's.
func told(ctx context.Context, ref string, err error) error {
	if err == nil {
		return nil
	}
	e := *classed(ctx, err)
	if e.Reference == "" {
		e.Reference = ref
	}
	return &e
}

// classed makes any error one of this package's: of an end of ctx, that; else that nobody answered.
func classed(ctx context.Context, err error) *Error {
	e, ours := errors.AsType[*Error](err)
	cause := context.Cause(ctx)
	switch {
	case ours && (cause == nil || e.Kind != Unreachable):
		return e
	case errors.Is(cause, context.DeadlineExceeded):
		return fail(Unreachable, cause, "the registry did not answer in time")
	case cause != nil:
		return fail(Unreachable, cause, "broken off")
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // without the address
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fail(Denied, err, "the host cannot prove that it is the one")
	}
	return fail(Unreachable, err, "the registry cannot be reached")
}

// judge makes an error of every answer whose status is none of those that are wanted, and closes it.
func (p place) judge(res *http.Response, want ...int) error {
	for _, code := range want {
		if res.StatusCode == code {
			return nil
		}
	}
	says := quote(res)
	if err := res.Body.Close(); err != nil {
		says += " (" + err.Error() + ")"
	}
	switch code := res.StatusCode; {
	case code == http.StatusUnauthorized && res.Request.URL.Host != p.host:
		return fail(Denied, nil, "the registry sends to %s, which wants credentials; they go to no other host than %s", res.Request.URL.Host, p.host)
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return fail(Denied, nil, "the registry refuses: %s", says).hint("docker login " + p.domain)
	case code == http.StatusNotFound, code == http.StatusGone:
		return fail(NotFound, nil, "the registry has no such thing: %s", says)
	case code == http.StatusTooManyRequests:
		return fail(Unreachable, nil, "the registry has had too many requests: %s%s", says, laterOf(res))
	case code >= http.StatusInternalServerError:
		return fail(Unreachable, nil, "the registry does not answer now: %s", says)
	case code == http.StatusRequestEntityTooLarge:
		return fail(TooLarge, nil, "it is too large for the registry: %s", says)
	}
	return fail(Invalid, nil, "the registry answers %s", says)
}

// quote is a status with the registry's own words, shortened.
func quote(res *http.Response) string {
	const most = 300
	var body struct {
		Errors []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
		Details string `json:"details"` // of token servers
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, maxFailure))
	if err != nil || decodeJSON(data, &body) != nil {
		return res.Status
	}
	words := body.Details
	if len(body.Errors) > 0 {
		words = strings.TrimSpace(strings.ToLower(strings.ReplaceAll(body.Errors[0].Code, "_", " ")) + ": " + body.Errors[0].Message)
	}
	if len(words) > most {
		words = strings.ToValidUTF8(words[:most], "") + "…"
	}
	if words == "" {
		return res.Status
	}
	return res.Status + " (" + words + ")"
}

// decodeJSON reads one JSON value of bounded depth.
func decodeJSON(data []byte, into any) error {
	if depthOf(data) > MaxDepth {
		return fmt.Errorf("it is nested more than %d levels deep", MaxDepth)
	}
	return json.Unmarshal(data, into)
}

// depthOf counts brackets outside strings, before a decoder follows them.
func depthOf(data []byte) int {
	depth, deepest, text := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}
