package bootstrap

import "fmt"

// ReferenceError is an image reference that names nothing that can be bootstrapped.
type ReferenceError struct {
	Reference string
	Reason    string
}

func (e *ReferenceError) Error() string {
	return fmt.Sprintf("%q cannot be bootstrapped: %s", e.Reference, e.Reason)
}

// UnverifiedError is something from a mirror that is not what it should be: a signature, a checksum, a date. It is
// refused, never asked about.
type UnverifiedError struct {
	Object string // "the release file of bookworm", "package libc6"
	Reason string
	Hint   string
	Err    error // may be nil
}

func (e *UnverifiedError) Error() string { return e.Object + " is refused: " + e.Reason }

// Unwrap gives the cause.
func (e *UnverifiedError) Unwrap() error { return e.Err }

// ConfigError is a host, or a command line, that does not say enough: no mirror, no keyring.
type ConfigError struct{ Text, Hint string }

func (e *ConfigError) Error() string { return e.Text }

// formatError is data that is not in its format, or over a limit of it.
type formatError struct {
	what string
	line int // 0: none
	text string
}

func (e *formatError) Error() string {
	if e.line > 0 {
		return fmt.Sprintf("%s, line %d: %s", e.what, e.line, e.text)
	}
	return e.what + ": " + e.text
}
