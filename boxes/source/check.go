package source

import (
	"fmt"
	"net/netip"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The longest texts that are looked at, in bytes.
const (
	maxSource = 4096
	maxName   = 128
)

func wrong(summary, hint string) *Error { return &Error{Summary: summary, Hint: hint} }

func wrongf(hint, format string, args ...any) *Error {
	return &Error{Summary: fmt.Sprintf(format, args...), Hint: hint}
}

// printable refuses what could not be shown as it is: the text is quoted in messages and in the lock.
func printable(what, s string) *Error {
	if !utf8.ValidString(s) {
		return wrong(what+" is not UTF-8", "")
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) {
			return wrongf("", "%s has a control character (%U)", what, r)
		}
	}
	return nil
}

// segments checks a decoded path part by part: none is empty or leads elsewhere, and none could be taken for an option.
func segments(what, p string) *Error {
	if err := printable(what, p); err != nil {
		return err
	}
	for part := range strings.SplitSeq(p, "/") {
		switch {
		case part == "":
			return wrongf("", "%s %q has an empty part", what, p)
		case part == "." || part == "..":
			return wrongf("", "%s %q has a part %q", what, p, part)
		case strings.HasPrefix(part, "-"):
			return wrongf("", "%s %q has a part that begins with \"-\"", what, p)
		case strings.Contains(part, `\`):
			return wrongf("", "%s %q has a backslash", what, p)
		}
	}
	return nil
}

// host checks a name or an address with or without a port, and drops the port that the scheme has anyway.
func host(h, ownPort string) (string, *Error) {
	name, bracket := strings.ToLower(h), ""
	if strings.HasPrefix(name, "[") {
		i := strings.IndexByte(name, ']')
		if i < 0 {
			return "", wrongf("", "%q is no host", h)
		}
		addr, err := netip.ParseAddr(name[1:i])
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", wrongf("", "%q is no host", h)
		}
		bracket, name = "["+addr.String()+"]", name[i+1:]
	}
	name, port, hasPort := strings.Cut(name, ":")
	if hasPort && (port == "" || len(port) > 5 || !consists(port, "0123456789")) {
		return "", wrongf("", "%q has no port that could be", h)
	}
	if bracket == "" {
		if err := hostName(h, name); err != nil {
			return "", err
		}
	} else if name != "" {
		return "", wrongf("", "%q is no host", h)
	}
	if port != "" && port != ownPort {
		return bracket + name + ":" + port, nil
	}
	return bracket + name, nil
}

func hostName(h, name string) *Error {
	if !consists(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") {
		return wrongf("a host's name has letters, digits, dots and dashes; others are written in their xn-- form", "%q is no host", h)
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" {
			return wrongf("", "%q is no host", h)
		}
		if strings.HasPrefix(label, "-") {
			return wrongf("", "host %q has a part that begins with \"-\"", h)
		}
	}
	return nil
}

func consists(s, of string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !strings.ContainsRune(of, r) }) < 0
}

// ref follows what git asks of a reference's name.
func ref(s string) *Error {
	if err := segments("ref", s); err != nil {
		return err
	}
	if strings.ContainsAny(s, " ~^:?*[") || strings.Contains(s, "..") || strings.Contains(s, "@{") || strings.HasSuffix(s, ".") || strings.HasSuffix(s, ".lock") || len(s) > 255 {
		return wrongf("a ref is a tag, a branch or a commit", "%q is no ref", s)
	}
	return nil
}

// constraint checks the letters of a version constraint; what it means is another package's.
func constraint(s string) *Error {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-+<>=!~, "
	if s == "" || len(s) > maxName || s != strings.TrimSpace(s) || strings.HasPrefix(s, "-") || !consists(s, letters) {
		return wrongf(`write one as "~> 1.4" or ">= 1, < 2"`, "%q is no version constraint", s)
	}
	return nil
}

// checksum wants sha256 in hex, the one form in which the lock has it too.
func checksum(what, s string) *Error {
	digits, ok := strings.CutPrefix(s, "sha256:")
	if !ok || len(digits) != 64 || !consists(digits, "0123456789abcdef") {
		return wrongf(`write it as "sha256:" and 64 hex digits in lower case`, "%s %q is none", what, s)
	}
	return nil
}

// local checks a path of this side and makes it clean. It keeps "./" in front, without which it would be a name.
func local(s string) (string, *Error) {
	if err := printable("path", s); err != nil {
		return "", err
	}
	if strings.Contains(s, `\`) {
		return "", wrongf("write it with slashes", "path %q has a backslash", s)
	}
	for part := range strings.SplitSeq(s, "/") {
		if strings.HasPrefix(part, "-") {
			return "", wrongf("", "path %q has a part that begins with \"-\"", s)
		}
		if part != strings.TrimSpace(part) {
			return "", wrongf("", "path %q has a part that begins or ends with a space", s)
		}
	}
	clean := path.Clean(s)
	if clean == "." || clean == ".." || strings.HasPrefix(clean, "../") {
		return clean, nil
	}
	return "./" + clean, nil
}
