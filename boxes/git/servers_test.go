package git_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"
	gitcache "github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/server"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/envyhq/envy/boxes/git"
)

// served is a repository over one transport.
type served struct {
	name string // of the transport
	from string // what stands in `from`, without directory and query
	cfg  git.Config
	hits *counter // connections or requests
}

// serve makes a repository reachable in every way that there is on this machine.
func serve(t *testing.T, dir string) []served {
	t.Helper()
	all := []served{
		{name: "file", from: "git::file://" + dir, cfg: git.Config{Open: openFolder}},
		serveHTTPS(t, "https, go-git's server", goGitHandler(t, dir)),
		serveSSH(t, "ssh, go-git's server", func(path string, in io.Reader, out, _ io.Writer) error {
			if path != dir {
				return fmt.Errorf("%q asked for, not %q", path, dir)
			}
			return goGitUploadPack(dir, in, out)
		}, dir),
	}
	program, err := exec.LookPath("git")
	if err != nil {
		t.Log("SKIPPED: THERE IS NO git ON THIS MACHINE; ITS OWN SERVER IS NOT TRIED")
		return all
	}
	return append(all,
		serveHTTPS(t, "https, git's server", gitHandler(program, dir)),
		serveSSH(t, "ssh, git's server", func(path string, in io.Reader, out, said io.Writer) error {
			cmd := exec.Command(program, "upload-pack", path)
			cmd.Stdout, cmd.Stderr, cmd.Env = out, said, gitEnv()
			stdin, err := cmd.StdinPipe() // its end does not wait for the client's
			if err != nil {
				return err
			}
			if err := cmd.Start(); err != nil {
				return err
			}
			go func() { _, _ = io.Copy(stdin, in); stdin.Close() }()
			return cmd.Wait()
		}, dir))
}

func gitEnv() []string {
	return append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")
}

func gitHandler(program, dir string) http.Handler {
	return &cgi.Handler{
		Path: program, Args: []string{"http-backend"}, Stderr: io.Discard,
		Env: append(gitEnv()[len(os.Environ()):], "GIT_PROJECT_ROOT="+dir, "GIT_HTTP_EXPORT_ALL=1"),
	}
}

func goGitSession(dir string) (transport.UploadPackSession, error) {
	store := filesystem.NewStorage(osfs.New(filepath.Join(dir, ".git")), gitcache.NewObjectLRUDefault())
	e, err := transport.NewEndpoint("file:///r")
	if err != nil {
		return nil, err
	}
	return server.NewServer(server.MapLoader{e.String(): store}).NewUploadPackSession(e, nil)
}

func goGitHandler(t *testing.T, dir string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := goGitSession(dir)
		if err != nil {
			t.Error(err)
			return
		}
		switch r.URL.Path {
		case "/.git/info/refs":
			w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
			refs, err := s.AdvertisedReferencesContext(r.Context())
			if err != nil {
				t.Error(err)
				return
			}
			refs.Prefix = [][]byte{[]byte("# service=git-upload-pack"), pktline.Flush}
			if err := refs.Encode(w); err != nil {
				t.Error(err)
			}
		case "/.git/git-upload-pack":
			_ = answer(s, r.Body, w)
		default:
			http.NotFound(w, r)
		}
	})
}

func answer(s transport.UploadPackSession, in io.Reader, out io.Writer) error {
	req := packp.NewUploadPackRequest()
	if err := req.UploadRequest.Decode(in); err != nil {
		return err
	}
	res, err := s.UploadPack(context.Background(), req)
	if err != nil {
		return err
	}
	return res.Encode(out)
}

func goGitUploadPack(dir string, in io.Reader, out io.Writer) error {
	s, err := goGitSession(dir)
	if err != nil {
		return err
	}
	refs, err := s.AdvertisedReferences()
	if err != nil {
		return err
	}
	if err := refs.Encode(out); err != nil {
		return err
	}
	return answer(s, in, out)
}

func serveHTTPS(t *testing.T, name string, h http.Handler) served {
	t.Helper()
	hits := &counter{}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.add()
		h.ServeHTTP(w, r)
	}))
	s.Config.ErrorLog = nil
	t.Cleanup(s.Close)
	return served{name: name, from: "git::" + s.URL + "/.git", cfg: git.Config{TLS: trusting(s)}, hits: hits}
}

func trusting(servers ...*httptest.Server) *tls.Config {
	pool := x509.NewCertPool()
	for _, s := range servers {
		pool.AddCert(s.Certificate())
	}
	return &tls.Config{RootCAs: pool}
}

// serveSSH runs a server with a key of its own, an agent that holds a key it takes, and a file of known hosts.
func serveSSH(t *testing.T, name string, run func(path string, in io.Reader, out, said io.Writer) error, dir string) served {
	t.Helper()
	hostKey, userKey := newKey(t), newKey(t)
	signer, err := ssh.NewSignerFromKey(hostKey)
	if err != nil {
		t.Fatal(err)
	}
	user, err := ssh.NewSignerFromKey(userKey)
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if c.User() != "git" || string(key.Marshal()) != string(user.PublicKey().Marshal()) {
			return nil, fmt.Errorf("unknown")
		}
		return nil, nil
	}}
	config.AddHostKey(rsaSigner(t)) // which servers have too, and which is not known
	config.AddHostKey(signer)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hits := &counter{}
	go accept(l, func(c net.Conn) {
		hits.add()
		serveConn(c, config, run)
	})
	t.Cleanup(func() { l.Close() })
	known := filepath.Join(t.TempDir(), "known_hosts")
	line := knownhosts.Line([]string{knownhosts.Normalize(l.Addr().String())}, signer.PublicKey())
	if err := os.WriteFile(known, []byte(line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return served{
		name: name, from: "git::ssh://git@" + l.Addr().String() + dir, hits: hits,
		cfg: git.Config{KnownHosts: []string{filepath.Join(t.TempDir(), "missing"), known}, AgentSocket: newAgent(t, userKey)},
	}
}

func newKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func accept(l net.Listener, serve func(net.Conn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go serve(c)
	}
}

func newAgent(t *testing.T, keys ...ed25519.PrivateKey) string {
	t.Helper()
	ring := agent.NewKeyring()
	for _, key := range keys {
		if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := os.MkdirTemp("", "agent") //nolint:usetesting // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	go accept(l, func(c net.Conn) { _ = agent.ServeAgent(ring, c) })
	t.Cleanup(func() { l.Close(); os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

func serveConn(c net.Conn, config *ssh.ServerConfig, run func(path string, in io.Reader, out, said io.Writer) error) {
	defer c.Close()
	_, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for ch := range channels {
		channel, requests, err := ch.Accept()
		if err != nil {
			return
		}
		for r := range requests {
			if r.Type != "exec" {
				_ = r.Reply(false, nil)
				continue
			}
			_ = r.Reply(true, nil)
			var cmd struct{ Text string }
			_ = ssh.Unmarshal(r.Payload, &cmd)
			path, ok := strings.CutPrefix(cmd.Text, "git-upload-pack '")
			path, quoted := strings.CutSuffix(path, "'")
			status := struct{ N uint32 }{}
			if !ok || !quoted || run == nil || run(path, channel, channel, channel.Stderr()) != nil {
				status.N = 128
			}
			_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(&status))
			channel.Close()
		}
	}
}

func rsaSigner(t *testing.T) ssh.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
