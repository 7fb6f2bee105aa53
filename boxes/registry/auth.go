package registry

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// scopes are what a request needs a token for.
func (p place) pull() []string { return []string{"repository:" + p.repo + ":pull"} }
func (p place) push() []string { return []string{"repository:" + p.repo + ":pull,push"} }

func authKey(p place, scopes []string) string { return p.host + "\n" + strings.Join(scopes, "\n") }

func (c *Client) held(p place, scopes []string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.auth[authKey(p, scopes)]
}

func (c *Client) hold(p place, scopes []string, auth string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.auth[authKey(p, scopes)] = auth
}

// credentials are what the user has for a registry.
type credentials struct{ user, secret, identity string }

func (c *Client) credentials(ctx context.Context, p place) (credentials, error) {
	if c.cfg.Credentials == nil {
		return credentials{}, nil
	}
	user, secret, identity, err := c.cfg.Credentials(ctx, p.domain)
	if err != nil {
		return credentials{}, fail(Denied, err, "the registry wants credentials, and they cannot be had")
	}
	return credentials{user, secret, identity}, nil
}

func basic(user, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+secret))
}

// authorize finds what a registry lets in by, out of what it offers.
func (c *Client) authorize(ctx context.Context, p place, scopes []string, offers []challenge) (string, error) {
	var plain bool
	for _, o := range offers {
		switch {
		case o.scheme == "bearer" && o.params["realm"] != "":
			return c.bearer(ctx, p, scopes, o)
		case o.scheme == "basic":
			plain = true
		}
	}
	if !plain {
		return "", fail(Denied, nil, "the registry refuses, and offers no way in that envy knows")
	}
	have, err := c.credentials(ctx, p)
	switch {
	case err != nil:
		return "", err
	case have.user == "" && have.secret == "":
		return "", fail(Denied, nil, "the registry wants credentials, and docker's configuration has none").hint("docker login " + p.domain)
	}
	return basic(have.user, have.secret), nil
}

// bearer gets a token of the server that the registry names.
func (c *Client) bearer(ctx context.Context, p place, scopes []string, offer challenge) (string, error) {
	realm, err := url.Parse(offer.params["realm"])
	if err != nil || realm.Host == "" || realm.User != nil {
		return "", fail(Invalid, nil, "the registry names no address for tokens: %.200q", offer.params["realm"])
	}
	if !c.fits(p, realm) {
		return "", fail(Denied, nil, "the registry sends to %s for a token, without TLS", realm.Redacted())
	}
	have, err := c.credentials(ctx, p)
	if err != nil {
		return "", err
	}
	res, err := c.send(ctx, tokenRequest(realm, offer.params["service"], scopes, have))
	if err != nil {
		return "", classed(ctx, err)
	}
	if res.StatusCode != http.StatusOK {
		says := quote(res)
		_ = res.Body.Close() // it was only read
		if res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= http.StatusInternalServerError {
			return "", fail(Unreachable, nil, "no token can be had now: %s", says)
		}
		return "", fail(Denied, nil, "there is no token to be had: %s", says).hint("docker login " + p.domain)
	}
	defer res.Body.Close()
	token, err := readToken(res.Body)
	if err != nil {
		return "", err
	}
	return "Bearer " + token, nil
}

// tokenRequest asks for a token. No redirect of it is followed: it may hold a secret.
func tokenRequest(realm *url.URL, service string, scopes []string, have credentials) outgoing {
	to := *realm
	to.Fragment = ""
	out := outgoing{method: http.MethodGet, url: &to, header: http.Header{}}
	if have.identity != "" {
		form := url.Values{"grant_type": {"refresh_token"}, "client_id": {"envy"}, "service": {service}, "scope": {strings.Join(scopes, " ")}, "refresh_token": {have.identity}}
		text := form.Encode()
		out.method, out.size = http.MethodPost, int64(len(text))
		out.header.Set("Content-Type", "application/x-www-form-urlencoded")
		out.body = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
		return out
	}
	query := to.Query()
	if service != "" {
		query.Set("service", service)
	}
	query["scope"] = scopes
	to.RawQuery = query.Encode()
	if have.user != "" || have.secret != "" {
		out.auth = basic(have.user, have.secret)
	}
	return out
}

func readToken(r io.Reader) (string, error) {
	data, err := readAll(r, maxToken)
	if err != nil {
		return "", err
	}
	var answer struct {
		Token  string `json:"token"`
		Access string `json:"access_token"`
	}
	if err := decodeJSON(data, &answer); err != nil {
		return "", fail(Invalid, err, "the answer of the token server cannot be read")
	}
	token := answer.Token
	if token == "" {
		token = answer.Access
	}
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return "", fail(Invalid, nil, "the token server gives no token that could be sent")
	}
	return token, nil
}

// readAll reads at most limit bytes.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(data)) > limit:
		return nil, fail(TooLarge, nil, "the answer is above the limit of %d bytes", limit)
	}
	return data, nil
}
