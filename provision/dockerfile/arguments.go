package dockerfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/envyhq/envy/internal/lazyre"
)

// argument is an ARG in front of the first FROM, as FROM sees it.
type argument struct {
	unknown bool
	value   string // "" where it has none
}

// arguments are those of a file. Names that are not in it have values that nobody knows: builders have some of their own.
type arguments struct {
	given    map[string]string // by whoever builds
	declared map[string]argument
	escape   byte
}

// builtIn begins or is the name of an argument that builders fill in.
func builtIn(name string) bool {
	switch strings.ToUpper(name) {
	case "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY":
		return true
	}
	for _, prefix := range []string{"TARGET", "BUILD"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok && slices.Contains([]string{"PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT", "STAGE"}, rest) {
			return true
		}
	}
	return strings.HasPrefix(name, "BUILDKIT_")
}

// declare reads an ARG.
func (a *arguments) declare(in instruction) {
	rest := in.text[in.words()[0].to:]
	if strings.Contains(rest, `\`) || strings.Contains(rest, string(a.escape)) { // where its words end is not clear
		isName := func(c rune) bool {
			return c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		}
		for _, name := range strings.FieldsFunc(rest, func(c rune) bool { return !isName(c) }) {
			a.declared[name] = argument{unknown: true}
		}
		return
	}
	for _, word := range shellWords(rest) {
		name, raw, written := strings.Cut(word, "=")
		_, again := a.declared[name]
		given, ok := a.given[name]
		switch {
		case again || builtIn(name):
			a.declared[name] = argument{unknown: true}
		case ok:
			a.declared[name] = argument{value: given}
		case !written:
			a.declared[name] = argument{}
		default:
			value, problem := a.expand(unquotedValue(raw))
			a.declared[name] = argument{unknown: problem != "", value: value}
		}
	}
}

// unquotedValue takes quotes away where nothing in them has a meaning of its own.
func unquotedValue(raw string) string {
	if v := unquoted(raw); !strings.ContainsAny(v, `"'`) && (raw == "" || raw[0] != '\'' || !strings.Contains(v, "$")) {
		return v
	}
	return raw
}

// variable is an argument in a word: $NAME, ${NAME}, ${NAME:-other}, ${NAME:+other}. Builders know further forms, not all of
// them each.
var variable = lazyre.New(`^\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?::([-+])([^${}"'\\]*))?\})`)

// expand puts arguments into a word. problem says why that cannot be done for sure.
func (a *arguments) expand(word string) (text, problem string) {
	if strings.ContainsAny(word, `"'\`) || strings.IndexByte(word, a.escape) >= 0 {
		return "", "it has quotes or escapes"
	}
	for word != "" {
		i := strings.IndexByte(word, '$')
		if i < 0 {
			break
		}
		text, word = text+word[:i], word[i:]
		m := variable.FindStringSubmatch(word)
		if m == nil {
			return "", "it has an expression that is left to the builder"
		}
		word = word[len(m[0]):]
		name := m[1] + m[2]
		arg, ok := a.declared[name]
		if !ok || arg.unknown {
			return "", fmt.Sprintf("the value of %s is not known", shortened(name))
		}
		switch {
		case m[3] == "-" && arg.value == "", m[3] == "+" && arg.value != "":
			text += m[4]
		case m[3] != "+":
			text += arg.value
		}
		if len(text) > maxName {
			return "", "it is too long"
		}
	}
	return text + word, ""
}

// maxName bounds what arguments make of a name, in bytes: references are shorter.
const maxName = 4096
