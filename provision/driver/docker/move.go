package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"

	"github.com/envyhq/envy/provision/driver"
)

var _ driver.Mover = (*Engine)(nil)

const (
	// platformSave is the API version from which one platform of an image can be asked for.
	platformSave = "1.48"
	savedType    = "application/x-tar"
)

// SaveImage implements driver.Mover.
func (e *Engine) SaveImage(ctx context.Context, ref, platform string, w io.Writer) error {
	object := quoted("image", ref)
	about, err := e.ping(ctx)
	if err != nil {
		return err
	}
	query := url.Values{"names": {ref}}
	if platform != "" && versions.GreaterThanOrEqualTo(about.APIVersion, platformSave) {
		want, err := json.Marshal(parsePlatform(platform))
		if err != nil {
			return err
		}
		query.Set("platform", string(want))
	}
	// The client library's own call does not tell what it got.
	answer, err := e.request(ctx, "/v"+e.version(about)+"/images/get?"+query.Encode())
	if err != nil {
		return e.classify(cause(ctx, err), "save", object)
	}
	defer answer.Body.Close()
	switch kind := answer.Header.Get("Content-Type"); {
	case answer.StatusCode != http.StatusOK:
		return e.classify(answerError(answer.StatusCode, answer.Body), "save", object)
	case kind != savedType:
		return e.classify(fmt.Errorf("the engine answers with %q", shortened(kind)), "save", object)
	}
	to := &sink{to: w}
	n, err := io.Copy(to, answer.Body)
	switch {
	case to.failed != nil:
		return to.failed
	case err == nil && n == 0:
		err = errLacks
	}
	return e.classify(cause(ctx, streamEnd(err)), "save", object)
}

// LoadImage implements driver.Mover.
func (e *Engine) LoadImage(ctx context.Context, r io.Reader) error {
	const object = "an image"
	from := newSource(r)
	defer from.Close()
	// A request that is given up waits for the read of its body that it is in.
	defer context.AfterFunc(ctx, func() { _ = from.Close() })()
	body, err := e.api.ImageLoad(ctx, from, client.ImageLoadWithQuiet(true))
	loaded := false
	if err == nil {
		err = errors.Join(eachMessage(body.Body, func(m message) error {
			loaded = loaded || strings.HasPrefix(m.Stream, "Loaded image")
			return nil
		}), body.Body.Close())
	}
	if failed := from.failure(); failed != nil { // the engine knows only that the stream broke off
		return failed
	}
	if err == nil && !loaded {
		err = errLacks
	}
	return e.classify(cause(ctx, err), "load", object)
}

// NamedImages implements driver.Mover.
func (e *Engine) NamedImages(ctx context.Context, prefix string) ([]driver.NamedImage, error) {
	found, err := e.api.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("reference", prefix+"/*"))})
	if err != nil {
		return nil, e.classify(err, "list", "images")
	}
	var out []driver.NamedImage
	for _, i := range found {
		for _, tag := range i.RepoTags { // all of its names, where one fits
			if strings.HasPrefix(tag, prefix+"/") {
				out = append(out, driver.NamedImage{Reference: tag, ID: i.ID, Size: i.Size, Created: time.Unix(i.Created, 0)})
			}
		}
	}
	slices.SortFunc(out, func(a, b driver.NamedImage) int { return strings.Compare(a.Reference, b.Reference) })
	return out, nil
}

// cause is why a context ended, where that is what an error comes from.
func cause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// source passes its reader on to a request, which waits for its body when it is given up: closed, it is in no Read any more,
// whatever the reader does. It remembers the reader's failure, so that it can be told from the connection's.
type source struct {
	*io.PipeReader
	mu     sync.Mutex
	failed error
}

// newSource reads from beside the caller, until that ends or the source is closed.
func newSource(from io.Reader) *source {
	r, w := io.Pipe()
	s := &source{PipeReader: r}
	go func() {
		to := &sink{to: w}
		_, err := io.Copy(to, from)
		if err != nil && to.failed == nil {
			s.mu.Lock()
			s.failed = err
			s.mu.Unlock()
		}
		_ = w.CloseWithError(err) // it returns none
	}()
	return s
}

func (s *source) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}
