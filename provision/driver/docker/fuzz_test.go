package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/pkg/stdcopy"

	"github.com/envyhq/envy/internal/agent/wire"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/resource"
)

// echo is an engine that pings well and answers everything else with one of its texts, the first whose key ends the path.
type echo struct {
	status int
	texts  map[string][]byte // "" is for all paths
}

// RoundTrip implements http.RoundTripper.
func (e echo) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
	}
	header := http.Header{"Api-Version": {"1.41"}, "Ostype": {"linux"}, "Content-Type": {"application/json"}}
	if strings.HasSuffix(r.URL.Path, "/_ping") {
		return &http.Response{StatusCode: http.StatusOK, Header: header, Body: http.NoBody, Request: r}, nil
	}
	body := e.texts[""]
	for _, end := range slices.Sorted(maps.Keys(e.texts)) {
		if end != "" && strings.HasSuffix(r.URL.Path, end) {
			body = e.texts[end]
		}
	}
	header.Set("X-Docker-Container-Path-Stat", base64.StdEncoding.EncodeToString([]byte(`{"name":"envy","mode":2147484096}`)))
	if r.Method == http.MethodHead {
		header.Set("X-Docker-Container-Path-Stat", base64.StdEncoding.EncodeToString(body))
	}
	return &http.Response{StatusCode: e.status, Header: header, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
}

