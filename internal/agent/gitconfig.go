//go:build linux

package agent

import (
	"slices"
	"strings"
)

// addSafeDirectories returns a git configuration that trusts these directories,
// unchanged where it does already.
func addSafeDirectories(config string, dirs []string) string {
	trusted := safeDirectories(config)
	if slices.Contains(trusted, "*") {
		return config
	}
	var added strings.Builder
	for _, dir := range dirs {
		if !slices.Contains(trusted, dir) {
			quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(dir)
			added.WriteString("\tdirectory = \"" + quoted + "\"\n")
			trusted = append(trusted, dir)
		}
	}
	if added.Len() == 0 {
		return config
	}
	if config != "" && !strings.HasSuffix(config, "\n") {
		config += "\n"
	}
	return config + "[safe]\n" + added.String()
}

// safeDirectories reads the values of safe.directory. An empty one empties the
// list, as git reads it.
func safeDirectories(config string) []string {
	var dirs []string
	inSafe := false
	for line := range strings.SplitSeq(config, "\n") {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			header, rest, _ := strings.Cut(line[1:], "]")
			inSafe = strings.EqualFold(strings.TrimSpace(header), "safe")
			line = strings.TrimSpace(rest)
		}
		key, value, ok := strings.Cut(line, "=")
		if !inSafe || !ok || !strings.EqualFold(strings.TrimSpace(key), "directory") {
			continue
		}
		if dir := gitValue(value); dir == "" {
			dirs = nil
		} else {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// gitValue takes quotes, escapes and a comment off a value.
func gitValue(text string) string {
	var value strings.Builder
	text = strings.TrimSpace(text)
	quoted, end := false, 0 // end: of what is not blank space before a comment
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '"':
			quoted = !quoted
			end = value.Len()
			continue
		case (c == '#' || c == ';') && !quoted:
			return value.String()[:end]
		case c == '\\' && i+1 < len(text):
			i++
			c = strings.NewReplacer("n", "\n", "t", "\t", "b", "\b").Replace(text[i : i+1])[0]
		case (c == ' ' || c == '\t') && !quoted:
			value.WriteByte(c)
			continue
		}
		value.WriteByte(c)
		end = value.Len()
	}
	return value.String()[:end]
}
