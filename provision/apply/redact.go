package apply

import (
	"bytes"
	"io"
	"strings"
)

// redacted stands for a sensitive value in what a box printed.
const redacted = "(sensitive)"

// shortestSecret: shorter ones would make holes in every line.
const shortestSecret = 4

// redact takes sensitive values out of a text (§2, Sensitive: never in a log).
func redact(text string, secrets []string) string {
	for _, s := range secrets {
		if len(s) >= shortestSecret {
			text = strings.ReplaceAll(text, s, redacted)
		}
	}
	return text
}

func redactLines(lines, secrets []string) []string {
	for i := range lines {
		lines[i] = redact(lines[i], secrets)
	}
	return lines
}

// maxHeld bounds a line without an end, in bytes.
const maxHeld = 64 << 10

// redactor takes sensitive values out of a stream, line by line, since a value may come in two writes.
type redactor struct {
	to      io.Writer
	secrets []string
	held    []byte
}

// Write implements io.Writer.
func (r *redactor) Write(p []byte) (int, error) {
	r.held = append(r.held, p...)
	end := bytes.LastIndexByte(r.held, '\n') + 1
	if end == 0 && len(r.held) < maxHeld {
		return len(p), nil
	}
	if end == 0 {
		end = len(r.held)
	}
	_, err := io.WriteString(r.to, redact(string(r.held[:end]), r.secrets))
	r.held = append(r.held[:0], r.held[end:]...)
	return len(p), err
}

// flush passes on a last line that has no end.
func (r *redactor) flush() error {
	_, err := io.WriteString(r.to, redact(string(r.held), r.secrets))
	r.held = nil
	return err
}
