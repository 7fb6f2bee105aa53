package bootstrap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
)

// File is a file of the host's apt configuration: its path, for messages and for its format, and its content.
type File struct {
	Path string
	Data []byte
}

// Source is one entry of apt's sources: what it offers, and how it is to be verified.
type Source struct {
	URIs, Suites, Components []string
	Architectures            []string // empty: any
	// SignedBy are paths of keyrings and fingerprints of keys; empty: whatever the host trusts.
	SignedBy []string
	Key      []byte // a key that stands in the entry itself
	// Check says what the entry says of its dates; nil: what apt's configuration says.
	CheckValidUntil, CheckDate *bool
	Place                      string // file:line
}

// MaxSources bounds the entries that are read; MaxAptFile is the size of one file, in bytes.
const (
	MaxSources = 10_000
	MaxAptFile = 1 << 20
)

// ParseSources reads a sources file, in the format that its name says: .sources is deb822, everything else has an entry
// per line. Entries that cannot be read are in the error; those that can are given beside it, as third-party files are
// none of our business.
func ParseSources(f File) ([]Source, error) {
	if len(f.Data) > MaxAptFile {
		return nil, &formatError{what: f.Path, text: "larger than 1 MiB"}
	}
	if strings.HasSuffix(f.Path, ".sources") {
		return parseStanzaSources(f)
	}
	return parseLineSources(f)
}

func parseStanzaSources(f File) ([]Source, error) {
	var out []Source
	in := readStanzas(f.Path, bytes.NewReader(f.Data))
	for {
		st, err := in.next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		if len(out) >= MaxSources {
			return out, &formatError{f.Path, st.line, "too many entries"}
		}
		if !slices.Contains(strings.Fields(st.get("types")), "deb") || !truth(st.get("enabled"), true) {
			continue
		}
		s := Source{
			URIs: strings.Fields(st.get("uris")), Suites: strings.Fields(st.get("suites")),
			Components: strings.Fields(st.get("components")), Architectures: strings.Fields(st.get("architectures")),
			CheckValidUntil: option(st.get("check-valid-until")), CheckDate: option(st.get("check-date")),
			Place: fmt.Sprintf("%s:%d", f.Path, st.line),
		}
		if by := st.get("signed-by"); strings.Contains(by, "-----BEGIN PGP") {
			s.Key = inlineKey(by)
		} else {
			s.SignedBy = strings.Fields(by)
		}
		out = append(out, s)
	}
}

// inlineKey takes the marks of a continued field off a key: a line with a dot stands for an empty one.
func inlineKey(value string) []byte {
	lines := strings.Split(strings.TrimPrefix(value, "\n"), "\n")
	for i, l := range lines {
		if l == "." {
			lines[i] = ""
		}
	}
	return []byte(strings.Join(lines, "\n") + "\n")
}

func parseLineSources(f File) ([]Source, error) {
	var out []Source
	var problems []error
	for i, line := range strings.Split(string(f.Data), "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 || words[0] != "deb" {
			continue // deb-src, and what apt itself would complain about
		}
		if len(out) >= MaxSources {
			return out, &formatError{f.Path, i + 1, "too many entries"}
		}
		s, ok := lineSource(words[1:])
		if !ok {
			problems = append(problems, &formatError{f.Path, i + 1, "an entry has an address, a suite and components"})
			continue
		}
		s.Place = fmt.Sprintf("%s:%d", f.Path, i+1)
		out = append(out, s)
	}
	return out, errors.Join(problems...)
}

// lineSource reads `[ options ] URI SUITE COMPONENT…`.
func lineSource(words []string) (s Source, ok bool) {
	if len(words) > 0 && strings.HasPrefix(words[0], "[") {
		end := slices.IndexFunc(words, func(w string) bool { return strings.HasSuffix(w, "]") })
		if end < 0 {
			return s, false
		}
		options := strings.Trim(strings.Join(words[:end+1], " "), "[] ")
		for _, o := range strings.Fields(options) {
			s.set(o)
		}
		words = words[end+1:]
	}
	if len(words) < 2 || !strings.HasSuffix(words[1], "/") && len(words) < 3 {
		return s, false
	}
	s.URIs, s.Suites, s.Components = words[:1], words[1:2], words[2:]
	return s, true
}

func (s *Source) set(optionText string) {
	name, value, _ := strings.Cut(optionText, "=")
	name = strings.TrimRight(name, "+-")
	switch strings.ToLower(name) {
	case "arch":
		s.Architectures = strings.Split(value, ",")
	case "signed-by":
		s.SignedBy = strings.Split(value, ",")
	case "check-valid-until":
		s.CheckValidUntil = option(value)
	case "check-date":
		s.CheckDate = option(value)
	}
}

// truth reads apt's words for yes and no.
func truth(word string, otherwise bool) bool {
	switch strings.ToLower(word) {
	case "no", "false", "without", "off", "disable", "0":
		return false
	case "yes", "true", "with", "on", "enable", "1":
		return true
	}
	return otherwise
}

func option(word string) *bool {
	if word == "" {
		return nil
	}
	v := truth(word, true)
	return &v
}

// mirror is where a suite can be had.
type mirror struct {
	base   *url.URL // ends with a slash
	suite  string
	source Source
	named  bool // by the user, not by the host's apt
}

// shown is the address without what must not be told.
func (m mirror) shown() string {
	u := *m.base
	u.User = nil
	return u.String()
}

// mirrors are those of the host that offer the suite's main component for the architecture, in apt's order, each address once.
func mirrors(sources []Source, suite, arch string) []mirror {
	var out []mirror
	for _, s := range sources {
		offers := slices.Contains(s.Suites, suite) && slices.Contains(s.Components, "main") &&
			(len(s.Architectures) == 0 || slices.Contains(s.Architectures, arch))
		if !offers {
			continue
		}
		for _, uri := range s.URIs {
			base, err := parseMirror(strings.ReplaceAll(uri, "$(ARCH)", arch))
			if err != nil {
				continue // file:, cdrom: and the like
			}
			same := func(m mirror) bool { return *m.base == *base && slices.Equal(m.source.SignedBy, s.SignedBy) }
			if !slices.ContainsFunc(out, same) {
				out = append(out, mirror{base: base, suite: suite, source: s})
			}
		}
	}
	return out
}

// parseMirror reads the address of a mirror.
func parseMirror(text string) (*url.URL, error) {
	for _, c := range text {
		if c <= ' ' || c == 0x7f {
			return nil, errors.New("an address holds no spaces or control characters")
		}
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("it is no address")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, errors.New("an address begins with http:// or https://")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("an address of a mirror ends with its path")
	}
	u.Path = strings.TrimRight(u.Path, "/") + "/"
	return u, nil
}
