package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

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
	from := &source{from: r}
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

// cause is why a context ended, where that is what an error comes from.
func cause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// source remembers its reader's failure, so that it can be told from the connection's: the transport reads it beside the
// call.
type source struct {
	from   io.Reader
	mu     sync.Mutex
	failed error
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.mu.Lock()
		s.failed = err
		s.mu.Unlock()
	}
	return n, err
}

func (s *source) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}
