package source

import (
	"net/url"
	"path"
	"strings"
)

const kinds = `a source is a name of the catalogue ("go"), a directory ("./boxes/web"), git::https://HOST/PATH.git, an archive ("./shop.box") or oci://HOST/NAME:TAG`

// Parse takes apart what `from` says. It never panics; the error is an [*Error].
func Parse(s string) (Source, error) {
	out, err := parse(s)
	if err != nil {
		return nil, err
	}
	if len(out.String()) > maxSource { // encoded it may be three times as long, and the lock has it so
		return nil, tooLong()
	}
	return out, nil
}

func tooLong() *Error { return wrongf("", "the source is longer than %d bytes", maxSource) }

func parse(s string) (Source, *Error) {
	if len(s) > maxSource {
		return nil, tooLong()
	}
	if err := printable("the source", s); err != nil {
		return nil, err
	}
	scheme, _, hasScheme := strings.Cut(s, "://")
	getter, rest, hasGetter := strings.Cut(s, "::")
	switch {
	case s == "":
		return nil, wrong("the source is empty", kinds)
	case s != strings.TrimSpace(s):
		return nil, wrongf("", "the source %q begins or ends with a space", s)
	case s == "." || s == ".." || strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../"):
		return parseLocal(s)
	case strings.HasPrefix(s, "/"), strings.HasPrefix(s, "~"):
		return nil, wrongf(`write it relative to the file that names it, as "./boxes/web" or "../web"`, "%q is a path of one machine", s)
	case hasGetter && getter == "git":
		return parseGit(rest)
	case hasGetter && letters(getter):
		return nil, wrongf("sources with :: in front are git's: git::https://HOST/PATH.git", "%q is no source", withoutUser(s))
	case hasScheme && scheme == "https":
		return parseArchiveURL(s)
	case hasScheme && scheme == "oci":
		return parseRegistry(strings.TrimPrefix(s, "oci://"))
	case hasScheme && scheme == "http":
		return nil, wrong("what comes over http:// could be anybody's", "write https://")
	case hasScheme && (scheme == "ssh" || scheme == "file" || scheme == "git"):
		return nil, wrong("a git repository needs git:: in front", "write git::https://…, git::ssh://… or git::file:///…")
	case hasScheme:
		return nil, wrongf(kinds, "the scheme of %q is unknown", withoutUser(s))
	}
	return parseName(s)
}

func letters(s string) bool { return s != "" && consists(s, "abcdefghijklmnopqrstuvwxyz0123456789") }

func parseLocal(s string) (Source, *Error) {
	if strings.ContainsAny(s, "?#") {
		return nil, wrongf("", "%q: a path has no ? and no #", s)
	}
	p, err := local(s)
	switch {
	case err != nil:
		return nil, err
	case path.Ext(p) == ".box" && path.Base(p) != ".box":
		return Archive{Path: p}, nil
	}
	return Dir{Path: p}, nil
}

func parseName(s string) (Source, *Error) {
	name, version, has := strings.Cut(s, "@")
	first, more, isPath := strings.Cut(s, "/")
	switch {
	case has && strings.Contains(name, ":"):
		return nil, errPassword()
	case has && strings.Contains(version, ":"):
		return nil, wrong("a git repository needs git:: in front", "write git::"+s)
	case isPath && strings.Contains(first, ".") && more != "":
		return nil, wrongf("write git::https://"+s+" for a git repository, or ./"+s+" for a directory", "%q does not say what it is", s)
	case isPath:
		return nil, wrongf("write ./"+s+" for a directory", "%q does not say what it is", s)
	case strings.HasSuffix(name, ".box") && !has:
		return nil, wrongf("write ./"+s+" for an archive beside the file", "%q does not say what it is", s)
	}
	const first36 = "abcdefghijklmnopqrstuvwxyz0123456789"
	if name == "" || len(name) > maxName || !consists(name[:1], first36) || !consists(name, first36+"._-") {
		return nil, wrongf(kinds, "%q is no source", s)
	}
	if has {
		if err := constraint(version); err != nil {
			return nil, err
		}
	}
	return Catalog{Name: name, Constraint: version}, nil
}

// parseURL is net/url's with what no source may have.
func parseURL(s string) (*url.URL, *Error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, wrongf("", "%q is no address", withoutUser(s))
	case u.Fragment != "" || strings.Contains(s, "#"):
		return nil, wrongf("write %23 for a # in a path", "%q has a #", withoutUser(s))
	case u.Opaque != "":
		return nil, wrongf("", "%q is no address", withoutUser(s))
	}
	return u, nil
}

