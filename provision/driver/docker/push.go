package docker

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
)

var _ driver.Publisher = (*Engine)(nil)

// TagImage implements driver.Publisher.
func (e *Engine) TagImage(ctx context.Context, ref, name string) error {
	object := quoted("image", name)
	if _, err := reference.ParseNormalizedNamed(name); err != nil { // engines and their client have several answers
		return &driver.Error{Kind: driver.Invalid, Op: "tag", Object: object, Text: err.Error(), Err: err}
	}
	return e.classify(e.api.ImageTag(ctx, ref, name), "tag", object)
}

// PushImage implements driver.Publisher. Credentials that cannot be had are a warning, as of a pull.
func (e *Engine) PushImage(ctx context.Context, name string, sink event.Sink, parent string) (string, error) {
	object := quoted("image", name)
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return "", &driver.Error{Kind: driver.Invalid, Op: "push", Object: object, Text: err.Error(), Err: err}
	}
	if _, err := e.Image(ctx, name, ""); err != nil { // engines have many words for it
		return "", err
	}
	auth, err := e.opts.registryAuth(named)
	if err != nil {
		sink.Send(event.Event{Parent: parent, Kind: event.Warning, Text: "pushing without credentials: " + err.Error()})
	}
	if auth == "" {
		auth = "e30=" // {}: engines want the header
	}
	body, err := e.api.ImagePush(ctx, name, image.PushOptions{RegistryAuth: auth})
	if err != nil {
		return "", e.registryError(ctx, err, "push", object)
	}
	defer func() { _ = body.Close() }() // read to its end, or given up
	report := pushReport{layerReport: layerReport{sink: sink, parent: parent, open: map[string]bool{}, seen: map[string]bool{}}}
	if err := eachMessage(body, report.take); err != nil {
		report.fail()
		return "", e.registryError(ctx, err, "push", object)
	}
	if named, err := reference.ParseNormalizedNamed("x@" + report.digest); err != nil || !strings.HasSuffix(named.String(), "@"+report.digest) {
		return "", &driver.Error{Kind: driver.Failed, Op: "push", Object: object, Text: "the engine does not say under which digest"}
	}
	return report.digest, nil
}

// pushReport turns a push's messages into those of a pull, and keeps the digest.
type pushReport struct {
	layerReport
	digest string
}

// pushStatus is a push's word for what a pull has another one for.
var pushStatus = map[string]string{"Preparing": "Pulling fs layer", "Pushed": "Pull complete", "Layer already exists": "Already exists"}

func (r *pushReport) take(m message) error {
	if len(m.Aux) > 0 {
		var about struct {
			Digest string
		}
		if err := json.Unmarshal(m.Aux, &about); err == nil && about.Digest != "" {
			r.digest = about.Digest
		}
		return nil
	}
	if _, said, ok := strings.Cut(m.Status, ": digest: "); ok && m.ID == "" { // all that the containerd store says of it
		r.digest, _, _ = strings.Cut(said, " ")
		return nil
	}
	if status, ok := pushStatus[m.Status]; ok {
		m.Status = status
	} else if strings.HasPrefix(m.Status, "Mounted from") {
		m.Status = "Already exists"
	}
	return r.layerReport.take(m)
}
