//go:build linux

package agent

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// mounts are the mount points of the box.
type mounts map[string]bool

func (a *Agent) readMounts() (mounts, error) {
	data, err := os.ReadFile(a.at("/proc/self/mountinfo"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return parseMounts(string(data)), err
}

// parseMounts takes the fifth field of each line, in which spaces, tabs, line
// breaks and backslashes stand as octal numbers, but no other blank space.
func parseMounts(mountinfo string) mounts {
	found := mounts{}
	for line := range strings.Lines(mountinfo) {
		if fields := strings.Split(strings.TrimSuffix(line, "\n"), " "); len(fields) > 4 {
			found[unescape(fields[4])] = true
		}
	}
	return found
}

func unescape(text string) string {
	before, rest, ok := strings.Cut(text, `\`)
	if !ok || len(rest) < 3 {
		return text
	}
	char, err := strconv.ParseUint(rest[:3], 8, 8)
	if err != nil {
		return before + `\` + unescape(rest)
	}
	return before + string([]byte{byte(char)}) + unescape(rest[3:])
}

// foreign reports whether a path lies in something that is mounted and is none
// of the volumes: a share, which is the host's.
func (m mounts) foreign(name string, volumes []string) bool {
	for ; name != "/" && name != "."; name = path.Dir(name) {
		if m[name] {
			return !slices.Contains(volumes, name)
		}
	}
	return false
}

// leadTo reports whether a path is a mount point or above one.
func (m mounts) leadTo(name string) bool {
	for point := range m {
		if point == name || strings.HasPrefix(point, name+"/") {
			return true
		}
	}
	return false
}

// between are the folders from below top down to above name, outermost first;
// none where name is not below top.
func between(top, name string) []string {
	if !strings.HasPrefix(name, strings.TrimSuffix(top, "/")+"/") {
		return nil
	}
	var dirs []string
	for dir := path.Dir(name); dir != top; dir = path.Dir(dir) {
		dirs = append(dirs, dir)
	}
	slices.Reverse(dirs)
	return dirs
}
