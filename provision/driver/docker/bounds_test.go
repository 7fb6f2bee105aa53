package docker

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/envyhq/envy/internal/agent/wire"
	"github.com/envyhq/envy/provision/driver"
)

// zeros never end, and count what was taken.
type zeros struct{ read int64 }

func (z *zeros) Read(p []byte) (int, error) {
	clear(p)
	z.read += int64(len(p))
	return len(p), nil
}

// script answers with what it is told to.
type script func(r *http.Request) *http.Response

func (s script) RoundTrip(r *http.Request) (*http.Response, error) { return s(r), nil }

// An answer without end is cut off, but for streams, whose elements are bounded one by one.
func TestAnswersAreBounded(t *testing.T) {
	for path, limited := range map[string]bool{"/v1.41/containers/x/json": true, "/v1.41/volumes/create": true, "/v1.41/events": false, "/v1.41/images/create": false, "/v1.41/build": false} {
		endless := &zeros{}
		answer := &http.Response{Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(endless)}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://engine"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := bounded{script(func(*http.Request) *http.Response { return answer }), 1000}.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.CopyN(io.Discard, got.Body, 5000)
		_ = got.Body.Close()
		if limited != errors.Is(err, errLong) || limited && endless.read > 1000 {
			t.Errorf("%s: %d bytes were read, %v", path, endless.read, err)
		}
	}
}

// A frame's length is the engine's word for it: none is believed before the bytes are there.
func TestFrames(t *testing.T) {
	var out, errOut bytes.Buffer
	for name, c := range map[string]struct{ frames, out, errOut, failure string }{
		"both":            {"\x01\x00\x00\x00\x00\x00\x00\x03one\x02\x00\x00\x00\x00\x00\x00\x03two\x00\x00\x00\x00\x00\x00\x00\x01!", "one!", "two", ""},
		"nothing":         {"", "", "", ""},
		"empty":           {"\x01\x00\x00\x00\x00\x00\x00\x00", "", "", ""},
		"cut":             {"\x01\x00\x00\x00\xff\xff\xff\xffx", "x", "", "unexpected EOF"},
		"cut in the head": {"\x01\x00", "", "", "unexpected EOF"},
		"of the engine":   {"\x03\x00\x00\x00\x00\x00\x00\x04gone", "", "", "gone"},
		"of nobody":       {"\x09\x00\x00\x00\x00\x00\x00\x01x", "", "", "stream 9"},
	} {
		out.Reset()
		errOut.Reset()
		err := split(&out, &errOut, strings.NewReader(c.frames))
		if out.String() != c.out || errOut.String() != c.errOut || (err == nil) != (c.failure == "") || err != nil && !strings.Contains(err.Error(), c.failure) {
			t.Errorf("%s: %q, %q, %v", name, &out, &errOut, err)
		}
	}
	allocated := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			_ = split(io.Discard, io.Discard, strings.NewReader("\x01\x00\x00\x00\xff\xff\xff\xffx"))
		}
	}).AllocedBytesPerOp()
	if allocated > 1<<20 {
		t.Errorf("a length that lies costs %d bytes", allocated)
	}
}

// Half an answer about a container is an error of the engine's, whoever asked.
func TestHalfAContainer(t *testing.T) {
	for _, half := range []string{`{}`, `{"Id":"x"}`, `{"Id":"x","State":{},"HostConfig":{},"Config":null,"NetworkSettings":{}}`, `null`} {
		e := openEcho(t, echo{status: http.StatusOK, texts: map[string][]byte{"": []byte(half)}})
		for name, ask := range map[string]func() error{
			"detail":  func() error { _, err := e.Detail(t.Context(), "x"); return err },
			"record":  func() error { _, err := e.Record(t.Context(), "x"); return err },
			"changes": func() error { _, err := e.Changes(t.Context(), "x"); return err },
			"size":    func() error { _, _, err := e.Size(t.Context(), "x"); return err },
			"stop":    func() error { return e.StopBox(t.Context(), "x", 0) },
			"connect": func() error { return e.Connect(t.Context(), "n", "x", driver.Join{}) },
			"inside":  func() error { _, err := e.inside(t.Context(), "x"); return err },
		} {
			if err := ask(); !driver.Is(err, driver.Failed) {
				t.Errorf("%s of %s: %v", name, half, err)
			}
		}
	}
}

// What somebody in the box puts beside the record is not waited for, however large: the record is not known then.
func TestRecordBehindTooMuch(t *testing.T) {
	var head bytes.Buffer
	if err := tar.NewWriter(&head).WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "envy/aaa", Size: 1 << 50}); err != nil {
		t.Fatal(err)
	}
	e := openEcho(t, echo{})
	endless := &zeros{}
	e.http.Transport = script(func(r *http.Request) *http.Response {
		body := io.NopCloser(io.MultiReader(&head, endless))
		header := http.Header{"Api-Version": {"1.41"}, "X-Docker-Container-Path-Stat": {"e30="}}
		if strings.HasSuffix(r.URL.Path, "/json") {
			header.Set("Content-Type", "application/json")
			body = io.NopCloser(strings.NewReader(`{"Id":"x","State":{"StartedAt":"2026-01-02T03:04:05Z"},"HostConfig":{},"NetworkSettings":{},
				"Config":{"Cmd":["` + wire.VerbInit + `","{\"version\":1,\"value\":{\"id\":\"b\"}}"]}}`))
		}
		return &http.Response{StatusCode: http.StatusOK, Header: header, Body: body, Request: r}
	})
	got, err := e.Record(t.Context(), "x")
	if err != nil || got.Known || endless.read > maxState {
		t.Errorf("%+v, %v after %d bytes", got, err, endless.read)
	}
}
