package fake

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// Architecture implements driver.Importer.
func (e *Engine) Architecture(ctx context.Context) (string, error) {
	return "amd64", e.do(ctx, "ask", func(*state, time.Time) error { return nil })
}

// ImportImage implements driver.Importer. Of the tree only folders and regular files count. The script runs in the small
// shell, in which, as in a build, unknown programs succeed; one that the shell cannot read does nothing.
func (e *Engine) ImportImage(ctx context.Context, i driver.ImageImport, out io.Writer) (string, error) {
	files, err := treeOf(ctx, i.Tree)
	if err != nil {
		return "", err
	}
	if ctx.Err() != nil {
		return "", ended(ctx, "import")
	}
	for _, tag := range i.Tags {
		if strings.ContainsAny(tag, " @") || tag == "" || tag != strings.ToLower(tag) {
			return "", fail(driver.Invalid, "name", "image "+tag, "invalid reference format")
		}
	}
	made := &image{Files: files, Fact: resource.ImageFact{
		Cmd: i.Command, Env: i.Env, Labels: maps.Clone(i.Labels),
	}}
	said := ""
	err = e.do(ctx, "import", func(s *state, now time.Time) error {
		if i.Script != "" {
			output, code := s.finish(made, i, now)
			said = output
			if code != 0 {
				return &driver.ScriptError{Code: code, Output: strings.TrimRight(output, "\n")}
			}
		}
		text := ""
		for _, name := range slices.Sorted(maps.Keys(made.Files)) {
			text += "\x00" + name + "\x00" + string(made.Files[name].Content)
			made.Fact.Size += int64(len(made.Files[name].Content))
		}
		for _, name := range slices.Sorted(maps.Keys(i.Labels)) {
			text += "\x00" + name + "=" + i.Labels[name]
		}
		made.identify(text)
		s.Images[made.Fact.ID] = made
		for _, tag := range i.Tags {
			s.addImage(tag, made)
		}
		return nil
	})
	if out != nil {
		_, werr := io.WriteString(out, said)
		err = cmp.Or(err, werr)
	}
	return made.Fact.ID, err
}

// treeOf reads what tree writes; its own error comes before that of reading.
func treeOf(ctx context.Context, tree func(context.Context, io.Writer) error) (map[string]*file, error) {
	from, to := io.Pipe()
	var failed error
	var owner sync.WaitGroup
	owner.Go(func() {
		failed = tree(ctx, to)
		to.CloseWithError(failed)
	})
	read, err := readTar(from)
	if err == nil {
		_, err = io.Copy(io.Discard, from)
	}
	from.CloseWithError(errStopped)
	owner.Wait()
	if failed != nil && !errors.Is(failed, errStopped) {
		return nil, failed
	}
	files := map[string]*file{}
	for name, f := range read {
		files["/"+name] = f
	}
	return files, err
}

var errStopped = errors.New("the engine stopped reading")

// finish runs the script over an image's files, which are then what it left.
func (s *state) finish(made *image, i driver.ImageImport, now time.Time) (output string, code int) {
	const id = "import"
	s.Images[id] = made
	defer delete(s.Images, id)
	b := &box{Name: id, Hostname: id, ImageID: id, Layer: map[string]*file{}, State: resource.StateRunning}
	p := s.newProcess(b, []string{"/bin/sh", "-c", i.Script}, "", "/")
	p.EOF = true
	var out strings.Builder
	m := machine{s: s, b: b, p: p, now: now, lenient: true, nested: true, emit: func(_ int, text string) { out.WriteString(text) }}
	m.run()
	for name, f := range b.Layer {
		if f.Gone {
			delete(made.Files, name)
			continue
		}
		if !i.Epoch.IsZero() && f.MTime.After(i.Epoch) {
			f.MTime = i.Epoch
		}
		made.Files[name] = f
	}
	return out.String(), p.Code
}
