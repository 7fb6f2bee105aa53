package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/envyhq/envy/boxes"
	"github.com/envyhq/envy/boxes/git"
	"github.com/envyhq/envy/boxes/source"
	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/internal/trust"
	"github.com/envyhq/envy/provision/event"
)

// fetchTime is how long a repository may take.
const fetchTime = 5 * time.Minute

// definitions finds what `from` names, under the lock of the checkout. One finder serves the whole command, so that
// nothing is fetched twice.
func (s *session) definitions(p *place) (*boxes.Finder, error) {
	if s.finder != nil {
		return s.finder, nil
	}
	files, err := s.readLocks(p)
	if err != nil {
		return nil, err
	}
	s.lockFiles = files
	s.finder = s.newFinder(p)
	s.finder.Lock = files.obeyed(s.g.locked)
	return s.finder, nil
}

func (s *session) newFinder(p *place) *boxes.Finder {
	return &boxes.Finder{
		Files: files{FS: p.checkout.FS(), checkout: p.checkout}, Folder: p.checkout.Sub(), Dir: p.checkout.Dir(),
		Locked: s.g.locked, Git: s.fetchGit(p.caller), Registry: s.fetchBox(p.caller), Web: s.fetchWeb(p.caller), Trusts: s.trusts, Outside: s.openOutside,
		Archives: s.archives(p.caller),
	}
}

// trusts reports whether the user allowed what a definition asks for, in this checkout.
func (s *session) trusts(e config.GateEntry) bool {
	store, err := s.trustStore()
	return err == nil && store.record.Trusts([]trust.Entry{{Kind: string(e.Kind), What: e.What}})
}

// openOutside opens a directory outside the checkout, which no link leads out of. What was allowed is that directory, and not
// what somebody has put a link to in its place meanwhile.
func (s *session) openOutside(dir string) (config.Tree, error) {
	tree, err := hostfs.OpenTree(dir)
	if err != nil {
		return nil, err
	}
	if at := tree.Dir(); at != dir {
		moved := &config.DefinitionError{Class: diag.Refused, Summary: fmt.Sprintf("the definition's directory %q leads to %q by now; it was replaced since it was looked at", dir, at)}
		return nil, errors.Join(moved, tree.Close())
	}
	s.onClose(tree.Close)
	return tree.FS(), nil
}

// fetchGit fetches with what the user's machine has of credentials, keys and caches, opened when the first repository is
// wanted.
func (s *session) fetchGit(caller hostfs.Caller) func(context.Context, source.Git, *git.Pin) (git.Tree, git.Pin, error) {
	fetcher := sync.OnceValue(func() *git.Fetcher { return git.New(s.gitConfig(caller)) })
	return func(ctx context.Context, src source.Git, locked *git.Pin) (git.Tree, git.Pin, error) {
		ctx, cancel := context.WithTimeout(ctx, fetchTime)
		defer cancel()
		if locked != nil || s.offline { // the cache has it, as a rule, and there is nothing to tell
			return fetcher().Fetch(ctx, src, locked)
		}
		id, subject := "fetch-"+src.String(), src.Repository.String()
		s.sink().Send(event.Event{ID: id, Kind: event.Start, Subject: subject, Text: "fetch"})
		tree, pin, err := fetcher().Fetch(ctx, src, locked)
		if err != nil {
			s.sink().Send(event.Event{ID: id, Kind: event.Failed, Subject: subject, Text: err.Error()})
			return tree, pin, err
		}
		s.sink().Send(event.Event{ID: id, Kind: event.Done, Subject: subject, Text: "fetch"})
		return tree, pin, nil
	}
}

// errOffline ends connections of commands that have no need of what is fetched.
var errOffline = errors.New("this command opens no connection but the engine's")

// gitConfig is the user's: their cache, helpers of credentials, keys of hosts and agent. Root that acts for somebody else
// has root's, which are none of that user's business: only what is public is fetched then, or what the cache has.
func (s *session) gitConfig(caller hostfs.Caller) git.Config {
	c := git.Config{Cache: &gitCache{caller}, Proxy: http.ProxyFromEnvironment, Open: openRepository}
	if s.offline {
		c.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, errOffline }
	}
	if caller.Foreign() {
		c.Open = func(string) (git.Folder, error) {
			return nil, errors.New("run as root for somebody else, envy reads no repository outside their checkout")
		}
		return c
	}
	c.Credentials, c.AgentSocket = s.app.m.Credentials, s.app.getenv("SSH_AUTH_SOCK")
	for _, name := range []string{"known_hosts", "known_hosts2"} {
		if caller.Home != "" {
			c.KnownHosts = append(c.KnownHosts, filepath.Join(caller.Home, ".ssh", name))
		}
		c.KnownHosts = append(c.KnownHosts, "/etc/ssh/ssh_"+name)
	}
	return c
}

// repository is a folder of the host as the fetcher wants one.
type repository struct {
	hostfs.FS
	tree *hostfs.Tree
}

// Close implements git.Folder.
func (r repository) Close() error { return r.tree.Close() }

func openRepository(dir string) (git.Folder, error) {
	t, err := hostfs.OpenTree(dir)
	if err != nil {
		return nil, err
	}
	return repository{t.FS(), t}, nil
}

// gitCache keeps trees in the user's cache. It is opened for each, and made only when there is one to keep.
type gitCache struct{ caller hostfs.Caller }

const gitFolder = "git"

// Get implements git.Cache.
func (c *gitCache) Get(key string, limit int64) ([]byte, error) {
	dir, err := c.caller.FindDir(c.caller.Dirs.Cache)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	data, err := dir.ReadFile(gitFolder+"/"+key, limit)
	if err == nil {
		dir.Used(gitFolder + "/" + key)
	}
	return data, err
}

// Put implements git.Cache.
func (c *gitCache) Put(key string, data []byte) error {
	dir, err := openCache(c.caller)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.MkdirAll(gitFolder, 0o700); err != nil {
		return err
	}
	return dir.WriteFile(gitFolder+"/"+key, data, 0o600)
}
