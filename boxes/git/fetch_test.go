package git_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/boxes/git"
)

// history is a repository with three versions, a branch that is ahead, and a commit that only its branch had.
type history struct {
	*repo
	v120, v123, v130, main, lost, side string
}

func newHistory(t *testing.T) history {
	t.Helper()
	h := history{repo: newRepo(t)}
	h.v120 = h.commit(map[string]string{"node/box.hcl": "one\n", "!node/run.sh": "#!/bin/sh\n", "node/common": "-> ../common", "common/x": "x"})
	h.tag("v1.2.0", h.v120, false)
	h.v123 = h.commit(map[string]string{"node/box.hcl": "two\n"})
	h.tag("v1.2.3", h.v123, true)
	h.v130 = h.commit(map[string]string{"node/box.hcl": "three\n"})
	h.tag("1.3.0", h.v130, true)
	h.tag("v1.4.0-rc.1", h.v130, false)
	h.tag("v2.0.0", h.v130, false)
	h.tag("latest", h.v120, false)
	h.side = h.commit(map[string]string{"node/box.hcl": "side\n"})
	h.ref("refs/heads/feature/x", h.side)
	h.main = h.commit(map[string]string{"node/box.hcl": "four\n"})
	h.lost = h.commit(map[string]string{"node/box.hcl": "five\n"})
	h.ref("refs/heads/main", h.main)
	return h
}

func TestFetch(t *testing.T) {
	h := newHistory(t)
	for _, s := range serve(t, h.dir) {
		t.Run(s.name, func(t *testing.T) {
			f := git.New(s.cfg)
			for _, c := range []struct{ query, commit, reference, box string }{
				{"", h.main, "HEAD", "four\n"},
				{"?ref=v1.2.3", h.v123, "refs/tags/v1.2.3", "two\n"},
				{"?ref=latest", h.v120, "refs/tags/latest", "one\n"},
				{"?ref=main", h.main, "refs/heads/main", "four\n"},
				{"?ref=feature/x", h.side, "refs/heads/feature/x", "side\n"},
				{"?ref=refs/heads/feature/x", h.side, "refs/heads/feature/x", "side\n"},
				{"?ref=" + h.main, h.main, "", "four\n"},
				{"?ref=" + h.v123, h.v123, "", "two\n"},
				{"?ref=" + h.side[:8], h.side, "", "side\n"},
				{"?version=~> 1.2", h.v130, "refs/tags/1.3.0", "three\n"},
				{"?version=~> 1.2.0", h.v123, "refs/tags/v1.2.3", "two\n"},
				{"?version=>= 1, < 1.3", h.v123, "refs/tags/v1.2.3", "two\n"},
				{"?version== 1.2.0", h.v120, "refs/tags/v1.2.0", "one\n"},
				{"?version=>= 1.4.0-rc.1, < 2", h.v130, "refs/tags/v1.4.0-rc.1", "three\n"},
			} {
				tree, pin, err := fetch(t, f, s.from+"//node"+c.query, nil)
				if err != nil {
					t.Errorf("%s: %v", c.query, err)
					continue
				}
				if pin.Commit != c.commit || pin.Reference != c.reference || !strings.HasPrefix(pin.Hash, "sha256:") {
					t.Errorf("%s: pin %+v, want %s of %s", c.query, pin, c.commit, c.reference)
				}
				if got, err := tree.ReadFile("node/box.hcl"); err != nil || string(got) != c.box || tree.Dir != "node" {
					t.Errorf("%s: %q %v", c.query, got, err)
				}
				now, err := f.Resolve(t.Context(), parse(t, s.from+c.query))
				if err != nil || now.Commit != pin.Commit || now.Reference != pin.Reference {
					t.Errorf("%s: resolved as %+v, %v", c.query, now, err)
				}
			}
			tree, _, err := fetch(t, f, s.from+"?ref=v1.2.0", nil)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{`-rw-r--r-- common/x "x"`, `-rw-r--r-- node/box.hcl "one\n"`, `-rwxr-xr-x node/run.sh "#!/bin/sh\n"`, `Lrwxrwxrwx node/common "../common"`}
			if diff := cmp.Diff(want, list(t, tree)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