// withoutUser takes user info out of a text that may be no address at all.
func withoutUser(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		if i := strings.LastIndexByte(s, '@'); i >= 0 {
			return s[i+1:]
		}
		return s
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	if i := strings.LastIndexByte(rest[:end], '@'); i >= 0 {
		rest = rest[i+1:]
	}
	return scheme + "://" + rest
}

func parseArchiveURL(s string) (Source, *Error) {
	u, err := parseURL(s)
	if err != nil {
		return nil, err
	}
	if u.User != nil {
		return nil, wrong("an address must not hold a user or a password", "take it out; credentials come from the user's configuration")
	}
	if path.Ext(u.Path) != ".box" {
		return nil, wrongf("write git:: in front for a git repository; an archive's name ends with .box", "%q does not say what it is", s)
	}
	a := Archive{URLPath: u.Path}
	if a.Host, err = host(u.Host, "443"); err != nil {
		return nil, err
	}
	if err := segments("path", strings.TrimPrefix(u.Path, "/")); err != nil {
		return nil, err
	}
	q, err := query(u, "checksum")
	if err != nil {
		return nil, err
	}
	if sum, ok := q["checksum"]; ok {
		if err := checksum("checksum", sum); err != nil {
			return nil, err
		}
		a.Checksum = sum
	}
	return a, nil
}

// query wants each of the known keys at most once, and no other.
func query(u *url.URL, known ...string) (map[string]string, *Error) {
	if u.RawQuery == "" && !u.ForceQuery {
		return nil, nil
	}
	values := map[string]string{}
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		k, v, _ := strings.Cut(pair, "=")
		// A plus is a plus: versions have them, and nobody writes a space so.
		key, errK := url.PathUnescape(k)
		value, errV := url.PathUnescape(v)
		if errK != nil || errV != nil {
			return nil, wrongf("", "%q in the query is not encoded as an address's", pair)
		}
		if err := printable("the query", key+value); err != nil {
			return nil, err
		}
		if !consistsOf(key, known) {
			return nil, wrongf("known here: "+strings.Join(known, ", "), "%q in the query is unknown", key)
		}
		if _, twice := values[key]; twice {
			return nil, wrongf("", "%q is twice in the query", key)
		}
		if value == "" {
			return nil, wrongf("", "%q in the query is empty", key)
		}
		values[key] = value
	}
	return values, nil
}

func consistsOf(key string, known []string) bool {
	for _, k := range known {
		if k == key {
			return true
		}
	}
	return false
}

func parseRegistry(s string) (Source, *Error) {
	if strings.ContainsAny(s, "?#") {
		return nil, wrongf("", "oci://%s has a ? or a #", s)
	}
	h, rest, ok := strings.Cut(s, "/")
	if strings.Contains(h, "@") {
		return nil, wrong("an address must not hold a user or a password", "take it out; credentials come from the engine client's configuration")
	}
	if !ok || rest == "" {
		return nil, wrong("a box in a registry needs its name", "write oci://HOST/NAME:TAG")
	}
	var r Registry
	var err *Error
	if r.Host, err = host(h, ""); err != nil {
		return nil, err
	}
	name, digest, hasDigest := strings.Cut(rest, "@")
	name, tag, hasTag := strings.Cut(name, ":")
	r.Repository, r.Tag, r.Digest = name, tag, digest
	if err := segments("repository", name); err != nil {
		return nil, err
	}
	if !consists(name, "abcdefghijklmnopqrstuvwxyz0123456789._-/") {
		return nil, wrongf("it has lower-case letters, digits, dots, dashes and slashes", "repository %q is no name", name)
	}
	switch {
	case hasDigest == hasTag:
		return nil, wrongf("write oci://HOST/NAME:TAG, or NAME@sha256:…", "oci://%s needs either a tag or a digest", s)
	case hasDigest:
		return registry(r, checksum("digest", digest))
	}
	const word = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
	if tag == "" || len(tag) > maxName || !consists(tag[:1], word) || !consists(tag, word+".-") {
		return nil, wrongf("", "%q is no tag", tag)
	}
	return r, nil
}

func registry(r Registry, err *Error) (Source, *Error) {
	if err != nil {
		return nil, err
	}
	return r, nil
}
