package config

import "github.com/envyhq/envy/internal/version"

// versionConstraint is the rule for `requires`: comparisons with commas between, which all must hold.
func versionConstraint(s string) string {
	if _, err := version.ParseConstraint(s); err != nil {
		return `a version constraint, as ">= 0.1, < 2" or "~> 1.4"`
	}
	return ""
}

// versionAllowed reports whether envy's own version meets a constraint that the rule has accepted. A development version,
// which is no semantic version, meets every one; a pre-release is compared as it is.
func versionAllowed(constraint, own string) bool {
	c, err := version.ParseConstraint(constraint)
	v, dev := version.Parse(own)
	return dev != nil || err == nil && c.Meets(v)
}
