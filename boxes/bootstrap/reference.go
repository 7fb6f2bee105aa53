package bootstrap

import (
	"slices"
	"strings"
)

// Target is what an image reference asks for.
type Target struct {
	Reference    string // as it was written: debian:bookworm-slim
	Distribution string // debian or ubuntu
	Suite        string // bookworm
}

// distribution is what must be known of one beforehand: the rest is in its mirror.
type distribution struct {
	name    string
	origin  string // in its release files
	keyring string // where its own package of keys puts them, in the image and on hosts
	// Kernel-independent links of a merged /usr; lib64 exists on the architectures in wide.
	wide []string
}

func distributions() []distribution {
	wide := []string{"amd64", "ppc64el", "s390x", "loong64"}
	return []distribution{
		{name: "debian", origin: "Debian", keyring: "/usr/share/keyrings/debian-archive-keyring.gpg", wide: wide},
		{name: "ubuntu", origin: "Ubuntu", keyring: "/usr/share/keyrings/ubuntu-archive-keyring.gpg", wide: wide},
	}
}

func (t Target) distribution() distribution {
	all := distributions()
	return all[max(slices.IndexFunc(all, func(d distribution) bool { return d.name == t.Distribution }), 0)]
}

const slim = "-slim"

// maxSuite bounds a suite's name, in bytes.
const maxSuite = 64

// ParseReference reads debian:SUITE, debian:SUITE-slim and ubuntu:CODENAME. The error is a [ReferenceError].
func ParseReference(ref string) (Target, error) {
	bad := func(reason string) (Target, error) { return Target{}, &ReferenceError{ref, reason} }
	name, suite, tagged := strings.Cut(ref, ":")
	i := slices.IndexFunc(distributions(), func(d distribution) bool { return d.name == name })
	switch {
	case i < 0:
		return bad("only debian:SUITE and ubuntu:CODENAME are made from packages")
	case !tagged || suite == "":
		return bad("it names no suite, as " + name + ":" + example(name) + " does")
	}
	t := Target{Reference: ref, Distribution: name, Suite: strings.TrimSuffix(suite, slim)}
	switch {
	case t.Suite[:min(1, len(t.Suite))] != "" && t.Suite[0] >= '0' && t.Suite[0] <= '9':
		return bad("mirrors know suites by name, as in " + name + ":" + example(name))
	case !validSuite(t.Suite):
		return bad("a suite is written in small letters, digits and dashes")
	}
	return t, nil
}

func example(distribution string) string {
	if distribution == "ubuntu" {
		return "noble"
	}
	return "bookworm"
}

func validSuite(s string) bool {
	if s == "" || len(s) > maxSuite || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return !strings.Contains(s, "..")
}

// Tags are the references that the image gets when none was asked for: the one that was written, and for a plain suite
// also its slim name, since what is made is as small as that one.
func (t Target) Tags() []string {
	if t.Distribution != "debian" || strings.HasSuffix(t.Reference, slim) {
		return []string{t.Reference}
	}
	return []string{t.Reference, t.Reference + slim}
}

// Architecture gives Debian's name of an architecture that Go, or a kernel, names otherwise.
func Architecture(name string) (string, error) {
	switch name {
	case "amd64", "arm64", "s390x", "riscv64", "loong64":
		return name, nil
	case "386", "i386", "i686":
		return "i386", nil
	case "ppc64le":
		return "ppc64el", nil
	case "loongarch64":
		return "loong64", nil
	case "armv7l", "armv8l":
		return "armhf", nil
	case "armv6l", "armv5tel":
		return "armel", nil
	}
	return "", &ConfigError{Text: "the engine runs on " + name + ", for which no distribution here has packages"}
}
