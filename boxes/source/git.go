package source

import (
	"net/url"
	"strings"
)

// parseGit takes what stands after "git::".
func parseGit(s string) (Source, *Error) {
	scheme, _, ok := strings.Cut(s, "://")
	if !ok {
		return parseSCP(s)
	}
	switch scheme {
	case "https", "ssh", "file":
	case "http", "git":
		return nil, wrongf("write git::https://", "what comes over %s:// could be anybody's", scheme)
	default:
		return nil, wrongf("git repositories are reached by https, ssh and file", "the scheme of %q is unknown", "git::"+withoutUser(s))
	}
	u, err := parseURL(s)
	if err != nil {
		return nil, err
	}
	g := Git{Repository: Repository{Scheme: scheme}}
	if err := g.user(u.User); err != nil {
		return nil, err
	}
	switch scheme {
	case "file":
		if u.Host != "" || u.User != nil {
			return nil, wrong("git::file:// has no host", "write git::file:///PATH with an absolute path")
		}
	default:
		if g.Host, err = host(u.Host, map[string]string{"https": "443", "ssh": "22"}[scheme]); err != nil {
			return nil, err
		}
	}
	return g.located(u.Path, u)
}

// parseSCP takes [user@]host:path, in which nothing but the query is encoded. What the canonical form encodes is decoded.
func parseSCP(s string) (Source, *Error) {
	where, rest, ok := cutPath(s)
	if !ok || strings.HasPrefix(rest, ":") { // ext::COMMAND is a program for git to run
		return nil, wrongf("write git::https://HOST/PATH.git", "%q does not say how to reach it", "git::"+withoutUser(s))
	}
	if strings.Contains(s, "#") {
		return nil, wrongf("", "%q has a #", withoutUser(s))
	}
	g := Git{Repository: Repository{Scheme: "ssh"}}
	if i := strings.LastIndexByte(where, '@'); i >= 0 {
		if strings.Contains(where[:i], ":") {
			return nil, errPassword()
		}
		if err := g.user(url.User(where[:i])); err != nil {
			return nil, err
		}
		where = where[i+1:]
	}
	var err *Error
	if g.Host, err = host(where, ""); err != nil {
		return nil, err
	}
	raw, q, has := strings.Cut(rest, "?")
	p, unescape := url.PathUnescape(raw)
	if unescape != nil {
		return nil, wrongf("write %25 for a %", "%q is not encoded as an address's", raw)
	}
	return g.located(p, &url.URL{RawQuery: q, ForceQuery: has})
}

// cutPath splits at the colon before the path: not one in brackets, and not one of a password.
func cutPath(s string) (where, path string, ok bool) {
	from := 0
	end := strings.IndexAny(s, "/?")
	if end < 0 {
		end = len(s)
	}
	if i := strings.LastIndexByte(s[:end], '@'); i >= 0 {
		from = i + 1
	}
	if strings.HasPrefix(s[from:], "[") {
		i := strings.IndexByte(s[from:], ']')
		if i < 0 {
			return "", "", false
		}
		from += i
	}
	i := strings.IndexByte(s[from:], ':')
	if i < 0 || from+i+1 > end {
		return "", "", false
	}
	return s[:from+i], s[from+i+1:], from+i+1 < len(s)
}

func errPassword() *Error {
	return wrong("an address must not hold a password", "take it out; credentials come from git's credential helpers or the ssh agent")
}

func (g *Git) user(u *url.Userinfo) *Error {
	if u == nil {
		return nil
	}
	if _, has := u.Password(); has {
		return errPassword()
	}
	name := u.Username()
	switch {
	case g.Scheme != "ssh":
		// A name alone may be a token.
		return wrong("an address of https must not hold a user", "take it out; credentials come from git's credential helpers")
	case name == "" || strings.HasPrefix(name, "-") || len(name) > maxName ||
		!consists(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"):
		return wrong("the address's user is no name that ssh could use", "write git@HOST")
	}
	g.User = name
	return nil
}

// located reads the decoded path, with the directory after //, and the query.
func (g Git) located(p string, u *url.URL) (Source, *Error) {
	repo, dir, has := strings.Cut(p, "//")
	dir = strings.TrimSuffix(dir, "/")
	if !has {
		repo = strings.TrimSuffix(repo, "/")
	}
	if err := segments("path", strings.TrimPrefix(repo, "/")); err != nil {
		if repo == "" || repo == "/" {
			return nil, wrong("the address names no repository", "write git::https://HOST/PATH.git")
		}
		return nil, err
	}
	if strings.HasPrefix(repo, "~") || strings.HasPrefix(repo, "/~") {
		return nil, wrongf("write the path in full, or git::HOST:PATH for one below the home of ssh's user", "path %q depends on who asks", repo)
	}
	if dir != "" {
		if err := segments("directory", dir); err != nil {
			return nil, err
		}
	}
	g.Path, g.Dir = repo, dir
	q, err := query(u, "ref", "version")
	if err != nil {
		return nil, err
	}
	return g.asked(q)
}

func (g Git) asked(q map[string]string) (Source, *Error) {
	g.Ref, g.Version = q["ref"], q["version"]
	switch {
	case g.Ref != "" && g.Version != "":
		return nil, wrong("ref and version exclude each other", "ref is one tag, branch or commit; version is the highest tag that it allows")
	case g.Ref != "":
		if err := ref(g.Ref); err != nil {
			return nil, err
		}
	case g.Version != "":
		if err := constraint(g.Version); err != nil {
			return nil, err
		}
	}
	return g, nil
}
