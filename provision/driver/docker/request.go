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

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

const (
	// listVersion is the newest version whose lists are read: it has health as a field. The client library's own newest
	// is older, which is why lists do not go through it.
	listVersion = "1.52"
)

// Ping implements driver.Observer; it asks each time. The answer serves what comes after it, which asks no more.
func (e *Engine) Ping(ctx context.Context) (resource.Engine, error) {
	about, err := e.askPing(ctx)
	if err == nil {
		e.pinged.put(about)
	}
	return about, err
}

func (e *Engine) askPing(ctx context.Context) (resource.Engine, error) {
	answer, err := e.request(ctx, "/_ping")
	if err != nil {
		return resource.Engine{}, e.classify(err, "", "")
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 512)) // so that the connection is kept
	if answer.StatusCode != http.StatusOK {
		err := fmt.Errorf("the engine at %s answers a ping with %s", e.endpoint, answer.Status)
		return resource.Engine{}, &driver.Error{Kind: driver.Unreachable, Text: err.Error(), Err: err}
	}
	h := answer.Header
	if h.Get("Api-Version") == "" {
		err := fmt.Errorf("what answers at %s is no engine", e.endpoint)
		return resource.Engine{}, &driver.Error{Kind: driver.Unreachable, Text: err.Error(), Err: err}
	}
	about := resource.Engine{
		Version:    serverVersion(h.Get("Server")),
		APIVersion: h.Get("Api-Version"),
		OS:         h.Get("Ostype"),
		BuildKit:   h.Get("Builder-Version") == "2",
		Endpoint:   e.endpoint,
	}
	e.api.NegotiateAPIVersionPing(types.Ping{APIVersion: about.APIVersion})
	return about, nil
}

// serverVersion takes "20.10.24" out of "Docker/20.10.24 (linux)".
func serverVersion(header string) string {
	product, _, _ := strings.Cut(header, " ")
	_, version, _ := strings.Cut(product, "/")
	return version
}

// ping is the first ping's answer, remembered.
func (e *Engine) ping(ctx context.Context) (resource.Engine, error) {
	return e.pinged.get(ctx, e.askPing)
}

// getList decodes a list into out; label "" does not filter.
func (e *Engine) getList(ctx context.Context, path, label string, out any) error {
	body, err := e.get(ctx, path, label)
	if err != nil {
		return e.classify(err, "list", "objects")
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(out); err != nil {
		return e.classify(fmt.Errorf("read a list: %w", err), "list", "objects")
	}
	_, _ = io.Copy(io.Discard, body)
	return nil
}

// get asks for what has a label, or for all where that is "", in the best version.
func (e *Engine) get(ctx context.Context, path, label string) (io.ReadCloser, error) {
	if label == "" {
		return e.filtered(ctx, path, nil)
	}
	return e.filtered(ctx, path, map[string][]string{"label": {label}})
}

// filtered asks for what passes all filters.
func (e *Engine) filtered(ctx context.Context, path string, by map[string][]string) (io.ReadCloser, error) {
	about, err := e.ping(ctx)
	if err != nil {
		return nil, err
	}
	if by != nil {
		filters, err := json.Marshal(by)
		if err != nil {
			return nil, err
		}
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		path += separator + "filters=" + url.QueryEscape(string(filters))
	}
	answer, err := e.request(ctx, "/v"+e.version(about)+path)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		defer answer.Body.Close()
		return nil, answerError(answer.StatusCode, answer.Body)
	}
	return answer.Body, nil
}

// version is the one that lists are asked for in.
func (e *Engine) version(about resource.Engine) string {
	if v := e.opts.Getenv("DOCKER_API_VERSION"); v != "" {
		return strings.TrimPrefix(v, "v")
	}
	if about.APIVersion != "" && versions.LessThan(about.APIVersion, listVersion) {
		return about.APIVersion
	}
	return listVersion
}

// request sends a GET, over the client's connections and past its wrapping.
func (e *Engine) request(ctx context.Context, path string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, e.base+path, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "envy/"+e.opts.Version)
	return e.http.Do(r)
}

// baseURL is what goes before a request's path: sockets and pipes have a host in name only.
func baseURL(daemonHost string, secure bool) (string, error) {
	u, err := client.ParseHostURL(daemonHost)
	if err != nil {
		return "", err
	}
	scheme := "http"
	if secure {
		scheme = "https"
	}
	if u.Scheme == "unix" || u.Scheme == "npipe" {
		return scheme + "://" + client.DummyHost, nil
	}
	return scheme + "://" + u.Host + strings.TrimSuffix(u.Path, "/"), nil
}

// statusError is a refusal by status code.
type statusError struct {
	code int
	text string
}

func (s *statusError) Error() string { return s.text }

// answerError reads the engine's words out of a refusal.
func answerError(code int, body io.Reader) error {
	var said struct{ Message string }
	raw, err := io.ReadAll(io.LimitReader(body, 1<<20))
	if err != nil {
		return errors.Join(fmt.Errorf("status %d", code), err)
	}
	text := strings.TrimSpace(string(raw))
	if json.Unmarshal(raw, &said) == nil && said.Message != "" {
		text = said.Message
	}
	if text == "" {
		text = fmt.Sprintf("status %d", code)
	}
	return &statusError{code: code, text: text}
}
