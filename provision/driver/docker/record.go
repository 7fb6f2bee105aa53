package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/envyhq/envy/internal/agent/wire"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// baselineFile is where the agent keeps its baseline, beside the record.
const baselineFile = "baseline.json"

// Record implements driver.Inspector. The files are read through the engine, of a stopped box, too. It asks for / first:
// where a host folder is gone an engine answers 404 to every path, which must not be taken for "has no record". Where
// the files cannot be had a running box's agent is asked; of a stopped one, nothing is known. What never started has
// done nothing.
func (e *Engine) Record(ctx context.Context, id string) (resource.Record, error) {
	object := boxObject(id)
	now, err := e.inspect(ctx, id, "inspect")
	if err != nil {
		return resource.Record{}, err
	}
	if engineTime(now.State.StartedAt).IsZero() {
		return resource.Record{Known: true}, nil
	}
	_, err = e.api.ContainerStatPath(ctx, id, "/")
	var files stateFiles
	if err == nil {
		files, err = e.archivedState(ctx, id)
	}
	if err != nil {
		if err := e.classify(err, "look into", object); !driver.Is(err, driver.NotFound) {
			return resource.Record{}, err
		}
	}
	record, ok := files.record(bootOfContainer(now.Config).ID)
	if !ok && now.State.Running && !now.State.Paused {
		if record, err = e.toldRecord(ctx, id); err != nil {
			return record, err
		}
	}
	record.ReadAt = e.clock.now()
	return record, nil
}

// stateFiles are the agent's files, encoded; nil for one that is not there.
type stateFiles struct{ recorded, baseline []byte }

// maxState bounds what of the agent's folder is read, in bytes. Somebody in the box may have put more there; then what
// was recorded is not known.
const maxState = 256 << 20

// archivedState reads the agent's folder in one call.
func (e *Engine) archivedState(ctx context.Context, id string) (stateFiles, error) {
	var found stateFiles
	dir := path.Base(wire.StateDir)
	archive, _, err := e.api.CopyFromContainer(ctx, id, wire.StateDir)
	if err != nil {
		return found, err
	}
	defer archive.Close()
	bound := &io.LimitedReader{R: archive, N: maxState}
	files := tar.NewReader(bound)
	for {
		h, err := files.Next()
		if errors.Is(err, io.EOF) || err != nil && bound.N <= 0 {
			return found, nil
		}
		if err != nil {
			return found, fmt.Errorf("read an archive: %w", err)
		}
		into := map[string]*[]byte{
			path.Join(dir, path.Base(wire.RecordPath)): &found.recorded, path.Join(dir, baselineFile): &found.baseline,
		}[path.Clean(h.Name)]
		if into == nil || h.Typeflag != tar.TypeReg || h.Size > int64(wire.Limit[wire.Record]()) {
			continue
		}
		if *into, err = io.ReadAll(files); err != nil && bound.N <= 0 {
			return stateFiles{}, nil
		}
		if err != nil {
			return found, fmt.Errorf("read an archive: %w", err)
		}
	}
}

// record puts the files together; false when they are missing, senseless or another container's.
func (f stateFiles) record(bootID string) (resource.Record, bool) {
	record, err := wire.Decode[wire.Record](f.recorded)
	if err != nil || bootID == "" || record.ID != bootID {
		return resource.Record{}, false
	}
	if record.Released == 0 {
		return recordOf(record, nil), true
	}
	release, err := wire.Decode[wire.Release](f.baseline)
	if err != nil {
		return resource.Record{}, false
	}
	return recordOf(record, release.Baseline), true
}

// toldRecord asks the agent. An answer that makes no sense is none.
func (e *Engine) toldRecord(ctx context.Context, id string) (resource.Record, error) {
	record, ok, err := ask[wire.Record](ctx, e, id, wire.VerbRecord, nil)
	if !ok || err != nil {
		return resource.Record{}, unless(err, driver.NotRunning)
	}
	if record.Released == 0 {
		return recordOf(record, nil), nil
	}
	release, ok, err := ask[wire.Release](ctx, e, id, wire.VerbBaseline, nil)
	if !ok || err != nil {
		return resource.Record{}, unless(err, driver.NotRunning)
	}
	return recordOf(record, release.Baseline), nil
}

// ask runs a verb of the agent that answers with one message; ok is false when the agent could not answer.
func ask[M wire.Message](ctx context.Context, e *Engine, id, verb string, stdin []byte) (answer M, ok bool, err error) {
	var out bytes.Buffer
	code, err := e.tell(ctx, id, order{verb: verb, stdin: stdin, out: &out, errOut: io.Discard})
	if err != nil || code != 0 {
		return answer, false, err
	}
	answer, err = wire.Decode[M](out.Bytes())
	return answer, err == nil, nil
}

// recordOf turns the agent's words into the planner's.
func recordOf(w wire.Record, baseline []string) resource.Record {
	r := resource.Record{
		Known: true, Released: w.Released != 0, Oneshot: w.Oneshot != "", Own: w.Own, Notes: w.Notes, Baseline: baseline,
		Files: map[string]string{}, Runs: map[string]resource.Run{},
	}
	if r.Released {
		r.BaselineAt = time.Unix(0, w.Released)
	}
	if w.SetUp != 0 {
		r.SetUp = time.Unix(0, w.SetUp)
	}
	for _, span := range w.Spans {
		r.Spans = append(r.Spans, resource.Run{Start: time.Unix(0, span.Start), End: time.Unix(0, span.End)})
	}
	for name, f := range w.Files {
		r.Files[name] = f.Hash
	}
	for name, run := range w.Runs {
		r.Runs[name] = resource.Run{Hash: run.Hash, Start: time.Unix(0, run.Start), End: time.Unix(0, run.End)}
	}
	return r
}