// openEcho is an engine behind which nothing listens.
func openEcho(t testing.TB, e echo) *Engine {
	t.Helper()
	engine, err := Open(Options{Host: "tcp://127.0.0.1:1", Agent: func(string) (Agent, error) {
		return Agent{Hash: "0", Binary: func() ([]byte, error) { return []byte("agent"), nil }}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	engine.http.Transport = engine.observed(e)
	return engine
}

// noContext is an empty context of a build.
func noContext() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("")), nil }

// calls are the methods whose answers are decoded; those that take a connection over are not among them.
func calls(ctx context.Context, e *Engine) []func() error {
	const id = "0123456789ab"
	sink := event.Discard{}
	box := driver.NewBox{Name: "shop-web", Image: "x", Spec: resource.BoxSpec{Version: 1, ReadOnly: true, User: &resource.UserSpec{Name: "1000"}}}
	return []func() error{
		func() error { return second(e.Observe(ctx, checkout)) },
		func() error { return second(e.Names(ctx)) },
		func() error { return second(e.PublishedPorts(ctx)) },
		func() error {
			return e.Events(ctx, checkout, driver.EventOptions{}, func(driver.BoxEvent) bool { return true })
		},
		func() error { return second(e.Usage(ctx, id)) },
		func() error { return second(e.Processes(ctx, id)) },
		func() error { return second(e.LookUp(ctx, id, "/etc")) },
		func() error { return second(e.Detail(ctx, id)) },
		func() error { return second(e.Record(ctx, id)) },
		func() error { return second(e.Changes(ctx, id)) },
		func() error { _, _, err := e.Size(ctx, id); return err },
		func() error { _, _, err := e.statStopped(ctx, id, []string{"/a"}); return err },
		func() error { return second(e.CreateNetwork(ctx, driver.NewNetwork{Name: "shop"})) },
		func() error { return e.RemoveNetwork(ctx, id) },
		func() error { return second(e.CreateVolume(ctx, driver.NewVolume{Name: "shop.data"})) },
		func() error { return e.RemoveVolume(ctx, "shop.data") },
		func() error { return second(e.CreateBox(ctx, box)) },
		func() error { return e.StartBox(ctx, id, "no") },
		func() error { return e.StopBox(ctx, id, time.Second) },
		func() error { return e.KillBox(ctx, id, "TERM") },
		func() error { return e.RemoveBox(ctx, id) },
		func() error { return e.RenameBox(ctx, id, "shop-web") },
		func() error { return e.PauseBox(ctx, id) },
		func() error { return e.UnpauseBox(ctx, id) },
		func() error { return e.LimitBox(ctx, id, driver.Limits{NanoCPUs: 1e9}) },
		func() error { return e.Connect(ctx, "shop", id, driver.Join{}) },
		func() error { return e.Disconnect(ctx, "shop", id) },
		func() error { return e.CopyIn(ctx, id, strings.NewReader(""), "/x") },
		func() error { return second(e.Image(ctx, "x", "linux/arm64")) },
		func() error { _, err := e.Pull(ctx, "x", "", sink, "p"); return err },
		func() error { return e.build(ctx, driver.Build{Tag: "x", Context: noContext}, true, sink, "p") },
		func() error { return e.build(ctx, driver.Build{Tag: "x", Context: noContext}, false, sink, "p") },
		func() error { return second(e.PackageManager(ctx, "x")) },
		func() error { return e.RemoveImage(ctx, "x") },
		func() error { return e.SaveImage(ctx, "x", "linux/arm64", io.Discard) },
		func() error { return second(e.NamedImages(ctx, "x")) },
		func() error { return e.LoadImage(ctx, strings.NewReader("image")) },
		func() error { return second(e.WaitExit(ctx, id)) },
		func() error { return e.Logs(ctx, id, driver.LogOptions{}, io.Discard, io.Discard) },
		func() error { return second(e.inside(ctx, id)) },
		func() error { return second(e.Digest(ctx, "x")) },
		func() error { return second(e.ImageFile(ctx, "x", "/y", 10)) },
		func() error { return second(e.PushImage(ctx, "x", sink, "p")) },
		func() error { return second(e.Everywhere(ctx)) },
		func() error { return second(e.DiskUse(ctx, []string{"x"})) },
	}
}

// FuzzAnswers: whatever an engine answers, every method ends, and its error is one that is classified.
func FuzzAnswers(f *testing.F) {
	for i := range calls(f.Context(), nil) {
		f.Add(i, http.StatusOK, []byte(`{}`))
	}
	f.Add(0, http.StatusInternalServerError, []byte(`{"message":"it broke"}`))
	f.Add(17, http.StatusConflict, []byte(`{"message":"removal of container x is already in progress"}`))
	f.Fuzz(func(t *testing.T, call, status int, body []byte) {
		e := openEcho(t, echo{status: 200 + int(uint(status)%400), texts: map[string][]byte{"": body}})
		all := calls(t.Context(), e)
		err := all[int(uint(call)%uint(len(all)))]()
		var known *driver.Error
		if err != nil && (!errors.As(err, &known) || known.Error() == "") {
			t.Errorf("method %d: an error of no kind: %v", uint(call)%uint(len(all)), err)
		}
	})
}

// FuzzObserve: what three lists say is sorted, and only what is this checkout's by labels and by name is taken for its own.
func FuzzObserve(f *testing.F) {
	f.Add([]byte(`[{"Id":"x","Names":["/shop-web"],"State":"running","Status":"Up 1 second (healthy)","Ports":[{"PublicPort":1}],"NetworkSettings":{"Networks":{"shop":null}},
		"Labels":{"io.envy.checkout":"c1","io.envy.user":"1000","io.envy.box":"web","io.envy.index":"1"}},{"Names":[]},null]`),
		[]byte(`[{"Id":"n","Name":"shop","Created":"2026-01-02T03:04:05Z","IPAM":{"Config":[{"Subnet":"10.0.0.0/24"}]},"Labels":{"io.envy.checkout":"c1","io.envy.user":"1000","io.envy.network":"default"}}]`),
		[]byte(`{"Volumes":[{"Name":"shop.envy","Labels":{"io.envy.checkout":"c1","io.envy.user":"1000","io.envy.volume":".","io.envy.project":"shop"}}]}`))
	f.Add([]byte(`[]`), []byte(`null`), []byte(`{"Volumes":null}`))
	f.Fuzz(func(t *testing.T, containers, networks, volumes []byte) {
		e := openEcho(t, echo{status: http.StatusOK, texts: map[string][]byte{"/json": containers, "/networks": networks, "/volumes": volumes}})
		got, err := e.Observe(t.Context(), checkout)
		if err != nil {
			if !driver.Is(err, driver.Failed) {
				t.Errorf("error %v", err)
			}
			return
		}
		if !slices.IsSortedFunc(got.Boxes, func(a, b resource.BoxObserved) int { return strings.Compare(a.Name, b.Name) }) || !slices.IsSorted(got.Strangers) {
			t.Errorf("not sorted: %+v", got)
		}
		for _, b := range got.Boxes {
			if !checkout.Owns(b.Owner) || b.Owner.Box == "" || b.Owner.Index < 1 || !strings.Contains(b.Name, b.Owner.Box) {
				t.Errorf("box %+v", b)
			}
		}
		for _, n := range got.Networks {
			if !checkout.Owns(n.Owner) || n.Owner.Network == "" {
				t.Errorf("network %+v", n)
			}
		}
		for _, v := range got.Volumes {
			if !checkout.Owns(v.Owner) || v.Owner.Volume == "" {
				t.Errorf("volume %+v", v)
			}
		}
	})
}

// wellFormed: a task begins once, says nothing before or after, and has ended when its report has.
func wellFormed(t *testing.T, events []event.Event) {
	t.Helper()
	open, seen := map[string]bool{}, map[string]bool{}
	for _, e := range events {
		switch {
		case e.Kind == event.Start && !seen[e.ID]:
			open[e.ID], seen[e.ID] = true, true
		case e.Kind == event.Start, !open[e.ID]:
			t.Errorf("%q is told of task %q that has not begun, or is over", e.Kind, e.ID)
		case e.Kind == event.Done, e.Kind == event.Failed:
			delete(open, e.ID)
		}
	}
	if len(open) > 0 {
		t.Errorf("tasks that never end: %v", open)
	}
}

// FuzzPull: a pull's messages give tasks that begin and end.
func FuzzPull(f *testing.F) {
	f.Add(`{"status":"Pulling fs layer","id":"b"}{"status":"Downloading","id":"b","progressDetail":{"current":5,"total":9}}{"status":"Pull complete","id":"b"}`)
	f.Add(`{"status":"Extracting","id":"a"}{"errorDetail":{"message":"no space"},"error":"x"}`)
	f.Add(`{"status":"Already exists","id":""}null[]`)
	f.Fuzz(func(t *testing.T, stream string) {
		rec := &event.Recorder{}
		l := layerReport{sink: rec, parent: "p", open: map[string]bool{}, seen: map[string]bool{}}
		_ = eachMessage(strings.NewReader(stream), l.take)
		l.fail()
		wellFormed(t, rec.Events())
	})
}

// FuzzBuild: both builders' streams give tasks that begin and end, and a failure with few lines.
func FuzzBuild(f *testing.F) {
	f.Add(`{"stream":"Step 1/2 : FROM x\n"}{"stream":" ---> 1\n"}{"stream":"Step 2/2 : RUN make\n"}{"stream":"out\r\n"}{"stream":"\u001b[91merr\u001b[0m"}{"error":"code 2"}`)
	f.Add(`{"stream":"Step 99999999999999999999/1 : x"}`)
	f.Add(`{"id":"moby.buildkit.trace","aux":"CgYKAWEaAWI="}{"id":"moby.buildkit.trace","aux":5}`)
	f.Fuzz(func(t *testing.T, stream string) {
		rec := &event.Recorder{}
		for _, report := range []reporter{newClassicReport(rec, "c", titles{}), newTraceReport(rec, "t", titles{})} {
			err := eachMessage(strings.NewReader(stream), report.take)
			got := report.end(err != nil)
			if len(got.lines) > keptLines {
				t.Errorf("%d lines kept", len(got.lines))
			}
			if got.line != nil {
				got.line("FROM x\nRUN make\n")
			}
		}
	})
}

// FuzzTrace: whatever a progress message holds, the tasks it makes begin and end.
func FuzzTrace(f *testing.F) {
	f.Add([]byte(pb{}.msg(1, pb{}.str(1, "a").str(3, "[1/2] RUN x").msg(5, at(1)))), []byte{})
	f.Add([]byte(pb{}.msg(3, pb{}.str(1, "a").str(4, "x\ry\n"))), []byte(pb{}.msg(1, pb{}.str(1, "a").str(3, "[internal] x").msg(6, at(2)).str(7, "boom"))))
	f.Add([]byte(pb{}.msg(1, pb{}.str(1, "a").msg(5, at(1<<63)).msg(6, at(3)))), []byte(pb{}.msg(2, pb{}.str(1, "l").str(2, "a").num(4, 9).num(5, 3))))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		rec := &event.Recorder{}
		r := newTraceReport(rec, "p", titles{})
		for _, b := range [][]byte{first, second} {
			if err := r.take(traceMessage(t, b)); err != nil && !errors.Is(err, errTrace) {
				t.Errorf("error %v", err)
			}
		}
		r.end(true)
		wellFormed(t, rec.Events())
	})
}

