package docker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
)

// Pull implements driver.Images. Credentials that cannot be had are a warning: the image may well be public.
func (e *Engine) Pull(ctx context.Context, ref, platform string, sink event.Sink, parent string) (digest string, err error) {
	object := quoted("image", ref)
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", &driver.Error{Kind: driver.Invalid, Op: "pull", Object: object, Text: err.Error(), Err: err}
	}
	auth, err := e.opts.registryAuth(named)
	if err != nil {
		sink.Send(event.Event{Parent: parent, Kind: event.Warning, Text: "pulling without credentials: " + err.Error()})
	}
	body, err := e.api.ImagePull(ctx, ref, image.PullOptions{RegistryAuth: auth, Platform: platform})
	if err != nil {
		return "", e.registryError(ctx, err, "pull", object)
	}
	defer func() { _ = body.Close() }() // read to its end, or given up
	layers := layerReport{sink: sink, parent: parent, open: map[string]bool{}, seen: map[string]bool{}}
	err = eachMessage(body, func(m message) error {
		if told, ok := strings.CutPrefix(m.Status, "Digest: "); ok && isDigest(told) {
			digest = told
		}
		return layers.take(m)
	})
	if err != nil {
		layers.fail()
		return "", e.registryError(ctx, err, "pull", object)
	}
	if platform == "" {
		return digest, nil
	}
	// Of an image that has one platform only, some engines fetch that one, whatever was asked for.
	_, err = e.Image(ctx, ref, platform)
	return digest, err
}

// isDigest reports whether a text is one, as envy writes it down.
func isDigest(s string) bool {
	digits, ok := strings.CutPrefix(s, "sha256:")
	return ok && len(digits) == 64 && strings.Trim(digits, "0123456789abcdef") == ""
}

// Digest implements driver.Images. Credentials that cannot be had are as none.
func (e *Engine) Digest(ctx context.Context, ref string) (string, error) {
	object := quoted("image", ref)
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", &driver.Error{Kind: driver.Invalid, Op: "look up", Object: object, Text: err.Error(), Err: err}
	}
	auth, err := e.opts.registryAuth(named)
	if err != nil {
		auth = ""
	}
	found, err := e.api.DistributionInspect(ctx, ref, auth)
	if errors.Is(err, io.ErrUnexpectedEOF) { // of the engine's answer, not of a registry's
		return "", e.classify(err, "look up", object)
	}
	if err != nil {
		return "", e.registryError(ctx, err, "look up", object)
	}
	if digest := found.Descriptor.Digest.String(); isDigest(digest) {
		return digest, nil
	}
	return "", &driver.Error{Kind: driver.Failed, Op: "look up", Object: object, Text: "the engine gave no digest"}
}

// registryError tells the engine's own failures from the registry's.
func (e *Engine) registryError(ctx context.Context, err error, op, object string) error {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
		return &driver.Error{Kind: driver.Failed, Op: op, Object: object, Text: err.Error(), Err: err}
	}
	classified := e.classify(err, op, object)
	if driver.Is(classified, driver.Unreachable) {
		return classified
	}
	var de *driver.Error
	if errors.As(classified, &de) && de.Kind != driver.NoSpace {
		de.Kind = registryKind(de.Text, de.Kind)
	}
	return classified
}

// registryKind reads what a registry's failure was from the engine's words: it has one status for all of them.
func registryKind(text string, otherwise driver.Kind) driver.Kind {
	text = strings.ToLower(text)
	for _, k := range []struct {
		kind  driver.Kind
		words []string
	}{
		{driver.Denied, []string{
			"denied", "unauthorized", "authentication required", "no basic auth credentials", "authorization failed", "forbidden",
		}},
		{driver.NotFound, []string{"manifest unknown", "name unknown", "not found", "no matching manifest", "does not match the specified platform"}},
		{driver.NoRegistry, []string{
			"no such host", "dial tcp", "connection refused", "i/o timeout", "tls handshake", "network is unreachable",
			"client.timeout", "server misbehaving", "server gave http response to https client", "x509:", "unexpected eof",
		}},
	} {
		for _, w := range k.words {
			if strings.Contains(text, w) {
				return k.kind
			}
		}
	}
	return otherwise
}

// message is one element of the streams that the engine answers pulls and builds with.
type message struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	Stream   string `json:"stream"`
	Progress struct {
		Current int64 `json:"current"`
		Total   int64 `json:"total"`
	} `json:"progressDetail"`
	Aux   json.RawMessage `json:"aux"`
	Error string          `json:"error"`
	Cause struct {
		Message string `json:"message"`
	} `json:"errorDetail"`
}

// streamError is a failure that the engine reported within a stream.
type streamError struct{ text string }

func (e *streamError) Error() string { return e.text }

// maxMessage bounds one element of a stream, in bytes.
const maxMessage = 16 << 20

// eachMessage calls take for each element until the stream ends; an element that is an error ends it with that error.
func eachMessage(r io.Reader, take func(message) error) error {
	return eachValue(r, func(m message) error {
		if text := cmp.Or(m.Cause.Message, m.Error); text != "" {
			return &streamError{text}
		}
		return take(m)
	})
}

// eachValue decodes a stream of JSON values, each of them bounded.
func eachValue[T any](r io.Reader, take func(T) error) error {
	limit := &io.LimitedReader{R: r, N: maxMessage}
	for dec := json.NewDecoder(limit); ; limit.N = maxMessage {
		var value T
		switch err := dec.Decode(&value); {
		case errors.Is(err, io.EOF) && limit.N > 0:
			return nil
		case limit.N <= 0:
			return errors.New("the engine sent a message over the limit of 16 MiB")
		case err != nil:
			return streamEnd(err)
		}
		if err := take(value); err != nil {
			return err
		}
	}
}

// layerReport turns a pull's messages into one task per layer.
type layerReport struct {
	sink   event.Sink
	parent string
	open   map[string]bool // begun and not ended
	seen   map[string]bool
}

// layerSteps are the statuses that show progress, in the words of events.
var layerSteps = map[string]string{"Downloading": "download", "Extracting": "extract", "Pushing": "upload"}

func (l *layerReport) take(m message) error {
	task := event.Event{ID: l.parent + "/" + m.ID, Parent: l.parent}
	end := m.Status == "Pull complete" || m.Status == "Already exists" || strings.HasPrefix(m.Status, "Layer already")
	begin := end || m.Status == "Pulling fs layer" || layerSteps[m.Status] != ""
	if m.ID == "" || !begin {
		return nil // waiting, verifying, and what concerns no layer
	}
	if !l.seen[m.ID] {
		l.seen[m.ID], l.open[m.ID] = true, true
		l.send(task, event.Start, "layer "+m.ID)
	}
	if !l.open[m.ID] {
		return nil
	}
	if end {
		delete(l.open, m.ID)
		l.send(task, event.Done, "")
	} else if step := layerSteps[m.Status]; step != "" {
		task.Current, task.Total, task.Unit = m.Progress.Current, m.Progress.Total, "bytes"
		l.send(task, event.Progress, step)
	}
	return nil
}

func (l *layerReport) send(task event.Event, kind event.Kind, text string) {
	task.Kind, task.Text = kind, text
	l.sink.Send(task)
}

// fail ends the tasks that a broken pull leaves.
func (l *layerReport) fail() {
	for _, id := range slices.Sorted(maps.Keys(l.open)) {
		l.send(event.Event{ID: l.parent + "/" + id, Parent: l.parent}, event.Failed, "")
	}
}
