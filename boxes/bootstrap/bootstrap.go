package bootstrap

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Host is what the host says of package mirrors: the content of its files, as they are.
type Host interface {
	// Sources are apt's sources files, Conf its configuration, in the order in which apt reads them. An error is about
	// those that are left out.
	Sources() ([]File, error)
	Conf() ([]File, error)
	// Keyring reads one keyring, by the path that an entry or a distribution names. [fs.ErrNotExist]: there is none.
	Keyring(path string) (File, error)
	// Keyrings are those that apt trusts for entries that name none.
	Keyrings() ([]File, error)
}

// Memory remembers the date of the last release file of each mirror and suite.
type Memory interface {
	// Seen gives the date, zero for none.
	Seen(mirror, suite string) (time.Time, error)
	Remember(mirror, suite string, date time.Time) error
}

// Step is a part of the work that is told of.
type Step string

// The steps.
const (
	StepRelease  Step = "the release file"
	StepIndex    Step = "the package index" // in bytes
	StepPackages Step = "packages"          // in bytes
)

// Bootstrapper prepares images. All fields are needed.
type Bootstrapper struct {
	Host   Host
	Store  Store
	Memory Memory
	// Client gives what talks to mirrors, for the proxies that apt's configuration names; see [NewClient].
	Client  func(proxy func(*url.URL) (url *url.URL, known bool)) Doer
	Now     func() time.Time
	Version string // of envy, for the User-Agent
	// Progress hears how far a step is, from any goroutine; it is done when current is total.
	Progress func(step Step, current, total int64)
	// Warn hears of what is out of order and no reason to stop.
	Warn func(text string)
}

// Request is what is to be made.
type Request struct {
	Target   Target
	Arch     string   // as Debian names it
	Mirror   string   // instead of the host's
	Keyrings []File   // instead of the host's
	Packages []string // beyond the minimal system
}

// System is all that an image is made of, verified and in the store.
type System struct {
	Suite    string    // codename
	Mirror   string    // without credentials
	Snapshot time.Time // date of the signed release file

	target  Target
	arch    string
	choice  choice
	sources []imageSource
	dates   string // apt's settings about them, for the image
	keyring []byte // for the image, where its own package of keys does not verify the mirror
	blob    func(context.Context, pkg) ([]byte, error)
}

// imageSource is an entry of the image's own sources.
type imageSource struct{ url, suite, keyring string }

// parallel is how many packages are fetched at once.
const parallel = 4

// run is one preparation.
type run struct {
	*Bootstrapper
	request Request
	sources []Source
	conf    aptConf
	fetcher *fetcher
}

// Prepare finds the mirror, verifies what it says, chooses the packages and fetches them. What has come when ctx ends
// stays in the store, and the next call goes on from there. Errors: [ConfigError], [UnverifiedError], [ReferenceError],
// and those of the network.
func (b *Bootstrapper) Prepare(ctx context.Context, q Request) (*System, error) {
	r := &run{Bootstrapper: b, request: q}
	r.configure()
	for _, name := range q.Packages {
		if !validName(name) {
			return nil, &ConfigError{Text: fmt.Sprintf("%q is no name of a package", name)}
		}
	}
	a, err := r.archive(ctx)
	if err != nil {
		return nil, err
	}
	x, err := r.index(ctx, a)
	if err != nil {
		return nil, err
	}
	c, err := x.minimal(a.base.Scheme == "https", q.Packages)
	if err != nil {
		return nil, err
	}
	if err := r.packages(ctx, a, c); err != nil {
		return nil, err
	}
	s := &System{
		Suite: a.suite, Mirror: a.shown(), Snapshot: a.release.date, target: q.Target, arch: q.Arch, choice: c,
		dates: r.conf.dateSettings(), blob: r.reader(a),
	}
	return s, r.fillSources(s, a)
}