// FuzzSplit: frames come apart as they were put together, and what is none is an error; no more comes out than went in.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x00\x02hi\x02\x00\x00\x00\x00\x00\x00\x01!"), []byte("out"), []byte("err"))
	f.Add([]byte("\x01\x00\x00\x00\xff\xff\xff\xffx"), []byte{}, []byte{})
	f.Add([]byte("\x03\x00\x00\x00\x00\x00\x00\x04gone"), []byte{}, []byte("\x00"))
	f.Fuzz(func(t *testing.T, raw, out, errOut []byte) {
		var o, e bytes.Buffer
		if err := split(&o, &e, bytes.NewReader(raw)); err == nil && o.Len()+e.Len() > len(raw) {
			t.Errorf("%q gave %q and %q", raw, &o, &e)
		}
		var framed bytes.Buffer
		for _, w := range []struct {
			kind stdcopy.StdType
			data []byte
		}{{stdcopy.Stdout, out}, {stdcopy.Stderr, errOut}, {stdcopy.Stdout, raw}} {
			if _, err := stdcopy.NewStdWriter(&framed, w.kind).Write(w.data); err != nil {
				t.Fatal(err)
			}
		}
		o.Reset()
		e.Reset()
		if err := split(&o, &e, &framed); err != nil || o.String() != string(out)+string(raw) || e.String() != string(errOut) {
			t.Errorf("%q and %q came back as %q and %q, %v", string(out)+string(raw), errOut, &o, &e, err)
		}
	})
}

