package recipe

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The package managers, as driver.Images.PackageManager names them.
const (
	APT    = "apt"
	APK    = "apk"
	DNF    = "dnf"
	Zypper = "zypper"
	Pacman = "pacman"
)

// installers hold, for each manager, the shell text that installs "$@". "$cache" is a directory for what the manager
// downloads: shared between builds under BuildKit, removed in the same step by the classic builder. So nothing of it is
// left in a layer, and an image's own clean-up hooks, which know the usual places, do not empty it. What a manager
// recommends is installed as the distribution has it set: `packages = ["git"]` gives what it gives on a machine.
var installers = map[string]string{
	// Slim images leave manual pages out, their folders included, without which the alternatives that some packages set (a
	// Java runtime) cannot be linked.
	APT: `export DEBIAN_FRONTEND=noninteractive
mkdir -p "$cache/archives/partial" "$cache/lists/partial" /usr/share/man/man1 /usr/share/man/man7
get() {
	apt-get -q -o Dir::Cache="$cache" -o Dir::State::Lists="$cache/lists" -o APT::Keep-Downloaded-Packages=true \
		-o Acquire::Retries=3 -o Dpkg::Use-Pty=0 -o DPkg::Options::=--force-unsafe-io \
		-o DPkg::Options::=--force-confdef -o DPkg::Options::=--force-confold "$@"
}
get update
get install -y --allow-downgrades -- "$@"
`,
	APK: `apk add --cache-dir "$cache" --update-cache --no-progress -- "$@"
`,
	DNF: `case $(readlink -f "$(command -v dnf)") in
*dnf5) dnf -y --setopt=system_cachedir="$cache" --setopt=keepcache=1 install "$@" ;;
*) dnf -y --setopt=cachedir="$cache" --setopt=keepcache=1 install -- "$@" ;;
esac
`,
	// 102 and 103: done, and something should be restarted.
	Zypper: `zypper --non-interactive --cache-dir "$cache" install -- "$@" || case $? in 102 | 103) ;; *) exit ;; esac
`,
	// Installing from newer indexes without upgrading is what Arch calls unsupported, hence the u.
	Pacman: `had=$(ls /var/lib/pacman/sync 2>/dev/null || :)
pacman -Syu --noconfirm --needed --noprogressbar --cachedir "$cache" -- "$@"
[ -n "$had" ] || rm -f /var/lib/pacman/sync/*
`,
}

// packageStep is the script of the package step; $1 is the cache's directory. With locked versions it installs those, and
// fails where it cannot. What it installed is written down in the image.
func packageStep(manager string, packages []string, versions map[string]string) (string, error) {
	body, ok := installers[manager]
	if !ok {
		return "", fmt.Errorf("package manager %q is not known", manager)
	}
	var b strings.Builder
	b.WriteString("set -e\ncache=$1\nPATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nexport PATH\nmkdir -p \"$cache\"\nset --")
	for _, p := range packages {
		if err := checkPackage(manager, p); err != nil {
			return "", err
		}
	}
	words, err := lockedOrders(manager, packages, versions)
	if err != nil {
		return "", err
	}
	for _, w := range words {
		b.WriteString(" " + quote(w))
	}
	b.WriteString("\nlist() { " + listers[manager] + "; }\nbefore=$(list)\n" + body + report)
	if len(versions) > 0 {
		var lines []string
		for _, name := range slices.Sorted(maps.Keys(versions)) {
			lines = append(lines, name+" "+versions[name])
		}
		b.WriteString("locked=" + quote(strings.Join(lines, "\n")) + "\n" + hold)
	}
	return b.String(), nil
}

// checkPackage refuses what a manager would take for something else than a package of its repositories: an option, a
// path, a URL, a removal. What is left and names nothing is the manager's to refuse.
func checkPackage(manager, name string) error {
	refuse := func(why string) error { return fmt.Errorf("package %q %s", name, why) }
	switch {
	case name == "" || strings.ContainsRune(name, 0):
		return refuse("is no name")
	case strings.HasPrefix(name, "-"):
		return refuse("begins with a hyphen")
	case strings.Contains(name, "/"):
		return refuse("is a path or a URL")
	case manager == APT && strings.HasSuffix(name, "-"):
		return refuse("ends in a hyphen, which apt takes for a removal")
	case manager == APK && (strings.HasPrefix(name, "!") || strings.HasSuffix(name, ".apk")),
		manager == Zypper && strings.HasPrefix(name, "!"),
		(manager == DNF || manager == Zypper) && strings.HasSuffix(name, ".rpm"):
		return refuse("is a file or a removal to " + manager)
	}
	return nil
}
