package recipe

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/envyhq/envy/internal/lazyre"
	"github.com/envyhq/envy/provision/resource"
)

// Installed is the file of an image in which the package step writes down what it installed or changed: a line of name and
// version for each, in the order of the manager's own list.
const Installed = "/usr/share/envy/packages"

// MaxInstalled bounds that file, in bytes.
const MaxInstalled = 1 << 20

// listers hold, for each manager, the shell text that lists all packages, a line of name and version for each. The names are
// as the manager takes them in an order for a version.
var listers = map[string]string{
	APT: `dpkg-query -W -f '${db:Status-Abbrev}${binary:Package} ${Version}\n' | sed -n 's/^ii *//p'`,
	APK: `apk info -v 2>/dev/null | while IFS= read -r line; do
	release=${line##*-} line=${line%-*}
	printf '%s %s\n' "${line%-*}" "${line##*-}-$release"
done`,
	DNF:    `rpm -qa --qf '%{NAME} %|EPOCH?{%{EPOCH}}:{0}|:%{VERSION}-%{RELEASE}.%{ARCH}\n' | grep -v '^gpg-pubkey ' | sort`,
	Zypper: `rpm -qa --qf '%{NAME} %{VERSION}-%{RELEASE}\n' | grep -v '^gpg-pubkey ' | sort`,
	Pacman: `pacman -Q`,
}

// pinnedOrder is an order for one version, in a manager's own words. Pacman's mirrors have one version of each, so that there only
// the check afterwards tells.
func pinnedOrder(manager, name, version string) string {
	switch manager {
	case DNF:
		return name + "-" + version
	case Pacman:
		return name
	}
	return name + "=" + version
}

// report is the end of the package step: what there is now, but for what was there before, goes into Installed.
const report = `after=$(list)
newline='
'
mkdir -p /usr/share/envy
printf '%s\n' "$after" | while IFS= read -r line; do
	case $newline$before$newline in *"$newline$line$newline"*) ;; *) printf '%s\n' "$line" ;; esac
done >` + Installed + "\n"

// hold ends the step where what was installed is not what is locked; $locked has it in the lines of the report.
const hold = `while IFS= read -r line; do
	case $newline$after$newline in
	*"$newline$line$newline"*) ;;
	*) echo "envy: the lock holds $line, and that is not what was installed" >&2; exit 1 ;;
	esac
done <<EOF
$locked
EOF
`

var (
	versionText = lazyre.New(`^[A-Za-z0-9][A-Za-z0-9.+:~^_-]*$`)
	nameText    = lazyre.New(`^[A-Za-z0-9_][A-Za-z0-9.+:_@-]*$`)
)

// lockedOrders are the words that install exactly what is locked, and beside it the packages that the base had anyway.
func lockedOrders(manager string, packages []string, versions map[string]string) ([]string, error) {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		version := versions[name]
		if !nameText.MatchString(name) || !versionText.MatchString(version) {
			return nil, fmt.Errorf("the lock's package %q in version %q is no package", name, version)
		}
		if err := checkPackage(manager, name); err != nil {
			return nil, err
		}
		words = append(words, pinnedOrder(manager, name, version))
	}
	for _, p := range packages {
		if _, locked := versions[plainName(p)]; !locked {
			words = append(words, p)
		}
	}
	return words, nil
}

// plainName is a package's name as written, without a version behind it.
func plainName(written string) string {
	if i := strings.IndexAny(written, "=<>~"); i > 0 {
		return written[:i]
	}
	return written
}

// DecodeInstalled reads the file Installed. Lines that name nothing are an error: a package's image is not to be trusted.
func DecodeInstalled(data []byte) (map[string]string, error) {
	if len(data) > MaxInstalled {
		return nil, fmt.Errorf("%s is larger than %d bytes", Installed, MaxInstalled)
	}
	versions := map[string]string{}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		name, version, ok := strings.Cut(line, " ")
		if line == "" {
			continue
		}
		if !ok || !nameText.MatchString(name) || !versionText.MatchString(version) {
			return nil, fmt.Errorf("%s: %q is no package and version", Installed, line)
		}
		versions[name] = version
	}
	return versions, nil
}

// VersionsID is what tells one set of locked versions from another: eight hex digits, "" for none.
func VersionsID(versions map[string]string) string {
	if len(versions) == 0 {
		return ""
	}
	return digest(versions)[:8]
}

// LockedTag is the local reference of the image that Hash addresses, with its packages in these versions.
func LockedTag(spec resource.ImageSpec, versions map[string]string) string {
	if id := VersionsID(versions); id != "" {
		return Tag(spec) + "-" + id
	}
	return Tag(spec)
}

// LockKey names the packages of an image in the lock: what they are put on, and what is asked for.
func LockKey(spec resource.ImageSpec) string {
	const longest = 1024
	key := spec.Reference + " + " + strings.Join(spec.Packages, " ")
	if len(key) > longest {
		key = key[:longest] + " " + digest(spec.Packages)
	}
	return key
}
