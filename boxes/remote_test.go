package boxes_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/envyhq/envy/boxes/git"
	"github.com/envyhq/envy/boxes/lock"
	"github.com/envyhq/envy/boxes/source"
	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
)

const (
	commit = "0123456789abcdef0123456789abcdef01234567"
	hash   = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// server is a fetcher that fails with an error, or is never to be asked.
func server(t *testing.T, err error, asked *int) func(context.Context, source.Git, *git.Pin) (git.Tree, git.Pin, error) {
	t.Helper()
	return func(context.Context, source.Git, *git.Pin) (git.Tree, git.Pin, error) {
		*asked++
		return git.Tree{}, git.Pin{}, err
	}
}

// TestNothingIsFetchedUnasked: a repository is asked only once somebody allows it, or once it is locked; one of this machine
// is asked about in any case.
func TestNothingIsFetchedUnasked(t *testing.T) {
	locked := lock.Lock{}
	locked.SetBox(lock.Box{Source: "git::https://example.com/b.git//web", Ref: "v1", Commit: commit, Hash: hash, Reference: "refs/tags/v1"})
	locked.SetBox(lock.Box{Source: "git::file:///srv/b.git", Commit: commit, Hash: hash, Reference: "HEAD"})
	for name, tt := range map[string]struct {
		ref    string
		lock   lock.Lock
		trusts bool
		strict bool
		asked  int
		want   string
	}{
		"unlocked":                  {ref: "git::https://example.com/b.git", want: "untrusted: the definition git::https://example.com/b.git is fetched, which is not locked yet"},
		"unlocked, ssh":             {ref: "git::ssh://git@example.com/b.git?ref=v1", want: "untrusted: the definition git::ssh://example.com/b.git?ref=v1 is fetched"},
		"trusted":                   {ref: "git::https://example.com/b.git", trusts: true, asked: 1, want: "nobody home"},
		"locked":                    {ref: "git::https://example.com/b.git//web?ref=v1", lock: locked, asked: 1, want: "nobody home"},
		"locked with another ref":   {ref: "git::https://example.com/b.git//web?ref=v2", lock: locked, want: "untrusted"},
		"locked for another folder": {ref: "git::https://example.com/b.git?ref=v1", lock: locked, want: "untrusted"},
		"of this machine":           {ref: "git::file:///srv/b.git", lock: locked, want: "untrusted: the definition git::file:///srv/b.git is read from a repository outside the project"},
		"of this machine, trusted":  {ref: "git::file:///srv/b.git", lock: locked, trusts: true, asked: 1, want: "nobody home"},
		"--locked":                  {ref: "git::https://example.com/b.git", trusts: true, strict: true, want: "--locked: Envfile.lock has nothing on git::https://example.com/b.git"},
		"no address":                {ref: "git::http://example.com/b.git", trusts: true, want: "https"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			f := finder()
			f.Lock, f.Locked = tt.lock, tt.strict
			f.Trusts = func(config.GateEntry) bool { return tt.trusts }
			f.Git = server(t, &git.Error{Kind: git.Unreachable, Source: "x", Summary: "nobody home"}, &asked)
			_, err := f.Definition(t.Context(), tt.ref, nil)
			got := ""
			var untrusted *config.UntrustedError
			var known *config.DefinitionError
			switch {
			case errors.As(err, &untrusted):
				got = "untrusted: " + untrusted.Asks.What
			case errors.As(err, &known):
				got = known.Summary + known.Hint
			}
			if asked != tt.asked || !strings.Contains(got, tt.want) {
				t.Errorf("asked %d times, %s (%v), want %d, %s", asked, got, err, tt.asked, tt.want)
			}
		})
	}
}

// TestFetchErrors: what has changed is refused, what does not answer has failed, the rest is wrong in the Envfile.
func TestFetchErrors(t *testing.T) {
	for kind, want := range map[git.Kind]diag.Class{
		git.NotFound: diag.Invalid, git.Invalid: diag.Invalid, git.TooLarge: diag.Invalid,
		git.Unreachable: diag.Failed, git.Denied: diag.Failed, git.Changed: diag.Refused,
	} {
		asked := 0
		f := finder()
		f.Trusts = func(config.GateEntry) bool { return true }
		f.Git = server(t, &git.Error{Kind: kind, Source: "x", Summary: "s", Hint: "h"}, &asked)
		_, err := f.Definition(t.Context(), "git::https://example.com/b.git", nil)
		var known *config.DefinitionError
		if !errors.As(err, &known) || known.Class != want || known.Hint == "" {
			t.Errorf("%d: %v, class %d, want %d", kind, err, known.Class, want)
		}
	}
}

// folder is a directory outside.
type folder struct{ fstest.MapFS }

func (f folder) Below(dir string) (fs.FS, error) { return fs.Sub(f.MapFS, dir) }

// TestOutside: a directory outside is opened once it is allowed; what it names stays in it.
func TestOutside(t *testing.T) {
	f := finder()
	f.Outside = func(dir string) (config.Tree, error) {
		return folder{fstest.MapFS{"box.hcl": {Data: []byte("box { image = \"x\" }")}, "sub/box.hcl": {Data: []byte("box {}")}}}, nil
	}
	_, err := f.Definition(t.Context(), "./out", nil)
	var untrusted *config.UntrustedError
	if !errors.As(err, &untrusted) || untrusted.Asks.Reaches != "/outside" {
		t.Fatal(err)
	}
	f.Trusts = func(e config.GateEntry) bool { return e == untrusted.Asks }
	def, err := f.Definition(t.Context(), "./out", nil)
	if err != nil || def.Dir != "" || !def.Unquoted || *def.Asks != untrusted.Asks {
		t.Fatal(def, err)
	}
	if sub, err := f.Definition(t.Context(), "./sub", def); err != nil || sub.Dir != "" || !sub.Unquoted || sub.Content == nil || sub.Place != "/outside" {
		t.Error(sub, err)
	}
	for _, ref := range []string{"..", "../x", "./../../etc"} {
		if _, err := f.Definition(t.Context(), ref, def); err == nil {
			t.Error(ref, "leads out")
		}
	}
	moved := &config.DefinitionError{Class: diag.Refused, Summary: "it leads elsewhere"}
	for _, cause := range []error{moved, errors.New("no")} {
		f.Outside = func(string) (config.Tree, error) { return nil, errors.Join(cause) }
		var got *config.DefinitionError
		if _, err := f.Definition(t.Context(), "./out", nil); !errors.As(err, &got) || (got.Class == diag.Refused) != (cause == error(moved)) {
			t.Error(err)
		}
	}
}
