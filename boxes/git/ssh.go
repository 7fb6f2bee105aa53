package git

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/envyhq/envy/boxes/source"
)

// shell is a repository behind ssh: one connection that runs git's own server for it.
type shell struct {
	advert
	out    io.Reader
	in     io.WriteCloser
	said   *tail
	closer []func()
}

func (f *Fetcher) openShell(ctx context.Context, r source.Repository) (*shell, error) {
	address := r.Host
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(strings.Trim(address, "[]"), "22")
	}
	s := &shell{said: &tail{}}
	err := s.open(ctx, f.cfg, address, r)
	if err != nil {
		return nil, errors.Join(s.judge(ctx, err), s.Close())
	}
	return s, nil
}

func (s *shell) open(ctx context.Context, cfg Config, address string, r source.Repository) error {
	hosts, err := hostKeys(cfg.KnownHosts, address)
	if err != nil {
		return err
	}
	user := r.User
	if user == "" {
		user = cfg.SSHUser
	}
	config := &ssh.ClientConfig{
		User: user, ClientVersion: "SSH-2.0-envy",
		HostKeyCallback: hosts.check, HostKeyAlgorithms: hosts.algorithms,
	}
	if cfg.AgentSocket != "" {
		keys, err := cfg.Dial(ctx, "unix", cfg.AgentSocket)
		if err != nil {
			return fail(Denied, err, "the ssh agent cannot be asked")
		}
		s.until(ctx, keys)
		config.Auth = []ssh.AuthMethod{ssh.PublicKeysCallback(agent.NewClient(keys).Signers)}
	}
	conn, err := cfg.Dial(ctx, "tcp", address)
	if err != nil {
		return fail(Unreachable, err, "it cannot be reached")
	}
	s.until(ctx, conn)
	c, channels, requests, err := ssh.NewClientConn(conn, address, config)
	if err != nil {
		return err
	}
	client := ssh.NewClient(c, channels, requests)
	s.closer = append(s.closer, func() { _ = client.Close() }) // the other side may have closed it
	return s.start(client, r.Path)
}

// until closes a connection with the repository, or with ctx: what waits for it then ends with an error of its own.
func (s *shell) until(ctx context.Context, c net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	s.closer = append(s.closer, func() {
		stop()
		_ = c.Close()
	})
}

func (s *shell) start(client *ssh.Client, path string) error {
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	session.Stderr = s.said
	if s.in, err = session.StdinPipe(); err != nil {
		return err
	}
	if s.out, err = session.StdoutPipe(); err != nil {
		return err
	}
	if err := session.Start(service + " " + shellQuoted(path)); err != nil {
		return err
	}
	s.advert, err = readAdvert(s.out)
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == Unreachable && errors.Is(err, io.ErrUnexpectedEOF) {
		// What it says beside its answer comes when it likes, but before its end.
		if exit, ok := errors.AsType[*ssh.ExitError](session.Wait()); ok && s.said.text() == "" {
			return fail(NotFound, nil, "the server ends with status %d and says nothing", exit.ExitStatus())
		}
	}
	return err
}

// shellQuoted is the form of git's own client, which servers without a shell take apart.
func shellQuoted(s string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(s) + "'"
}

// Close ends the connection, and the one to the agent.
func (s *shell) Close() error {
	for _, end := range slices.Backward(s.closer) {
		end()
	}
	s.closer = nil
	return nil
}

func (s *shell) fetch(ctx context.Context, wants []plumbing.Hash, alone bool) (objects, error) {
	if _, err := s.in.Write(s.request(wants, alone)); err != nil {
		return nil, s.judge(ctx, err)
	}
	o, err := s.readAnswer(s.out, alone)
	if err != nil && !errors.Is(err, errNotServed) {
		return nil, s.judge(ctx, err)
	}
	return o, err
}

// judge finds out what an error of ssh means.
func (s *shell) judge(ctx context.Context, err error) error {
	if context.Cause(ctx) != nil {
		return classed(ctx, err, "")
	}
	said := s.said.text()
	e, ours := errors.AsType[*Error](err)
	switch {
	case ours && e.Kind == Unreachable && said != "":
		return fail(NotFound, nil, "the server says %q", said)
	case ours:
		return e
	case strings.Contains(err.Error(), "unable to authenticate"): // the library has no type for it
		return fail(Denied, err, "the server takes none of the ssh agent's keys").hint("ssh-add -l shows them")
	}
	if _, ok := errors.AsType[*knownhosts.RevokedError](err); ok {
		return fail(Denied, err, "its key is revoked")
	}
	if key, ok := errors.AsType[*knownhosts.KeyError](err); ok && len(key.Want) > 0 {
		return fail(Denied, nil, "its key is not the one in known_hosts").hint("somebody may be listening; ask who runs the host whether its key was changed")
	}
	return classed(ctx, err, "the connection failed")
}

// tail keeps the beginning of what a server says beside its answer.
type tail struct{ said []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.said = append(t.said, p[:min(len(p), max(0, 1024-len(t.said)))]...)
	return len(p), nil
}

func (t *tail) text() string { return strings.TrimSpace(string(t.said)) }

// hosts is what is known of one host.
type hosts struct {
	check      ssh.HostKeyCallback
	algorithms []string
}

// hostKeys looks a host up before anything is sent to it, and asks for a key of a kind that is known: servers have
// several, and would send another one first.
func hostKeys(files []string, address string) (hosts, error) {
	var there []string
	for _, name := range files {
		_, err := knownhosts.New(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return hosts{}, fail(Denied, err, "a file of known hosts cannot be read")
		}
		there = append(there, name)
	}
	check, err := knownhosts.New(there...)
	if err != nil {
		return hosts{}, fail(Denied, err, "the files of known hosts cannot be read")
	}
	none, err := ssh.NewPublicKey(ed25519.PublicKey(make([]byte, ed25519.PublicKeySize)))
	if err != nil {
		return hosts{}, err
	}
	h := hosts{check: check}
	key, _ := errors.AsType[*knownhosts.KeyError](check(address, &net.TCPAddr{IP: net.IPv4zero}, none))
	if key == nil || len(key.Want) == 0 {
		host, port, _ := net.SplitHostPort(address)
		return hosts{}, fail(Denied, nil, "the host's key is not known").hint(fmt.Sprintf("run ssh -p %s %s once, and compare the key that it shows", port, host))
	}
	for _, known := range key.Want {
		h.algorithms = append(h.algorithms, algorithms(known.Key.Type())...)
	}
	return h, nil
}

// algorithms are those in which a key of some kind signs; not the one of RSA with SHA-1.
func algorithms(kind string) []string {
	if kind == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{kind}
}