// FuzzRecord: a record is known only if it is this container's, and then says what was written.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"version":1,"value":{"id":"b","released_ns":5,"runs":{"deps":{"hash":"h"}},"files":{"/x":{}},"spans":[{"start_ns":-1}]}}`), []byte(`{"version":1,"value":{"baseline":["/a"]}}`), "b")
	f.Add([]byte(`{"version":1,"value":{"id":"other"}}`), []byte{}, "b")
	f.Add([]byte(`{"version":2,"value":{}}`), []byte(`{}`), "")
	f.Fuzz(func(t *testing.T, recorded, baseline []byte, id string) {
		got, ok := stateFiles{recorded, baseline}.record(id)
		if !ok {
			if got.Known {
				t.Errorf("known and not: %+v", got)
			}
			return
		}
		record, err := wire.Decode[wire.Record](recorded)
		if err != nil || record.ID != id || id == "" || !got.Known || len(got.Runs) != len(record.Runs) || len(got.Files) != len(record.Files) {
			t.Errorf("%+v for %+v, %v", got, record, err)
		}
	})
}

// FuzzCopyOut: no name that comes out of a box is absolute or leads out, and the first is what was asked for.
func FuzzCopyOut(f *testing.F) {
	for _, name := range []string{"etc/a", "etc", "../x", "/etc/passwd", "etc/../../x", "etcetera"} {
		packed, err := archiveOf(entry{tar.Header{Typeflag: tar.TypeDir, Name: "etc/"}, nil}, entry{tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: name}, nil})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed, "/etc")
	}
	f.Fuzz(func(t *testing.T, packed []byte, asked string) {
		var out bytes.Buffer
		if err := relative(&out, bytes.NewReader(packed), path.Base(path.Clean("/"+asked))); err != nil {
			return
		}
		r := tar.NewReader(&out)
		for first := true; ; first = false {
			h, err := r.Next()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Errorf("what was packed cannot be read: %v", err)
				}
				return
			}
			name := path.Clean(h.Name)
			if path.IsAbs(name) || name == ".." || strings.HasPrefix(name, "../") || first != (name == ".") {
				t.Errorf("member %q", h.Name)
			}
		}
	})
}

// FuzzArchive: what is copied into a box stays below its target, and is its owner's.
func FuzzArchive(f *testing.F) {
	for _, name := range []string{"a", ".", "../x", "/etc/passwd", "a/../../x"} {
		packed, err := archiveOf(entry{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: 1}, []byte("x")}, entry{tar.Header{Typeflag: tar.TypeLink, Name: "l", Linkname: name}, nil})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed, "/share/x")
	}
	f.Fuzz(func(t *testing.T, packed []byte, target string) {
		target = path.Clean("/" + target)
		var out bytes.Buffer
		if err := moveArchive(&out, bytes.NewReader(packed), target, ids{7, 8}); err != nil {
			return
		}
		below := func(name string) bool { return within(path.Clean("/"+name), target) || target == "/" }
		for r := tar.NewReader(&out); ; {
			h, err := r.Next()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Errorf("what was packed cannot be read: %v", err)
				}
				return
			}
			if !below(h.Name) || h.Typeflag == tar.TypeLink && !below(h.Linkname) {
				t.Errorf("%q (%q) is not below %q", h.Name, h.Linkname, target)
			}
			if h.Uid != 7 || h.Gid != 8 || h.Uname+h.Gname != "" {
				t.Errorf("%q belongs to %d:%d %q:%q", h.Name, h.Uid, h.Gid, h.Uname, h.Gname)
			}
		}
	})
}
