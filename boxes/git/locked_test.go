package git_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/boxes/git"
)

// TestLocked: what was locked is what comes, whatever the repository says by now; what cannot be is refused.
func TestLocked(t *testing.T) {
	h := newHistory(t)
	for _, s := range serve(t, h.dir) {
		t.Run(s.name, func(t *testing.T) {
			h := newHistory(t)
			for _, again := range serve(t, h.dir) {
				if again.name == s.name {
					s = again
				}
			}
			s.cfg.Cache = nil
			f := git.New(s.cfg)
			_, branch, err := fetch(t, f, s.from+"//node?ref=feature/x", nil)
			if err != nil {
				t.Fatal(err)
			}
			_, tag, err := fetch(t, f, s.from+"//node?version=~> 1.2.0", nil)
			if err != nil {
				t.Fatal(err)
			}
			_, light, err := fetch(t, f, s.from+"//node?ref=v1.2.0", nil)
			if err != nil {
				t.Fatal(err)
			}

			// The branch goes on: the lock stays.
			h.ref("refs/heads/feature/x", h.lost)
			tree, pin, err := fetch(t, f, s.from+"//node?ref=feature/x", &branch)
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := tree.ReadFile("node/box.hcl"); pin != branch || string(got) != "side\n" {
				t.Errorf("%+v %q", pin, got)
			}

			// A newer version comes: the lock stays.
			h.tag("v1.2.9", h.main, true)
			if _, pin, err := fetch(t, f, s.from+"//node?version=~> 1.2.0", &tag); err != nil || pin != tag {
				t.Errorf("%+v %v", pin, err)
			}
			if now, err := f.Resolve(t.Context(), parse(t, s.from+"?version=~> 1.2.0")); err != nil || now.Reference != "refs/tags/v1.2.9" {
				t.Errorf("%+v %v", now, err)
			}

			// A tag is moved: refused, with what changed.
			h.tag("v1.2.3", h.lost, true)
			_, _, err = fetch(t, f, s.from+"//node?version=~> 1.2.0", &tag)
			wantKind(t, err, git.Changed, "tag v1.2.3 was "+h.v123+", is now "+h.lost, "envy lock --upgrade")
			h.tag("v1.2.0", h.lost, false)
			_, _, err = fetch(t, f, s.from+"//node?ref=v1.2.0", &light)
			wantKind(t, err, git.Changed, "tag v1.2.0 was "+h.v120+", is now "+h.lost)

			// A tag is deleted, its commit still there.
			h.must(h.r.DeleteTag("v1.2.3"))
			if _, pin, err := fetch(t, f, s.from+"//node?version=~> 1.2.0", &tag); err != nil || pin != tag {
				t.Errorf("%+v %v", pin, err)
			}

			// The content is another than what was locked.
			lied := branch
			lied.Hash = "sha256:" + strings.Repeat("0", 64)
			_, _, err = fetch(t, f, s.from+"//node?ref=feature/x", &lied)
			wantKind(t, err, git.Changed, "had content sha256:000", branch.Hash)
		})
	}
}

// TestForcePush: a locked commit that a force-push took away is refused, as long as no cache has it.
func TestForcePush(t *testing.T) {
	h := newHistory(t)
	for _, s := range serve(t, h.dir) {
		t.Run(s.name, func(t *testing.T) {
			gone := git.Pin{Commit: strings.Repeat("ab", 20), Reference: "refs/heads/main", Hash: "sha256:" + strings.Repeat("0", 64)}
			_, _, err := fetch(t, git.New(s.cfg), s.from, &gone)
			wantKind(t, err, git.Changed, "commit "+gone.Commit+" is no longer there; branch main is now "+h.main)
		})
	}
}

func TestCache(t *testing.T) {
	h := newHistory(t)
	for _, s := range serve(t, h.dir) {
		if s.hits == nil {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			kept := newCache(t)
			s.cfg.Cache = kept
			f := git.New(s.cfg)
			first, pin, err := fetch(t, f, s.from+"//node?version=~> 1.2.0", nil)
			if err != nil {
				t.Fatal(err)
			}
			before := s.hits.get()
			again, samePin, err := fetch(t, f, s.from+"//node?version=~> 1.2.0", &pin)
			if err != nil || samePin != pin {
				t.Fatal(samePin, err)
			}
			if diff := cmp.Diff(list(t, first), list(t, again)); diff != "" || again.Dir != "node" {
				t.Error(diff)
			}
			// Another directory of the same repository and commit needs nothing more.
			if _, _, err := fetch(t, f, s.from+"//common?version=~> 1.2.0", &pin); err != nil {
				t.Error(err)
			}
			if n := s.hits.get() - before; n != 0 {
				t.Errorf("%d connections were opened", n)
			}
			_, _, err = fetch(t, f, s.from+"//nothing", &pin)
			wantKind(t, err, git.NotFound, `no directory "nothing"`)

			// What somebody put into the cache is passed over, and replaced.
			key := kept.keys(t)[0]
			tampered, err := kept.Get(key, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			tampered[len(tampered)-2]++
			for _, bad := range [][]byte{tampered, nil, []byte("envy tree 1\n")} {
				if err := kept.Put(key, bad); err != nil {
					t.Fatal(err)
				}
				if again, _, err = fetch(t, f, s.from+"//node?version=~> 1.2.0", &pin); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(list(t, first), list(t, again)); diff != "" {
					t.Error(diff)
				}
			}
			if s.hits.get() == before {
				t.Error("the cache was believed")
			}
		})
	}
}

