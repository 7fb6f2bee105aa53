package docker

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

var _ driver.Importer = (*Engine)(nil)

// newImage is what errors call an image that has no name yet.
const newImage = "the new image"

// Architecture implements driver.Importer.
func (e *Engine) Architecture(ctx context.Context) (string, error) {
	about, err := e.about(ctx)
	return about.arch, err
}

// ImportImage implements driver.Importer. The file system becomes an image without a name, the script runs in a container
// of it, and what that one then exports becomes the image: so there is one layer, without what the script removed.
func (e *Engine) ImportImage(ctx context.Context, i driver.ImageImport, out io.Writer) (id string, err error) {
	final, err := changes(i.Labels, i.Env, i.Command)
	if err != nil {
		return "", err
	}
	for _, tag := range i.Tags {
		if err := validTag(tag); err != nil {
			return "", err
		}
	}
	if err := e.removeMarked(ctx, i.Mark); err != nil {
		return "", err
	}
	if i.Script == "" {
		id, err = e.importTree(ctx, final, i.Tree)
	} else {
		id, err = e.importFinished(ctx, i, final, out)
	}
	if err != nil {
		return "", err
	}
	for n, tag := range i.Tags {
		err := e.classify(e.api.ImageTag(ctx, id, tag), "name", quoted("image", tag))
		if err != nil && n == 0 {
			err = errors.Join(err, e.removeUnnamed(ctx, id))
		}
		if err != nil {
			return "", err
		}
	}
	return id, nil
}

func validTag(tag string) error {
	named, err := reference.ParseNormalizedNamed(tag)
	if err == nil {
		if _, digested := named.(reference.Digested); digested {
			err = errors.New("a digest is given by the engine")
		}
	}
	if err != nil {
		return &driver.Error{Kind: driver.Invalid, Op: "name", Object: quoted("image", tag), Text: err.Error(), Err: err}
	}
	return nil
}

// importFinished runs the script between two imports.
func (e *Engine) importFinished(ctx context.Context, i driver.ImageImport, final []string, out io.Writer) (id string, err error) {
	marks := resource.Identity{}.Labels(resource.Owner{Version: e.opts.Version})
	maps.Copy(marks, i.Mark)
	between, err := changes(marks, nil, nil)
	if err != nil {
		return "", err
	}
	first, err := e.importTree(ctx, between, i.Tree)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, e.removeUnnamed(ctx, first)) }()
	made, err := e.api.ContainerCreate(ctx, &container.Config{
		Image: first, Entrypoint: []string{"/bin/sh", "-c", i.Script}, Labels: marks, User: "0:0", NetworkDisabled: true,
	}, &container.HostConfig{
		NetworkMode: "none", LogConfig: container.LogConfig{Type: "json-file"},
	}, nil, nil, "")
	if err != nil {
		return "", e.classify(err, "run the script of", newImage)
	}
	defer e.removeProbe(ctx, made.ID)
	if err := e.runScript(ctx, made.ID, out); err != nil {
		return "", err
	}
	return e.importTree(ctx, final, func(ctx context.Context, w io.Writer) error {
		files, err := e.api.ContainerExport(ctx, made.ID)
		if err == nil {
			err = errors.Join(ownFiles(w, files, i.Epoch), files.Close())
		}
		return e.classify(err, "export", newImage)
	})
}

