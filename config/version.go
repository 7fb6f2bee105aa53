package config

import (
	"strings"

	"golang.org/x/mod/semver"

	"github.com/envyhq/envy/internal/lazyre"
)

var constraintRE = lazyre.New(`^(=|!=|>=|<=|>|<|~>)?\s*v?([0-9]{1,9}(\.[0-9]{1,9}){0,2}(-[0-9A-Za-z.-]+)?)$`)

// versionConstraint is the rule for `requires`: comparisons with commas between, which all must hold.
func versionConstraint(s string) string {
	for part := range strings.SplitSeq(s, ",") {
		m := constraintRE.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil || !semver.IsValid("v"+m[2]) {
			return `a version constraint, as ">= 0.1, < 2" or "~> 1.4"`
		}
	}
	return ""
}

// versionAllowed reports whether a version meets a constraint that the rule has accepted. A development version, which is
// no semantic version, meets every one.
func versionAllowed(constraint, version string) bool {
	have := "v" + strings.TrimPrefix(version, "v")
	if !semver.IsValid(have) {
		return true
	}
	for part := range strings.SplitSeq(constraint, ",") {
		m := constraintRE.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil || !comparisonHolds(m[1], have, "v"+m[2], strings.Count(m[2], ".")) {
			return false
		}
	}
	return true
}

// comparisonHolds compares by one operator. ~> lets the last written number grow: ~> 1.4 is at least 1.4 and below 2.
func comparisonHolds(operator, have, want string, dots int) bool {
	c := semver.Compare(have, want)
	switch operator {
	case "!=":
		return c != 0
	case ">=":
		return c >= 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	case "<":
		return c < 0
	case "~>":
		if dots == 2 {
			return c >= 0 && semver.MajorMinor(have) == semver.MajorMinor(want)
		}
		return c >= 0 && (dots == 0 || semver.Major(have) == semver.Major(want))
	}
	return c == 0
}
