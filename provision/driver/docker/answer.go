package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// streams are the ends of paths whose answers go on as long as what they tell of.
func streams() []string { return []string{"/events", "/images/create", "/images/load", "/build"} }

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
	if ends(r.URL.Path, streams()...) {
		return answer, nil
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

// DefaultAnswer is how long an engine may take for an answer.
const DefaultAnswer = 2 * time.Minute

// impatient bounds calls that an engine answers by itself, their answers included: all that read, and what begins a command
// in a box. Other calls last as long as what they do, counting what is on a disk among them, and have the limits of who makes them.
type impatient struct {
	next  http.RoundTripper
	limit time.Duration
}

// RoundTrip implements http.RoundTripper.
func (i impatient) RoundTrip(r *http.Request) (*http.Response, error) {
	if ends(r.URL.Path, append(streams(), "/logs", "/export", "/images/get", "/system/df")...) || r.URL.Query().Has("size") || r.Context().Value(unhurried{}) != nil {
		return i.next.RoundTrip(r)
	}
	begin := time.Now()
	ctx, cancel := context.WithCancel(r.Context())
	if r.Method == http.MethodGet || r.Method == http.MethodHead || ends(r.URL.Path, "/exec", "/resize") {
		ctx, cancel = context.WithTimeout(r.Context(), i.limit)
	}
	answer, err := i.next.RoundTrip(r.WithContext(ctx))
	if err != nil {
		cancel()
		return answer, err
	}
	answer.Body = &timedBody{answer.Body, ctx, cancel, begin}
	return answer, nil
}

type timedBody struct {
	io.ReadCloser
	ctx   context.Context //nolint:containedctx // of the request that the body answers
	over  context.CancelFunc
	begin time.Time
}

// Read implements io.Reader.
func (t *timedBody) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	if err != nil && errors.Is(t.ctx.Err(), context.DeadlineExceeded) {
		err = &unansweredError{after: time.Since(t.begin), err: context.DeadlineExceeded}
	}
	return n, err
}

// Close implements io.Closer.
func (t *timedBody) Close() error {
	defer t.over()
	return t.ReadCloser.Close()
}

func ends(path string, with ...string) bool {
	return slices.ContainsFunc(with, func(end string) bool { return strings.HasSuffix(path, end) })
}

// suspicious makes a failure of a success that no engine tells of in this way: of a proxy's page, or of words where an engine
// has none, which the client library would not read.
type suspicious struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (s suspicious) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := s.next.RoundTrip(r)
	if err != nil || answer.StatusCode >= http.StatusMultipleChoices || r.Method == http.MethodHead {
		return answer, err
	}
	page := strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html")
	if !page && !wordless(r) {
		answer.Body = &judgedBody{ReadCloser: answer.Body, key: mustHold(r)}
		return answer, nil
	}
	words := make([]byte, 80)
	n, err := io.ReadFull(answer.Body, words)
	if n == 0 && errors.Is(err, io.EOF) && !page {
		return answer, nil
	}
	_ = answer.Body.Close() // whatever else it says
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	text := fmt.Sprintf("what answers is no engine, or something is between: it says %q", words[:n])
	body, err := json.Marshal(map[string]string{"message": text})
	if err != nil {
		return nil, err
	}
	answer.StatusCode, answer.Status, answer.ContentLength = http.StatusBadGateway, "", int64(len(body))
	answer.Header = http.Header{"Content-Type": {"application/json"}}
	answer.Body = io.NopCloser(strings.NewReader(string(body)))
	return answer, nil
}

// wordless are the calls that an engine answers with a status alone.
func wordless(r *http.Request) bool {
	switch r.Method {
	case http.MethodDelete:
		return !strings.Contains(r.URL.Path, "/images/") // which tells what it removed
	case http.MethodPut:
		return ends(r.URL.Path, "/archive")
	case http.MethodPost:
		return ends(r.URL.Path, "/start", "/stop", "/kill", "/rename", "/pause", "/unpause", "/connect", "/disconnect", "/resize")
	}
	return false
}

// mustHold is a key without which an answer in JSON would be read as a success that says nothing.
func mustHold(r *http.Request) string {
	switch path := r.URL.Path; {
	case r.Method == http.MethodPost && ends(path, "/containers/create", "/networks/create", "/exec"):
		return `"Id"`
	case r.Method == http.MethodPost && ends(path, "/volumes/create"):
		return `"Name"`
	case r.Method == http.MethodPost && ends(path, "/wait"):
		return `"StatusCode"`
	case strings.Contains(path, "/containers/") && ends(path, "/stats"):
		return `"read"`
	case strings.Contains(path, "/containers/") && ends(path, "/top"):
		return `"Processes"`
	case strings.Contains(path, "/images/") && ends(path, "/json") && !ends(path, "/images/json"):
		return `"Id"`
	case ends(path, "/info") && !ends(path, "/networks/info", "/volumes/info"): // objects of that name
		return `"NCPU"`
	}
	return ""
}

// judgedBody is the body of a success, which must hold a key, and must not be an error.
type judgedBody struct {
	io.ReadCloser
	key   string
	begun bool
	whole io.Reader // of one that must hold a key
}

// maxSmall bounds, in bytes, an answer that is read before it is believed.
const maxSmall = 16 << 20

var errLacks = errors.New("the engine's answer lacks a part")

// Read implements io.Reader.
func (j *judgedBody) Read(p []byte) (int, error) {
	first := !j.begun
	j.begun = true
	if first && j.key != "" {
		data, err := io.ReadAll(io.LimitReader(j.ReadCloser, maxSmall))
		if err == nil && !bytes.Contains(data, []byte(j.key)) && !saysError(data) {
			err = errLacks
		}
		if err != nil {
			return 0, err
		}
		j.whole = bytes.NewReader(data)
	}
	from := j.whole
	if from == nil {
		from = j.ReadCloser
	}
	n, err := from.Read(p)
	if first && saysError(p[:n]) {
		return 0, fmt.Errorf("the engine calls this a success: %s", p[:min(n, 200)])
	}
	return n, err
}

// saysError reports the form in which engines say what went wrong.
func saysError(data []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(data, " \r\n\t"), []byte(`{"message"`))
}
