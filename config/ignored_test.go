package config_test

import (
	"strings"
	"testing"
)

// TestNothingIgnored: values that would mean nothing once they reach the engine are errors.
func TestNothingIgnored(t *testing.T) {
	for body, want := range map[string]string{
		"entrypoint = []":                                   "an empty entrypoint drops the image's command too",
		`stop_timeout = "0s"`:                               "expected at least 1s",
		`stop_timeout = "1s"`:                               "",
		"entrypoint = []\ncommand = \"sleep 9\"":            "",
		"file \"/x\" {\ncontent = \"\"\nmode = \"4755\"\n}": "permissions in octal",
	} {
		got := strings.Join(problems(t, values(), box(body)), "\n")
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s:\n%s\nwant %q", body, got, want)
		}
	}
}
