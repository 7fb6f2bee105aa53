package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/envyhq/envy/boxes/bootstrap/mirrortest"
	"github.com/envyhq/envy/provision/driver/fake"
)

// TestBoxBootstrap makes an image of a mirror of a test's, needs no Envfile, and keeps what it fetched.
func TestBoxBootstrap(t *testing.T) {
	m := newMachine(t, "")
	if err := os.Remove(filepath.Join(m.dir, "Envfile")); err != nil {
		t.Fatal(err)
	}
	mirror := mirrortest.New(t, time.Now())
	m.write("k.gpg", string(mirrortest.Public(t, mirror.Key)))
	args := []string{"box", "bootstrap", "debian:bookworm", "--mirror", mirror.URL + "/debian", "--keyring", "k.gpg"}

	m.engine = fake.New(fake.Options{})
	m.want(0, "", args...)
	if out := m.out.String(); !strings.HasPrefix(out, "made debian:bookworm, debian:bookworm-slim: 8 packages of bookworm as of ") {
		t.Errorf("stdout %q", out)
	}
	m.says("image debian:bookworm: bootstrapping", "image debian:bookworm: made", "fetching packages", "making the first file system")

	mirror.Requests = nil
	m.want(0, "", append(slices.Clone(args), "--tag", "team/base:1", "--packages", "hello,tar", "--format", "json")...)
	var made struct {
		Format, Image, Suite, Mirror string
		Version                      int
		Tags, Packages               []string
		Snapshot                     time.Time
	}
	if err := json.Unmarshal([]byte(m.out.String()), &made); err != nil {
		t.Fatal(err)
	}
	if made.Format != "envy.bootstrap" || made.Version != 1 || !slices.Equal(made.Tags, []string{"team/base:1"}) || len(made.Packages) != 10 {
		t.Errorf("%+v", made)
	}
	for _, r := range mirror.Requests {
		if !strings.Contains(r, "InRelease") && !strings.Contains(r, "hello") && !strings.Contains(r, "greeter") {
			t.Errorf("%s was fetched again", r)
		}
	}

	mirror.Release["Date"] = time.Now().UTC().Add(-24 * time.Hour).Format("Mon, 02 Jan 2006 15:04:05 UTC")
	mirror.Build(t)
	m.want(5, "", args...)
	m.says("older than what this mirror gave before", "Hint: ")
}
