package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envyhq/envy/internal/hostfs"
)

// What decides who is trusted is read whole or not at all.
func TestUserKeys(t *testing.T) {
	const public = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"
	// Of RFC 8410, where everybody can read it.
	const private = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n"
	for name, tt := range map[string]struct {
		cache string
		files map[string]string
		mode  os.FileMode
		keys  int
		signs bool
		wrong string
	}{
		"nothing":            {},
		"a key":              {`keys = ["a.pub"]`, map[string]string{"a.pub": public}, 0o644, 1, false, ""},
		"two":                {`keys = ["a.pub", "b.pub"]`, map[string]string{"a.pub": public, "b.pub": public}, 0o644, 2, false, ""},
		"own":                {`sign = "a.key"`, map[string]string{"a.key": private}, 0o600, 1, true, ""},
		"both":               {"keys = [\"a.pub\"]\n  sign = \"a.key\"", map[string]string{"a.pub": public, "a.key": private}, 0o600, 2, true, ""},
		"not there":          {`keys = ["a.pub"]`, nil, 0, 0, false, "a.pub: "},
		"no key":             {`keys = ["a.pub"]`, map[string]string{"a.pub": "x"}, 0o600, 0, false, "a.pub: it is no key in PEM"},
		"others may write":   {`keys = ["a.pub"]`, map[string]string{"a.pub": public}, 0o666, 0, false, "others may write it"},
		"own is not there":   {`sign = "a.key"`, nil, 0, 0, false, "a.key: "},
		"others may read":    {`sign = "a.key"`, map[string]string{"a.key": private}, 0o640, 0, false, "others may read it"},
		"the public for own": {`sign = "a.key"`, map[string]string{"a.key": public}, 0o600, 0, false, "a PRIVATE KEY"},
		"broken":             {`keys = [`, nil, 0, 0, false, "config.hcl"},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			process := hostfs.Process{UID: os.Geteuid(), GID: os.Getegid(), Home: home, Getenv: func(string) string { return "" }}
			caller, err := process.Caller(home)
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(home, ".config", "envy")
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if tt.cache != "" {
				if err := os.WriteFile(filepath.Join(dir, userConfigName), []byte("cache {\n  "+tt.cache+"\n}\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for file, text := range tt.files {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(filepath.Join(dir, file), tt.mode); err != nil {
					t.Fatal(err)
				}
			}
			_, keys, err := readUserConfig(caller)
			switch {
			case tt.wrong == "" && err != nil, tt.wrong != "" && (err == nil || !strings.Contains(err.Error(), tt.wrong)):
				t.Fatalf("%v, want %q", err, tt.wrong)
			case err == nil && (len(keys.public) != tt.keys || (keys.sign != nil) != tt.signs):
				t.Errorf("%d keys, signs %v", len(keys.public), keys.sign != nil)
			}
		})
	}
}
