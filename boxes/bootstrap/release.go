package bootstrap

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// release is what a verified release file says.
type release struct {
	origin, suite, codename string
	date, validUntil        time.Time // validUntil is zero where it says nothing
	components, archs       []string
	byHash                  bool
	files                   map[string]entry // by path below the suite's folder
}

// entry is what a release file vouches for.
type entry struct {
	size   int64
	sha256 string
}

const (
	maxRelease = 32 << 20 // bytes of a release file
	maxEntries = 200_000
	// maxFuture is how far ahead of this machine's clock a release may be, as apt has it but for slower clocks.
	maxFuture = time.Minute
)

func parseRelease(text []byte) (*release, error) {
	st, err := readStanzas("release file", bytes.NewReader(text)).next()
	if err != nil {
		return nil, fmt.Errorf("release file: %w", err)
	}
	r := &release{
		origin: st.get("origin"), suite: st.get("suite"), codename: st.get("codename"),
		components: strings.Fields(st.get("components")), archs: strings.Fields(st.get("architectures")),
		byHash: truth(st.get("acquire-by-hash"), false), files: map[string]entry{},
	}
	if r.date, err = parseDate(st.get("date")); err != nil {
		return nil, fmt.Errorf("release file: date: %w", err)
	}
	if until := st.get("valid-until"); until != "" {
		if r.validUntil, err = parseDate(until); err != nil {
			return nil, fmt.Errorf("release file: valid-until: %w", err)
		}
	}
	for line := range strings.SplitSeq(st.get("sha256"), "\n") {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if len(words) != 3 || !validSHA256(words[0]) || len(r.files) >= maxEntries {
			return nil, &formatError{what: "release file", text: "its list of files cannot be read"}
		}
		size, err := strconv.ParseInt(words[1], 10, 64)
		if err != nil || size < 0 {
			return nil, &formatError{what: "release file", text: "its list of files has a size that is none"}
		}
		r.files[words[2]] = entry{size, words[0]}
	}
	return r, nil
}

// parseDate reads the format of release files, always in UTC (RFC 5322 with the zone's old names).
func parseDate(text string) (time.Time, error) {
	zone := text[strings.LastIndexByte(text, ' ')+1:]
	if zone != "UTC" && zone != "GMT" && zone != "+0000" && zone != "Z" {
		return time.Time{}, fmt.Errorf("%q is no date in UTC", text)
	}
	t, err := time.Parse("Mon, _2 Jan 2006 15:04:05", strings.TrimSpace(strings.TrimSuffix(text, zone)))
	if err != nil {
		return t, fmt.Errorf("%q is no date in UTC", text)
	}
	return t.UTC(), nil
}

func validSHA256(s string) bool {
	if len(s) != 64 {
		return false
	}
	for _, c := range []byte(s) {
		if !digit(c) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// check holds a release to what was asked for, and to the clock. seen is the date of the last one of this mirror and
// suite, zero for none.
func (r *release) check(suite, arch string, c checks, now, seen time.Time) error {
	refuse := func(hint, format string, args ...any) error {
		return &UnverifiedError{Object: "the release file of " + suite, Reason: fmt.Sprintf(format, args...), Hint: hint}
	}
	day := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
	switch {
	case r.codename != suite && r.suite != suite:
		return refuse("", "it is of %s (%s), not of %s", r.codename, r.suite, suite)
	case c.date && r.date.After(now.Add(maxFuture)):
		return refuse("is this machine's clock right? Acquire::Check-Date in apt's configuration is heeded",
			"it is of %s, which is to come", day(r.date))
	case c.validUntil && c.date && !r.validUntil.IsZero() && now.After(r.validUntil):
		return refuse("for a mirror of a past day, Acquire::Check-Valid-Until in apt's configuration is heeded",
			"it was valid until %s", day(r.validUntil))
	case r.date.Before(seen):
		return refuse("a mirror that lags behind catches up; another one is named with --mirror",
			"it is of %s, older than what this mirror gave before (%s)", day(r.date), day(seen))
	case !contains(r.archs, arch):
		return refuse("", "it has no packages for %s", arch)
	}
	return nil
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}