// TestNoConnection: with the cache full, not even a connection is tried.
func TestNoConnection(t *testing.T) {
	h := newHistory(t)
	s := serve(t, h.dir)[1]
	s.cfg.Cache = newCache(t)
	_, pin, err := fetch(t, git.New(s.cfg), s.from, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
		t.Error("a connection is tried")
		return nil, errors.New("the network is off")
	}
	if _, _, err = fetch(t, git.New(s.cfg), s.from, &pin); err != nil {
		t.Error(err)
	}
	s.cfg.Cache = newCache(t)
	s.cfg.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("the network is off") }
	_, _, err = fetch(t, git.New(s.cfg), s.from, &pin)
	wantKind(t, err, git.Unreachable, "the network is off")
}

// TestTime: a server that says nothing ends with the caller's time, and the cause is told.
func TestTime(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := serveSSH(t, "", nil, "/r")
	silent := func(ctx context.Context, network, address string) (net.Conn, error) {
		if network == "tcp" {
			address = l.Addr().String()
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	s.cfg.Dial = silent
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	agentless := s.cfg
	agentless.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if network == "unix" {
			network, address = "tcp", mute.Addr().String()
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, _, err = git.New(agentless).Fetch(ctx, parse(t, s.from), nil)
	wantKind(t, err, git.Unreachable, "did not answer in time")

	for _, from := range []string{s.from, "git::https://example.com/r.git"} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, _, err := git.New(s.cfg).Fetch(ctx, parse(t, from), nil)
		wantKind(t, err, git.Unreachable, "did not answer in time")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", from, err)
		}
		cancel()
		mine := errors.New("interrupted")
		ctx, stop := context.WithCancelCause(t.Context())
		time.AfterFunc(20*time.Millisecond, func() { stop(mine) })
		_, _, err = git.New(s.cfg).Fetch(ctx, parse(t, from), nil)
		if wantKind(t, err, git.Unreachable, "broken off"); !errors.Is(err, mine) {
			t.Errorf("%s: %v", from, err)
		}
	}
}

func TestNotFound(t *testing.T) {
	h := newHistory(t)
	for _, s := range serve(t, h.dir) {
		t.Run(s.name, func(t *testing.T) {
			f := git.New(s.cfg)
			for query, texts := range map[string][]string{
				"//nothing":                        {`no directory "nothing"`},
				"//node/box.hcl":                   {`no directory "node/box.hcl"`},
				"?ref=v1.2.4":                      {`no tag, branch or commit "v1.2.4"`, "there are v1.2."},
				"?version=~> 3.0":                  {"no tag is a version ~> 3.0", "there are v2.0.0, v1.4.0-rc.1, 1.3.0"},
				"?ref=" + strings.Repeat("0a", 20): {"no tag, branch or commit"},
				"?ref=0a0a0a0":                     {"no tag, branch or commit"},
			} {
				_, _, err := fetch(t, f, s.from+query, nil)
				if wantKind(t, err, git.NotFound, texts...); strings.Contains(err.Error(), "git@") {
					t.Error(err)
				}
			}
			_, _, err := fetch(t, f, s.from+"x", nil)
			wantKind(t, err, git.NotFound)
		})
	}
	_, _, err := fetch(t, git.New(git.Config{Open: openFolder}), "git::file://"+t.TempDir(), nil)
	wantKind(t, err, git.NotFound, "no git repository")
}

func TestEmpty(t *testing.T) {
	r := newRepo(t)
	for _, s := range serve(t, r.dir) {
		if strings.Contains(s.name, "go-git") {
			continue // its server does not answer then
		}
		t.Run(s.name, func(t *testing.T) {
			_, _, err := fetch(t, git.New(s.cfg), s.from, nil)
			wantKind(t, err, git.NotFound, "no default branch")
		})
	}
}
