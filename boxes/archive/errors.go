package archive

import "fmt"

// Error is an archive that is refused for what it is.
type Error struct {
	Text string // one line without a full stop
	Hint string // "" where nothing is known to help
}

func (e *Error) Error() string { return e.Text }

func wrongf(text string, args ...any) error { return &Error{Text: fmt.Sprintf(text, args...)} }

// MismatchError is an archive that is not the one that was asked for.
type MismatchError struct {
	What      string // "the file", "the manifest"
	Got, Want string // "sha256:…"
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s is %s, and %s was asked for", e.What, e.Got, e.Want)
}
