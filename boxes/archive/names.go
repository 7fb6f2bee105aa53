package archive

import (
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// IsName reports whether a box, and so an archive, may have a name: a label of a host's name.
func IsName(name string) bool { return nameProblem(name) == "" }

// nameProblem says why a box cannot have a name; "" is no reason. It is the language's rule for boxes.
func nameProblem(name string) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	inner := strings.Trim(name, letters)
	switch {
	case name == "", len(name) > maxName, strings.Trim(inner, letters+"-") != "",
		strings.HasPrefix(name, "-"), strings.HasSuffix(name, "-"):
		return fmt.Sprintf("%q is no box's name", shorten(name))
	}
	return ""
}

// pathProblem says why a member cannot have a path; "" is no reason.
func pathProblem(p string) string {
	switch {
	case !utf8.ValidString(p):
		return "is not UTF-8"
	case strings.ContainsFunc(p, func(r rune) bool {
		return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
	}):
		return "has a control character"
	case strings.Contains(p, `\`):
		return "has a backslash"
	case path.IsAbs(p):
		return "is absolute"
	case !norm.NFC.IsNormalString(p):
		return "is not in Unicode's normal form C"
	}
	for part := range strings.SplitSeq(p, "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Sprintf("has a part %q", part)
		}
	}
	if _, _, ok := split(p); !ok {
		return "is too long"
	}
	return ""
}

// split divides a path between the two fields of a header that hold it.
func split(p string) (prefix, name string, ok bool) {
	const maxPrefix, maxName = 155, 100
	if len(p) <= maxName {
		return "", p, true
	}
	for i := len(p) - maxName - 1; i < len(p) && i <= maxPrefix; i++ {
		if i > 0 && p[i] == '/' {
			return p[:i], p[i+1:], i+1 < len(p)
		}
	}
	return "", "", false
}

// folded is what two paths have in common that some file systems take for one.
func folded(p string) string { return norm.NFC.String(cases.Fold().String(p)) }

// shorten cuts what a message quotes.
func shorten(s string) string {
	const most = 80
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}
