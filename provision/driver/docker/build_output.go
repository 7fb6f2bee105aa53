package docker

import "strings"

// keptLines is how many of a step's last lines its failure shows.
const keptLines = 20

// maxLine is the length, in bytes, at which a line without end is cut.
const maxLine = 64 << 10

// stepOutput splits a step's output into lines and keeps the last ones.
type stepOutput struct {
	kept    []string
	partial string
}

// write takes output and gives the lines that it completes. Of a line that was drawn several times, as progress bars
// are, the last state stays.
func (t *stepOutput) write(text string) []string {
	t.partial += text
	var lines []string
	for {
		line, rest, ended := strings.Cut(t.partial, "\n")
		if !ended && len(line) < maxLine {
			return lines
		}
		t.partial = rest
		lines = append(lines, t.keep(line))
	}
}

// rest gives the last line where it had no end.
func (t *stepOutput) rest() []string {
	if t.partial == "" {
		return nil
	}
	line := t.keep(t.partial)
	t.partial = ""
	return []string{line}
}

func (t *stepOutput) keep(line string) string {
	line = strings.TrimRight(line, "\r")
	if i := strings.LastIndexByte(line, '\r'); i >= 0 {
		line = line[i+1:]
	}
	t.kept = append(t.kept, line)
	if len(t.kept) > keptLines {
		t.kept = t.kept[1:]
	}
	return line
}
