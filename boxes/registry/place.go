package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"strings"

	"github.com/distribution/reference"
)

// place is a repository, and what of it is meant.
type place struct {
	domain string // as references name the registry
	host   string // that speaks for it
	repo   string
	tag    string // at most one of tag and digest
	digest string
}

// placeOf reads a reference as docker does, so that a short one means what it means there. Of a tag and a digest the
// digest decides.
func (c *Client) placeOf(ref string) (place, error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return place{}, fail(Invalid, err, "it is no reference")
	}
	p := place{domain: reference.Domain(named), repo: reference.Path(named)}
	p.host = p.domain
	if c.cfg.Host != nil {
		p.host = c.cfg.Host(p.domain)
	}
	switch named := named.(type) {
	case reference.Digested:
		p.digest = named.Digest().String()
		if err := checkDigest(p.digest); err != nil {
			return place{}, err
		}
	case reference.Tagged:
		p.tag = named.Tag()
	}
	return p, nil
}

// wanted is what a manifest is asked for by.
func (p place) wanted() string {
	switch {
	case p.digest != "":
		return p.digest
	case p.tag != "":
		return p.tag
	}
	return "latest"
}

func (p place) with(digest string) place {
	p.tag, p.digest = "", digest
	return p
}

// checkDigest lets pass SHA-256 alone: a lock holds nothing else.
func checkDigest(text string) error {
	digits, ok := strings.CutPrefix(text, "sha256:")
	if !ok || len(digits) != 64 || strings.Trim(digits, "0123456789abcdef") != "" {
		return fail(Invalid, nil, "%.100q is not sha256: and 64 hex digits", text)
	}
	return nil
}

// digestOf is that of content.
func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// isLoopback reports whether a host, with or without a port, is this machine by its very name.
func isLoopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	ip := net.ParseIP(name)
	return strings.EqualFold(name, "localhost") || ip != nil && ip.IsLoopback()
}