// runScript starts a container and waits for its end.
func (e *Engine) runScript(ctx context.Context, id string, out io.Writer) error {
	if err := e.api.ContainerStart(ctx, id, container.StartOptions{}); err != nil {
		return e.classify(err, "run the script of", newImage)
	}
	said := &tail{to: out}
	log, err := e.api.ContainerLogs(ctx, id, container.LogsOptions{ShowStdout: true, ShowStderr: true, Follow: true})
	if err != nil {
		return e.classify(err, "read the output of", "the script")
	}
	err = errors.Join(split(said, said, log), log.Close())
	if err == nil {
		var code int
		if code, err = e.WaitExit(ctx, id); err == nil && code != 0 {
			err = &driver.ScriptError{Code: code, Output: said.text()}
		}
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if script := (*driver.ScriptError)(nil); errors.As(err, &script) {
		return err
	}
	return e.classify(err, "run the script of", newImage)
}

// importTree makes an image of what tree writes.
func (e *Engine) importTree(ctx context.Context, changes []string, tree func(context.Context, io.Writer) error) (string, error) {
	from, to := io.Pipe()
	var failed error
	var owner sync.WaitGroup
	owner.Go(func() {
		failed = tree(ctx, to)
		to.CloseWithError(failed) // nil is EOF
	})
	id, err := e.importStream(ctx, changes, from)
	from.CloseWithError(errStopped)
	owner.Wait()
	if failed == nil || errors.Is(failed, errStopped) {
		return id, e.classify(err, "import", newImage)
	}
	if ctx.Err() != nil {
		failed = context.Cause(ctx)
	}
	if err == nil { // of a stream that had an end before its own
		failed = errors.Join(failed, e.removeUnnamed(ctx, id))
	}
	return "", failed // the engine knows only that the stream broke off
}

func (e *Engine) importStream(ctx context.Context, changes []string, from io.Reader) (id string, err error) {
	body, err := e.api.ImageImport(ctx, image.ImportSource{Source: from, SourceName: "-"}, "", image.ImportOptions{Changes: changes})
	if err != nil {
		return "", err
	}
	defer body.Close()
	err = eachMessage(body, func(m message) error {
		if strings.HasPrefix(m.Status, "sha256:") {
			id = m.Status
		}
		return nil
	})
	if err == nil && id == "" {
		err = errLacks
	}
	return id, err
}

// removeMarked removes what a call left that was killed: containers before the images that they are of.
func (e *Engine) removeMarked(ctx context.Context, mark map[string]string) error {
	if len(mark) == 0 {
		return nil
	}
	args := filters.NewArgs()
	for _, k := range slices.Sorted(maps.Keys(mark)) {
		args.Add("label", k+"="+mark[k])
	}
	left, err := e.api.ContainerList(ctx, container.ListOptions{All: true, Filters: args})
	if err != nil {
		return e.classify(err, "list", "containers")
	}
	for _, c := range left {
		if err := e.RemoveBox(ctx, c.ID); err != nil {
			return err
		}
	}
	args.Add("dangling", "true")
	images, err := e.api.ImageList(ctx, image.ListOptions{Filters: args})
	if err != nil {
		return e.classify(err, "list", "images")
	}
	for _, i := range images {
		if err := e.RemoveImage(ctx, i.ID); err != nil {
			return err
		}
	}
	return nil
}

// removeUnnamed removes an image of this call's, also when the caller has given up.
func (e *Engine) removeUnnamed(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyUp)
	defer cancel()
	return e.RemoveImage(ctx, id)
}

// tidyUp is how long the removal of what was made in between may take.
const tidyUp = 30 * time.Second

// changes are the lines of a Dockerfile that give an image its configuration.
func changes(labels map[string]string, env, command []string) ([]string, error) {
	var out []string
	add := func(word, key, value string) error {
		for _, c := range key + value {
			if c < ' ' || c == 0x7f {
				return &driver.Error{Kind: driver.Invalid, Op: "import", Object: newImage, Text: strings.ToLower(word) + " " + strconv.Quote(key) + " has a control character"}
			}
		}
		out = append(out, word+" "+dockerfileWord(key)+"="+dockerfileWord(value))
		return nil
	}
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		if err := add("LABEL", k, labels[k]); err != nil {
			return nil, err
		}
	}
	for _, entry := range env {
		k, v, _ := strings.Cut(entry, "=")
		if err := add("ENV", k, v); err != nil {
			return nil, err
		}
	}
	if len(command) > 0 {
		argv, err := json.Marshal(command)
		if err != nil {
			return nil, err
		}
		out = append(out, "CMD "+string(argv))
	}
	return out, nil
}

// dockerfileWord quotes a word for the Dockerfile's own small shell.
func dockerfileWord(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`).Replace(s) + `"`
}
