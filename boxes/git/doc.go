// Package git fetches box definitions out of git repositories: one commit's tree, as values in memory. It knows git's
// protocol and object formats, over https and ssh and in a folder. It must not know what a definition says, and it does
// nothing that a repository could ask for: no configuration, hook, attribute, filter or submodule is looked at, no program
// is started, no file is written. Whatever it reads may be hostile, and every amount of it has a limit.
//
// Objects are found by hashes that are computed here, so that a commit vouches for all of its tree.
package git

import (
	"context"
	"crypto/tls"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
)

// The limits of what is fetched.
const (
	MaxBytes = 64 << 20 // of all files of a tree together
	MaxFiles = 10_000

	maxAdvert   = 32 << 20  // bytes of a list of references
	maxPack     = 128 << 20 // bytes of what a server sends
	maxInflated = 192 << 20 // bytes of all objects together, whole histories included
	maxObjects  = 400_000   // of one answer
	maxTree     = 8 << 20   // bytes of one directory's object
	maxSmall    = 1 << 20   // bytes of a commit's or tag's object
)

// Cache keeps fetched trees, in the user's own folder. What comes out of it is held against the lock's hash.
type Cache interface {
	// Get is the content under a key of at most limit bytes. Whatever error it has, the tree is fetched.
	Get(key string, limit int64) ([]byte, error)
	// Put replaces the content under a key, all or nothing. Its error becomes a note of the tree.
	Put(key string, data []byte) error
}

// Folder is a directory of the host, opened for reading. Regular files that it opens can seek.
type Folder interface {
	fs.FS
	io.Closer
}

// Config is what a Fetcher has of its surroundings. Whatever is nil or empty is not there.
type Config struct {
	Cache Cache
	// Credentials are asked for once a server wants some, for its host (with a port that is not 443), and sent to no other.
	Credentials func(ctx context.Context, host string) (user, password string, ok bool)
	// KnownHosts are files of known_hosts; those that are missing are passed over. A host that is in none is refused.
	KnownHosts  []string
	AgentSocket string // of the ssh agent
	SSHUser     string // where an address has none; "" is git
	// Open opens an absolute path for git::file://.
	Open func(dir string) (Folder, error)
	// Proxy is for https, as of [http.Transport].
	Proxy func(*http.Request) (*url.URL, error)
	TLS   *tls.Config
	// Dial replaces the connection to servers and to the agent.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Fetcher fetches trees. It holds no connection and no state, and may be used by several goroutines at once.
type Fetcher struct{ cfg Config }

// New makes one.
func New(cfg Config) *Fetcher {
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{}).DialContext
	}
	if cfg.SSHUser == "" {
		cfg.SSHUser = "git"
	}
	return &Fetcher{cfg: cfg}
}

// Pin is what a source was settled on.
type Pin struct {
	Commit string // 40 hex digits
	// Reference is the one that was chosen, in full as refs/tags/v1.4.0; "HEAD", or "" for a commit.
	Reference string
	// Hash is of the tree: "sha256:" and 64 hex digits. [Tree] says over what.
	Hash string
}
