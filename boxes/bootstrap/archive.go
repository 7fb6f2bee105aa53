package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/ProtonMail/go-crypto/openpgp"
)

// archive is a mirror whose release file was verified.
type archive struct {
	mirror
	release *release
	keys    openpgp.EntityList
	keyring string // path of the keyring on the host; "" where there were several, or a key in the entry
}

// archive finds the first mirror that offers the suite of the distribution. Entries of third parties often name the same
// suite, so the origin in the signed release file decides.
func (r *run) archive(ctx context.Context) (*archive, error) {
	d := r.request.Target.distribution()
	candidates, err := r.candidates()
	if err != nil {
		return nil, err
	}
	var failed []error
	for _, m := range candidates {
		a, err := r.open(ctx, m)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			failed = append(failed, err)
			continue
		case !m.named && a.release.origin != d.origin:
			failed = append(failed, fmt.Errorf("%s has %s of %q, not of %s", m.shown(), m.suite, a.release.origin, d.origin))
			continue
		}
		for _, f := range failed {
			r.Warn(f.Error())
		}
		return a, nil
	}
	return nil, worst(failed)
}

// worst is the failure that says most: one that refuses, else the first.
func worst(failed []error) error {
	for _, err := range failed {
		if u := (*UnverifiedError)(nil); errors.As(err, &u) {
			return err
		}
	}
	return failed[0]
}

func (r *run) candidates() ([]mirror, error) {
	t := r.request.Target
	if r.request.Mirror != "" {
		base, err := parseMirror(r.request.Mirror)
		if err != nil {
			return nil, &ConfigError{Text: fmt.Sprintf("mirror %q: %v", r.request.Mirror, err)}
		}
		return []mirror{{base: base, suite: t.Suite, named: true}}, nil
	}
	list := mirrors(r.sources, t.Suite, r.request.Arch)
	if len(list) == 0 {
		return nil, &ConfigError{
			Text: fmt.Sprintf("this machine's apt configuration names no mirror of %s %s", t.Distribution, t.Suite),
			Hint: "name one with --mirror URL, and what its signature is verified with by --keyring FILE",
		}
	}
	return list, nil
}

// open verifies a mirror's release file.
func (r *run) open(ctx context.Context, m mirror) (*archive, error) {
	object := "the release file of " + m.suite
	r.Progress(StepRelease, 0, 1)
	keys, path, only, err := r.keys(m)
	if err != nil {
		return nil, err
	}
	data, err := r.fetcher.small(ctx, m.base.JoinPath("dists", m.suite, "InRelease"), maxRelease)
	if err != nil {
		return nil, err
	}
	text, err := verify(data, keys, only, r.Now())
	if err != nil {
		return nil, &UnverifiedError{
			Object: object, Reason: err.Error(), Err: err,
			Hint: "the keyring with its key is named with --keyring FILE; the distribution's package of keys has it",
		}
	}
	rel, err := parseRelease(text)
	if err != nil {
		return nil, &UnverifiedError{Object: object, Reason: err.Error(), Err: err}
	}
	seen, err := r.Memory.Seen(m.shown(), m.suite)
	if err != nil {
		return nil, err
	}
	if err := rel.check(m.suite, r.request.Arch, r.conf.checks(m.source), r.Now(), seen); err != nil {
		return nil, err
	}
	if err := r.Memory.Remember(m.shown(), m.suite, rel.date); err != nil {
		return nil, err
	}
	r.Progress(StepRelease, 1, 1)
	return &archive{mirror: m, release: rel, keys: keys, keyring: path}, nil
}

// keys are those that may sign for a mirror: named ones, else those of its entry, else those that the host trusts for the
// distribution. only are fingerprints that an entry names.
func (r *run) keys(m mirror) (keys openpgp.EntityList, path string, only []string, err error) {
	files := r.request.Keyrings
	switch s := m.source; {
	case len(files) > 0:
	case len(s.Key) > 0:
		files = []File{{Path: s.Place, Data: s.Key}}
	default:
		for _, by := range s.SignedBy {
			if !strings.HasPrefix(by, "/") {
				only = append(only, by)
				continue
			}
			f, err := r.Host.Keyring(by)
			if err != nil {
				return nil, "", nil, &ConfigError{Text: fmt.Sprintf("%s: keyring %v", s.Place, err)}
			}
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		if files, err = r.trusted(); err != nil {
			return nil, "", nil, err
		}
	}
	for _, f := range files {
		list, err := readKeyring(f)
		if err != nil && len(files) == 1 {
			return nil, "", nil, &ConfigError{Text: err.Error()}
		} else if err != nil {
			r.Warn(err.Error())
		}
		keys = append(keys, list...)
	}
	if len(files) == 1 {
		path = files[0].Path
	}
	return keys, path, only, nil
}

// trusted are the distribution's own keyring, where the host has it, else all that its apt trusts.
func (r *run) trusted() ([]File, error) {
	d := r.request.Target.distribution()
	if f, err := r.Host.Keyring(d.keyring); err == nil {
		return []File{f}, nil
	}
	files, err := r.Host.Keyrings()
	if err == nil && len(files) == 0 {
		err = &ConfigError{
			Text: "this machine has no keyring to verify " + d.name + "'s packages with",
			Hint: "--keyring FILE names one; on Debian and Ubuntu it is in the package " + d.name + "-archive-keyring or " + d.name + "-keyring",
		}
	}
	return files, err
}

// index fetches and reads the list of packages. Gzip's is larger than the others, and read in a tenth of the time.
func (r *run) index(ctx context.Context, a *archive) (*index, error) {
	folder, what := "main/binary-"+r.request.Arch+"/", "the package index of "+a.suite
	for _, suffix := range []string{".gz", ".xz", ""} {
		e, ok := a.release.files[folder+"Packages"+suffix]
		if !ok || e.size == 0 {
			continue
		}
		if e.size > maxIndex {
			return nil, &UnverifiedError{Object: what, Reason: "it is over the limit of 256 MiB"}
		}
		data, err := r.fetchIndex(ctx, a, folder+"Packages"+suffix, what, e)
		if err != nil {
			return nil, err
		}
		return readIndex(data, suffix, what, r.request.Arch)
	}
	return nil, &UnverifiedError{Object: "the release file of " + a.suite, Reason: "it lists no packages of main for " + r.request.Arch}
}

func readIndex(data []byte, suffix, what, arch string) (*index, error) {
	text, done, err := decompress(data, suffix, maxIndex)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	defer done()
	x := newIndex(arch)
	if err := parsePackages(text, x.add); err != nil {
		return nil, &UnverifiedError{Object: what, Reason: err.Error(), Err: err}
	}
	return x, x.provide()
}

// fetchIndex takes the name that never changes its content, where the mirror has it.
func (r *run) fetchIndex(ctx context.Context, a *archive, name, what string, e entry) ([]byte, error) {
	place := a.base.JoinPath("dists", a.suite)
	came := r.counter(StepIndex, e.size)
	if a.release.byHash {
		folder := name[:strings.LastIndexByte(name, '/')]
		data, err := r.fetcher.object(ctx, place.JoinPath(folder, "by-hash", "SHA256", e.sha256), what, e, came)
		if !isMissing(err) {
			return data, err
		}
	}
	return r.fetcher.object(ctx, place.JoinPath(name), what, e, came)
}

// counter adds up bytes of a step.
func (r *run) counter(step Step, total int64) func(int64) {
	var sum atomic.Int64
	return func(n int64) { r.Progress(step, sum.Add(n), total) }
}
