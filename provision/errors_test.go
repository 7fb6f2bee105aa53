package provision

import "testing"

// What somebody typed, or an engine called a box, stands escaped in an error.
func TestNamesAreEscaped(t *testing.T) {
	for want, err := range map[string]error{
		`there is no box "a\"b\n": nothing is up in this checkout`: &NoBoxError{Name: "a\"b\n"},
		`there is no box "\x1b[2J"`:                                &NoBoxError{Name: "\x1b[2J", Known: []string{"web"}},
		`box "a\"b" is paused`:                                     &StateError{Box: `a"b`, State: "paused"},
	} {
		if got := err.Error(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
