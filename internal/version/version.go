// Package version knows versions and constraints over them, as Terraform writes them: comparisons with commas between,
// which all must hold. It must not know where versions come from, tags or catalogues.
package version

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
)

// Version is a semantic version, as 1.2.3 or v1.2.3-rc.1. The zero value is none.
type Version struct {
	canonical string // with v in front, complete
}

// ParseLoose reads a version as people write one: with one or two numbers, which are followed by zeros, and with zeros in front
// of numbers, as 24.04.
func ParseLoose(s string) (Version, error) {
	v, _, err := parse(withoutZeros(s))
	return v, err
}

// ParseLooseConstraint is ParseConstraint for comparisons with such versions.
func ParseLooseConstraint(s string) (Constraint, error) {
	c, err := ParseConstraint(withoutZeros(s))
	c.text = s
	return c, err
}

// withoutZeros takes the zeros away that lead a number: 24.04 is a version to people, but no semantic one.
func withoutZeros(version string) string {
	isDigit := func(i int) bool { return i < len(version) && version[i] >= '0' && version[i] <= '9' }
	var b strings.Builder
	leading := true
	for i := range len(version) {
		if leading && version[i] == '0' && isDigit(i+1) {
			continue
		}
		b.WriteByte(version[i])
		leading = !isDigit(i)
	}
	return b.String()
}

// Parse reads a complete version, with or without a v in front. Its numbers have at most nine digits.
func Parse(s string) (Version, error) {
	v, parts, err := parse(s)
	if err != nil {
		return Version{}, err
	}
	if parts != 3 {
		return Version{}, fmt.Errorf("%q is no version as 1.2.3", s)
	}
	return v, nil
}

func parse(s string) (Version, int, error) {
	text := "v" + strings.TrimPrefix(s, "v")
	numbers, _, _ := strings.Cut(text[1:], "-")
	numbers, _, _ = strings.Cut(numbers, "+")
	parts := strings.Count(numbers, ".") + 1
	for part := range strings.SplitSeq(numbers, ".") {
		if len(part) > 9 {
			return Version{}, 0, fmt.Errorf("%q is no version: %s has more than nine digits", s, part)
		}
	}
	if len(s) > 128 || !semver.IsValid(text) {
		return Version{}, 0, fmt.Errorf("%q is no version as 1.2.3", s)
	}
	return Version{semver.Canonical(text)}, parts, nil
}

// String is the version without v and without what stands after a plus.
func (v Version) String() string { return strings.TrimPrefix(v.canonical, "v") }

// Compare is negative when v is lower than w. Pre-releases come before their release.
func (v Version) Compare(w Version) int { return semver.Compare(v.canonical, w.canonical) }

// Prerelease reports a version as 1.2.3-rc.1.
func (v Version) Prerelease() bool { return semver.Prerelease(v.canonical) != "" }

// Constraint is what a version must meet. The zero value is met by every version that is no pre-release.
type Constraint struct {
	text  string
	terms []term
}

type term struct {
	operator string // "", "=", "!=", ">", ">=", "<", "<=", "~>"
	version  Version
	parts    int // written numbers, 1 to 3
}

// The most comparisons of one constraint.
const maxTerms = 16

// ParseConstraint reads comparisons with commas between: "~> 1.2", ">= 1, < 2", "1.2.3".
func ParseConstraint(s string) (Constraint, error) {
	c := Constraint{text: s}
	for part := range strings.SplitSeq(s, ",") {
		t, err := parseTerm(strings.TrimSpace(part))
		if err != nil {
			return Constraint{}, err
		}
		if c.terms = append(c.terms, t); len(c.terms) > maxTerms {
			return Constraint{}, fmt.Errorf("a version constraint has at most %d comparisons", maxTerms)
		}
	}
	return c, nil
}

func parseTerm(s string) (term, error) {
	t := term{}
	for _, op := range []string{"~>", "!=", ">=", "<=", "=", ">", "<"} {
		if rest, ok := strings.CutPrefix(s, op); ok {
			t.operator, s = op, strings.TrimSpace(rest)
			break
		}
	}
	var err error
	if t.version, t.parts, err = parse(s); err != nil {
		return term{}, fmt.Errorf(`%q is no version constraint as ">= 1, < 2" or "~> 1.4"`, strings.TrimSpace(t.operator+" "+s))
	}
	return t, nil
}

// Meets reports whether a version meets every comparison, pre-releases too.
func (c Constraint) Meets(v Version) bool {
	return !slices.ContainsFunc(c.terms, func(t term) bool { return !t.holds(v) })
}

// String is the constraint as it was written.
func (c Constraint) String() string { return c.text }

// Allows reports whether a version meets every comparison. A pre-release counts only where a comparison names one of the
// same release: "~> 1.4" never chooses 1.5.0-rc.1, ">= 1.5.0-rc.1" may.
func (c Constraint) Allows(v Version) bool {
	named := func(t term) bool { return t.version.Prerelease() && release(t.version) == release(v) }
	return c.Meets(v) && (!v.Prerelease() || slices.ContainsFunc(c.terms, named))
}

func release(v Version) string {
	return strings.TrimSuffix(v.canonical, semver.Prerelease(v.canonical))
}

func (t term) holds(v Version) bool {
	d := v.Compare(t.version)
	switch t.operator {
	case "!=":
		return d != 0
	case ">=":
		return d >= 0
	case "<=":
		return d <= 0
	case ">":
		return d > 0
	case "<":
		return d < 0
	case "~>":
		return d >= 0 && t.grows(v)
	}
	return d == 0
}

// grows lets the last written number grow: ~> 1.4 is below 2, ~> 1.4.2 below 1.5. ~> 1 has no number above its last.
func (t term) grows(v Version) bool {
	switch t.parts {
	case 3:
		return semver.MajorMinor(v.canonical) == semver.MajorMinor(t.version.canonical)
	case 2:
		return semver.Major(v.canonical) == semver.Major(t.version.canonical)
	}
	return true
}

// Highest is the highest of the versions that the constraint allows, by its place in the list; -1 when there is none.
// Among equals the first wins.
func (c Constraint) Highest(versions []Version) int {
	best := -1
	for i, v := range versions {
		if c.Allows(v) && (best < 0 || v.Compare(versions[best]) > 0) {
			best = i
		}
	}
	return best
}

// Sort puts the highest first, equals in the order in which they were.
func Sort(versions []Version) {
	slices.SortStableFunc(versions, func(a, b Version) int { return b.Compare(a) })
}
