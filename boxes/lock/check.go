package lock

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The longest text of a lock, in bytes.
const maxText = 4096

// check finds the first thing in an entry that must not be; "" is none.

func (a Archive) check() string {
	return first(text("source", a.Source), address(a.Source), digest("checksum", a.Checksum))
}

func (b Box) check() string {
	both := ""
	if b.Ref != "" && b.Version != "" {
		both = "ref and version exclude each other"
	}
	return first(
		text("source", b.Source), address(b.Source), both,
		optional("ref", b.Ref), optional("version", b.Version), optional("reference", b.Reference),
		hex("commit", b.Commit, 40), digest("hash", b.Hash))
}

func (i Image) check() string {
	problem := text("reference", i.Reference)
	switch {
	case problem != "":
		return problem
	case i.Local && (i.Digest != "" || len(i.Platforms) > 0):
		return "a local image has no digest and no platforms"
	case i.Local:
		return ""
	}
	if problem := digest("digest", i.Digest); problem != "" {
		return problem
	}
	for _, p := range slices.Sorted(maps.Keys(i.Platforms)) {
		if problem := first(platform(p), digest("the digest of "+p, i.Platforms[p])); problem != "" {
			return problem
		}
	}
	return ""
}

func (p Packages) check() string {
	if problem := text("recipe", p.Recipe); problem != "" {
		return problem
	}
	for _, name := range slices.Sorted(maps.Keys(p.Platforms)) {
		if problem := platform(name); problem != "" {
			return problem
		}
		versions := p.Platforms[name]
		for _, pkg := range slices.Sorted(maps.Keys(versions)) {
			if problem := first(text("a package's name", pkg), text("the version of "+pkg, versions[pkg])); problem != "" {
				return problem
			}
			if strings.HasPrefix(pkg, "-") || strings.HasPrefix(versions[pkg], "-") {
				return fmt.Sprintf("%q = %q could be taken for an option", pkg, versions[pkg])
			}
		}
	}
	return ""
}

func first(problems ...string) string {
	for _, p := range problems {
		if p != "" {
			return p
		}
	}
	return ""
}

func optional(what, s string) string {
	if s == "" {
		return ""
	}
	return text(what, s)
}

func text(what, s string) string {
	switch {
	case s == "":
		return what + " is empty"
	case len(s) > maxText:
		return fmt.Sprintf("%s is longer than %d bytes", what, maxText)
	case !utf8.ValidString(s):
		return what + " is not UTF-8"
	case strings.HasPrefix(s, "-"):
		return fmt.Sprintf("%s %q could be taken for an option", what, s)
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return fmt.Sprintf("%s has a control character (%U)", what, r)
		}
	}
	return ""
}

// address refuses user info: a lock is committed.
func address(s string) string {
	_, rest, ok := strings.Cut(s, "://")
	if !ok {
		return ""
	}
	if host, _, _ := strings.Cut(rest, "/"); strings.Contains(host, "@") {
		return "an address must not hold a user or a password"
	}
	return ""
}

func hex(what, s string, digits int) string {
	if len(s) != digits || strings.Trim(s, "0123456789abcdef") != "" {
		return fmt.Sprintf("%s is not %d hex digits in lower case", what, digits)
	}
	return ""
}

func digest(what, s string) string {
	digits, ok := strings.CutPrefix(s, "sha256:")
	if !ok || hex("", digits, 64) != "" {
		return what + ` is not "sha256:" and 64 hex digits in lower case`
	}
	return ""
}

func platform(s string) string {
	parts := strings.Split(s, "/")
	ok := len(parts) == 2 || len(parts) == 3
	for _, p := range parts {
		ok = ok && p != "" && strings.Trim(p, "abcdefghijklmnopqrstuvwxyz0123456789_.") == "" && len(p) <= 32
	}
	if !ok {
		return fmt.Sprintf("%q is no platform as linux/amd64", s)
	}
	return ""
}