// configure reads what the host says. Files that cannot be read in part are a warning: third parties put theirs there.
func (r *run) configure() {
	warn := func(err error) {
		if err != nil {
			r.Warn(err.Error())
		}
	}
	files, err := r.Host.Conf()
	warn(err)
	r.conf, err = parseAptConf(files)
	warn(err)
	files, err = r.Host.Sources()
	warn(err)
	for _, f := range files {
		list, err := ParseSources(f)
		warn(err)
		r.sources = append(r.sources, list...)
	}
	r.fetcher = &fetcher{
		client: r.Client(r.conf.proxy), store: r.Store, agent: "envy/" + r.Version, stall: time.Minute, pause: time.Second,
	}
}

// packages fetches all that are not in the store.
func (r *run) packages(ctx context.Context, a *archive, c choice) error {
	list := slices.Concat(c.base, c.extra)
	total := int64(0)
	for _, p := range list {
		if p.size > maxDeb {
			return &UnverifiedError{Object: "package " + p.name, Reason: "it is over the limit of 512 MiB"}
		}
		total += p.size
	}
	came := r.counter(StepPackages, total)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, p := range list {
		group.Go(func() error {
			_, err := r.fetcher.object(ctx, a.base.JoinPath(p.filename), "package "+p.name, entry{p.size, p.sha256}, came)
			return err
		})
	}
	return group.Wait()
}

// reader gives packages from the store, and fetches again what somebody took out of it meanwhile.
func (r *run) reader(a *archive) func(context.Context, pkg) ([]byte, error) {
	var mu sync.Mutex
	return func(ctx context.Context, p pkg) ([]byte, error) {
		e := entry{p.size, p.sha256}
		if data, ok := r.fetcher.stored(e); ok {
			return data, nil
		}
		mu.Lock()
		defer mu.Unlock()
		return r.fetcher.object(ctx, a.base.JoinPath(p.filename), "package "+p.name, e, func(int64) {})
	}
}

// fillSources makes the image's own sources: the suite from the mirror that was used, its updates and its security
// updates from where this host has them. A keyring that the image will not have by its own packages goes along.
func (r *run) fillSources(s *System, a *archive) error {
	d := s.target.distribution()
	keyring := d.keyring
	if a.keyring != d.keyring {
		data, err := writeKeyring(a.keys)
		if err != nil {
			return err
		}
		s.keyring, keyring = data, "/etc/apt/keyrings/bootstrap.gpg"
	}
	s.sources = []imageSource{{a.shown(), a.suite, keyring}}
	if a.named {
		return nil
	}
	for _, suite := range []string{a.suite + "-updates", a.suite + "-security"} {
		for _, m := range mirrors(r.sources, suite, s.arch) {
			if slices.Equal(m.source.SignedBy, a.source.SignedBy) { // of the same archive, not of a third party
				s.sources = append(s.sources, imageSource{m.shown(), suite, keyring})
				break
			}
		}
	}
	return nil
}

// FirstStage writes the file system in which Script must run, as a tar.
func (s *System) FirstStage(ctx context.Context, w io.Writer) error {
	wide := contains(s.target.distribution().wide, s.arch)
	return writeStage(ctx, w, s.choice, stageOptions{wide, s.Snapshot, s.keyring}, s.blob)
}

// Script is the second stage, for /bin/sh as root in a container without a network. What it leaves is the image.
func (s *System) Script() string { return s.script() }

// Packages are name=version of all packages, sorted.
func (s *System) Packages() []string {
	var out []string
	for _, p := range slices.Concat(s.choice.base, s.choice.extra) {
		out = append(out, p.name+"="+p.version)
	}
	slices.Sort(out)
	return out
}

// The labels of a bootstrapped image. None of them says who owns anything.
const (
	LabelSuite     = "io.envy.bootstrap.suite"
	LabelMirror    = "io.envy.bootstrap.mirror"
	LabelSnapshot  = "io.envy.bootstrap.snapshot" // RFC 3339, UTC
	LabelProcedure = "io.envy.bootstrap.procedure"
)

// Labels say what the image was made from.
func (s *System) Labels() map[string]string {
	return map[string]string{
		LabelSuite: s.Suite, LabelMirror: s.Mirror, LabelSnapshot: s.Snapshot.UTC().Format(time.RFC3339), LabelProcedure: Procedure,
	}
}
