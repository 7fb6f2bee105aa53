package registry

import "strings"

// challenge is one way in that a server offers.
type challenge struct {
	scheme string // in lower case
	params map[string]string
}

// maxChallenges bounds what is read of one answer.
const maxChallenges = 8

// parseChallenges reads WWW-Authenticate headers (RFC 9110, 11.6.1). What cannot be read ends the reading of its header;
// what came before it counts.
func parseChallenges(headers []string) []challenge {
	var out []challenge
	for _, h := range headers {
		s := &challengeScanner{rest: h}
		for len(out) < maxChallenges {
			c, ok := s.next()
			if !ok {
				break
			}
			out = append(out, c)
		}
	}
	return out
}

type challengeScanner struct{ rest string }

// space skips blanks, and commas where a list allows them.
func (s *challengeScanner) space(also string) { s.rest = strings.TrimLeft(s.rest, " \t"+also) }

func (s *challengeScanner) token() string {
	i := strings.IndexFunc(s.rest, func(r rune) bool { return !isToken(r) })
	if i < 0 {
		i = len(s.rest)
	}
	word := s.rest[:i]
	s.rest = s.rest[i:]
	return word
}

func isToken(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

// next reads a scheme and its parameters: a word that is followed by = is a parameter, any other begins a challenge.
func (s *challengeScanner) next() (challenge, bool) {
	s.space(",")
	c := challenge{scheme: strings.ToLower(s.token()), params: map[string]string{}}
	if c.scheme == "" {
		return c, false
	}
	for {
		before := s.rest
		s.space(",")
		name := strings.ToLower(s.token())
		s.space("")
		if name == "" || !strings.HasPrefix(s.rest, "=") {
			s.rest = before
			return c, true
		}
		s.rest = s.rest[1:]
		s.space("")
		value, ok := s.value()
		if !ok {
			s.rest = ""
			return c, true
		}
		if _, twice := c.params[name]; !twice {
			c.params[name] = value
		}
	}
}

// value is a token or a quoted string; ok is false where a quote does not end.
func (s *challengeScanner) value() (string, bool) {
	if !strings.HasPrefix(s.rest, `"`) {
		return s.token(), true
	}
	var b strings.Builder
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			s.rest = s.rest[i+1:]
			return b.String(), true
		case c == '\\' && i+1 < len(s.rest):
			i++
			b.WriteByte(s.rest[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}
