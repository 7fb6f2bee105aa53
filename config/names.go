package config

import (
	"net/netip"
	"path"
	"strconv"
	"strings"

	"github.com/distribution/reference"

	"github.com/envyhq/envy/internal/lazyre"
)

// maxHostLabel is the longest label of a DNS name; project, box and index together stay within it.
const maxHostLabel = 63

var (
	hostLabelRE  = lazyre.New(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	dottedRE     = lazyre.New(`^[a-zA-Z0-9]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?)*$`)
	blockLabelRE = lazyre.New(`^[a-z0-9][a-z0-9_.-]{0,62}$`)
	variableRE   = lazyre.New(`^[a-z_][a-z0-9_]*$`)
	envNameRE    = lazyre.New(`^[A-Za-z_][A-Za-z0-9_.-]*$`)
	userIDRE     = lazyre.New(`^[0-9]{1,10}(:[0-9]{1,10})?$`)
	packageRE    = lazyre.New(`^[A-Za-z0-9][A-Za-z0-9+._:@-]*$`)
	versionRE    = lazyre.New(`^[A-Za-z0-9][A-Za-z0-9+._:~^-]*$`)
	engineNameRE = lazyre.New(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)
	stageRE      = lazyre.New(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)
	onFailureRE  = lazyre.New(`^on-failure(:[1-9][0-9]{0,5})?$`)
)

// The rules below return what is expected, or "" when the string is well. None of them quotes it.

func hostLabel(s string) string {
	if s == "localhost" {
		return "a name other than localhost"
	}
	if !hostLabelRE.MatchString(s) {
		return "lower-case letters, digits and hyphens, at most 63, with a letter or digit at both ends"
	}
	return ""
}

func blockLabel(s string) string {
	if !blockLabelRE.MatchString(s) {
		return "lower-case letters, digits, and _ . - behind the first, at most 63"
	}
	return ""
}

func variableName(s string) string {
	if !variableRE.MatchString(s) {
		return "lower-case letters, digits and _, with no digit first"
	}
	return ""
}

func dottedName(s string) string {
	if len(s) > 253 || !dottedRE.MatchString(s) {
		return "a host name: letters, digits, hyphens and dots"
	}
	if strings.EqualFold(s, "localhost") {
		return "a name other than localhost"
	}
	return ""
}

func envName(s string) string {
	if !envNameRE.MatchString(s) {
		return "a name of letters, digits and _ . -, with a letter or _ first"
	}
	return ""
}

func userName(s string) string {
	if s != "" && strings.Trim(s, "0123456789:") == "" {
		if !userIDRE.MatchString(s) {
			return "uid or uid:gid"
		}
		for part := range strings.SplitSeq(s, ":") {
			if _, err := strconv.ParseUint(part, 10, 31); err != nil {
				return "ids below 2147483648"
			}
		}
		return ""
	}
	if !blockLabelRE.MatchString(s) {
		return "a user's name in lower case, or uid[:gid]"
	}
	return ""
}

func groupName(s string) string {
	if !blockLabelRE.MatchString(s) {
		return "a group's name in lower case, or its id"
	}
	return ""
}

func ownerName(s string) string {
	user, group, both := strings.Cut(s, ":")
	if !blockLabelRE.MatchString(user) || both && !blockLabelRE.MatchString(group) {
		return "user[:group], by name or id"
	}
	return ""
}

// packageName takes name, name=version and name@version as the managers have them; a path, a URL or an option is none.
func packageName(s string) string {
	name, version, found := strings.Cut(s, "=")
	switch {
	case strings.HasPrefix(s, "-"):
		return "a package's name, which never starts with -"
	case strings.ContainsAny(s, "/\\") || strings.HasPrefix(s, "."):
		return "a package's name, not a path or a URL"
	case !packageRE.MatchString(name) || found && !versionRE.MatchString(version):
		return "a package's name as its manager has it, with an optional =version"
	}
	return ""
}

func engineName(s string) string {
	if !engineNameRE.MatchString(s) {
		return "the engine's name of it: letters, digits and _ . -"
	}
	return ""
}

func imageReference(s string) string {
	if _, err := reference.ParseNormalizedNamed(s); err != nil {
		return "an image reference, as \"debian:bookworm-slim\" or \"registry.example.com/org/image@sha256:…\""
	}
	return ""
}

func absolutePath(s string) string {
	if !path.IsAbs(s) || path.Clean(s) != s {
		return "an absolute, clean path"
	}
	return ""
}

// mountTarget is a place in the box that a mount or a file may take.
func mountTarget(s string) string {
	if what := absolutePath(s); what != "" {
		return what
	}
	if strings.Contains(s, ":") {
		return "a path without a colon"
	}
	switch {
	case s == "/":
		return "a path other than the root"
	case s == "/sys", s == "/dev", s == "/proc", strings.HasPrefix(s, "/proc/"):
		return "a path other than /proc, /sys and /dev"
	}
	if s == "/.envy" || strings.HasPrefix(s, "/.envy/") {
		return "a path outside /.envy, where envy's agent lives"
	}
	return ""
}

func pathEntry(s string) string {
	if strings.Contains(s, ":") {
		return "one directory an entry, without a colon"
	}
	return absolutePath(s)
}

func hostPath(s string) string {
	if s == "" {
		return "a path on the host"
	}
	if strings.HasPrefix(s, "~") && s != "~" && !strings.HasPrefix(s, "~/") {
		return "a path; of home directories only your own, as ~/…"
	}
	return ""
}

func insidePath(s string) string {
	if s == "" || strings.HasPrefix(s, "~") {
		return "a path inside the checkout"
	}
	return ""
}

func contextPath(s string) string {
	if s == "" || path.IsAbs(s) || strings.HasPrefix(path.Clean(s)+"/", "../") {
		return "a path inside the context"
	}
	return ""
}

func inputPattern(s string) string {
	if what := insidePath(s); what != "" {
		return what
	}
	if _, err := path.Match(s, ""); err != nil {
		return "a path or a pattern with * and **"
	}
	return ""
}

func stageName(s string) string {
	if !stageRE.MatchString(s) {
		return "a stage's name or number"
	}
	return ""
}

func restartPolicy(s string) string {
	switch {
	case s == "no", s == "always", s == "unless-stopped", onFailureRE.MatchString(s):
		return ""
	}
	return "\"no\", \"always\", \"unless-stopped\" or \"on-failure[:N]\""
}

func networkMode(s string) string {
	if name, ok := strings.CutPrefix(s, "box:"); ok {
		if hostLabel(name) != "" {
			return "a box's name behind box:"
		}
		return ""
	}
	switch s {
	case "bridge", "host", "none":
		return ""
	}
	return "\"bridge\", \"host\", \"none\" or \"box:NAME\""
}

func ipAddress(s string) string {
	if a, err := netip.ParseAddr(s); err != nil || a.Zone() != "" {
		return "an IP address"
	}
	return ""
}

func subnet(s string) string {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return "a subnet, as \"10.9.0.0/24\""
	}
	if p.Masked() != p {
		return "a subnet whose address has no bits behind its mask: " + p.Masked().String()
	}
	return ""
}

func fileMode(s string) string {
	if v, err := strconv.ParseUint(s, 8, 32); err != nil || v == 0 || v > 0o777 {
		return "permissions in octal, from 0001 to 0777"
	}
	return ""
}

func labelKey(s string) string {
	switch {
	case s == "" || strings.ContainsAny(s, " \t\n="):
		return "a label's key without blanks or ="
	case strings.HasPrefix(s, "io.envy."), strings.HasPrefix(s, "com.docker.compose."):
		return "a key outside io.envy.* and com.docker.compose.*, which are envy's to set"
	}
	return ""
}

// badControl returns the first control character that no string may hold, and whether a newline is one of them.
func badControl(s string, newlines bool) (rune, bool) {
	for _, r := range s {
		if r == '\t' || r == '\n' && newlines {
			continue
		}
		if r < 0x20 || r >= 0x7f && r < 0xa0 {
			return r, true
		}
	}
	return 0, false
}
