package docker

import (
	"maps"
	"slices"
	"strings"
)

// keptLines is how many of a step's last lines its failure shows.
const keptLines = 20

// maxLine is the length, in bytes, at which a line without end is cut.
const maxLine = 64 << 10

// stepOutput splits a step's output into lines and keeps the last ones.
type stepOutput struct {
	kept    []string
	partial map[int64]string // by stream: standard output and error do not break into each other's lines
}

// write takes output of a stream and gives the lines that it completes. Of a line that was drawn several times, as
// progress bars are, the last state stays.
func (o *stepOutput) write(stream int64, text string) []string {
	text = o.partial[stream] + text
	var lines []string
	for {
		line, rest, ended := strings.Cut(text, "\n")
		if !ended && len(line) < maxLine {
			break
		}
		text = rest
		lines = append(lines, o.keep(line))
	}
	if o.partial == nil {
		o.partial = map[int64]string{}
	}
	if o.partial[stream] = text; text == "" {
		delete(o.partial, stream)
	}
	return lines
}

// rest gives the last lines where they had no end.
func (o *stepOutput) rest() []string {
	var lines []string
	for _, stream := range slices.Sorted(maps.Keys(o.partial)) {
		lines = append(lines, o.keep(o.partial[stream]))
	}
	o.partial = nil
	return lines
}

func (o *stepOutput) keep(line string) string {
	line = strings.TrimRight(line, "\r")
	if i := strings.LastIndexByte(line, '\r'); i >= 0 {
		line = line[i+1:]
	}
	o.kept = append(o.kept, line)
	if len(o.kept) > keptLines {
		o.kept = o.kept[1:]
	}
	return line
}
