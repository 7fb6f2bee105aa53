package bootstrap

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
)

// aptConf is apt's configuration: the last value of each name, names in small letters with :: between their parts.
type aptConf map[string]string

const maxConfDepth = 32

// parseAptConf reads files as apt would, in the order given. What cannot be read is in the error and left out.
func parseAptConf(files []File) (aptConf, error) {
	conf := aptConf{}
	var problems []error
	for _, f := range files {
		if err := conf.read(f); err != nil {
			problems = append(problems, err)
		}
	}
	return conf, errors.Join(problems...)
}

// read follows apt.conf(5): `Name "value";`, `Name { … };`, comments of //, /* */ and #. Lists are of no interest.
func (c aptConf) read(f File) error {
	if len(f.Data) > MaxAptFile {
		return &formatError{what: f.Path, text: "larger than 1 MiB"}
	}
	t := confTokens{text: string(f.Data)}
	var scope, statement []string
	for {
		token, ok := t.next()
		if !ok {
			return nil
		}
		switch token {
		case "{":
			name := ""
			if len(statement) > 0 {
				name = statement[0]
			}
			if len(scope) >= maxConfDepth {
				return &formatError{what: f.Path, text: "blocks nested too deep"}
			}
			scope, statement = append(scope, name), nil
		case "}":
			if len(scope) == 0 {
				return &formatError{what: f.Path, text: "a } without its {"}
			}
			scope, statement = scope[:len(scope)-1], nil
		case ";":
			if len(statement) == 2 && statement[0][0] != '"' {
				c[strings.ToLower(strings.Join(append(scope[:len(scope):len(scope)], statement[0]), "::"))] = unquoted(statement[1])
			}
			statement = nil
		default:
			if len(statement) < 3 {
				statement = append(statement, token)
			}
		}
	}
}

func unquoted(s string) string { return strings.Trim(s, `"`) }

type confTokens struct {
	text string
	at   int
}

// next gives a word, a quoted string with its quotes, or one of ; { }.
func (t *confTokens) next() (string, bool) {
	for t.skip() {
	}
	if t.at >= len(t.text) {
		return "", false
	}
	begin := t.at
	switch c := t.text[t.at]; c {
	case ';', '{', '}':
		t.at++
	case '"':
		end := strings.IndexByte(t.text[t.at+1:], '"')
		if end < 0 {
			t.at = len(t.text)
			return "", false
		}
		t.at += end + 2
	default:
		for t.at < len(t.text) && !strings.ContainsRune(" \t\r\n;{}\"", rune(t.text[t.at])) {
			t.at++
		}
	}
	return t.text[begin:t.at], true
}

// skip goes over one space or comment.
func (t *confTokens) skip() bool {
	left := t.text[t.at:]
	until := func(mark string) bool {
		i := strings.Index(left, mark)
		if i < 0 {
			t.at = len(t.text)
			return true
		}
		t.at += i + len(mark)
		return true
	}
	switch {
	case left == "":
		return false
	case strings.ContainsRune(" \t\r\n", rune(left[0])):
		t.at++
		return true
	case strings.HasPrefix(left, "//"), left[0] == '#':
		return until("\n")
	case strings.HasPrefix(left, "/*"):
		return until("*/")
	}
	return false
}

// checks are what a release file's dates are held to.
type checks struct{ validUntil, date bool }

// checks joins what apt's configuration says with what the entry says of itself.
func (c aptConf) checks(s Source) checks {
	out := checks{truth(c["acquire::check-valid-until"], true), truth(c["acquire::check-date"], true)}
	if s.CheckValidUntil != nil {
		out.validUntil = *s.CheckValidUntil
	}
	if s.CheckDate != nil {
		out.date = *s.CheckDate
	}
	return out
}

// proxy is the one that apt would use for an address: nil and false where its configuration says nothing. This machine
// itself needs none.
func (c aptConf) proxy(u *url.URL) (*url.URL, bool) {
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && ip.IsLoopback() || u.Hostname() == "localhost" {
		return nil, true
	}
	for _, name := range []string{"acquire::" + u.Scheme + "::proxy::" + strings.ToLower(u.Hostname()), "acquire::" + u.Scheme + "::proxy"} {
		switch value := c[name]; {
		case value == "":
		case strings.EqualFold(value, "direct"):
			return nil, true
		default:
			if p, err := url.Parse(value); err == nil && p.Host != "" {
				return p, true
			}
		}
	}
	return nil, false
}

// dateSettings is what the image's own apt must be told about dates, in apt's format; "" is nothing.
func (c aptConf) dateSettings() string {
	var b strings.Builder
	for _, s := range []string{"Acquire::Check-Valid-Until", "Acquire::Check-Date"} {
		if v := c[strings.ToLower(s)]; v != "" && !truth(v, true) {
			b.WriteString(s + " \"false\";\n")
		}
	}
	return b.String()
}
