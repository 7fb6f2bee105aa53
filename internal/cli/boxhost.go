package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/envyhq/envy/boxes/bootstrap"
	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/provision/resource"
)

// aptHost reads this machine's apt configuration and keyrings, below root ("" is the machine's own).
type aptHost struct{ root string }

var _ bootstrap.Host = aptHost{}

// read gives one file and those of a folder, the file first or last. A file that is missing is none.
func (h aptHost) read(file, folder string, limit int64, keep func(string) bool) (one, many []bootstrap.File, err error) {
	f, err := hostfs.ReadSystem(h.root+file, limit)
	switch {
	case err == nil:
		one = []bootstrap.File{{Path: file, Data: f.Data}}
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	list, problems := hostfs.ReadSystemFolder(h.root+folder, limit, keep)
	for _, f := range list {
		many = append(many, bootstrap.File{Path: strings.TrimPrefix(f.Path, h.root), Data: f.Data})
	}
	return one, many, errors.Join(err, problems)
}

// Sources implements bootstrap.Host.
func (h aptHost) Sources() ([]bootstrap.File, error) {
	one, many, err := h.read("/etc/apt/sources.list", "/etc/apt/sources.list.d", bootstrap.MaxAptFile, func(name string) bool {
		return aptName(name) && (strings.HasSuffix(name, ".list") || strings.HasSuffix(name, ".sources"))
	})
	return append(one, many...), err
}

// Conf implements bootstrap.Host.
func (h aptHost) Conf() ([]bootstrap.File, error) {
	one, many, err := h.read("/etc/apt/apt.conf", "/etc/apt/apt.conf.d", bootstrap.MaxAptFile, func(name string) bool {
		return aptName(name) && (!strings.Contains(name, ".") || strings.HasSuffix(name, ".conf"))
	})
	return append(many, one...), err
}

// Keyrings implements bootstrap.Host.
func (h aptHost) Keyrings() ([]bootstrap.File, error) {
	one, many, err := h.read("/etc/apt/trusted.gpg", "/etc/apt/trusted.gpg.d", bootstrap.MaxKeyring, func(name string) bool {
		return aptName(name) && (strings.HasSuffix(name, ".gpg") || strings.HasSuffix(name, ".asc"))
	})
	return append(one, many...), err
}

// Keyring implements bootstrap.Host.
func (h aptHost) Keyring(path string) (bootstrap.File, error) {
	f, err := hostfs.ReadSystem(h.root+path, bootstrap.MaxKeyring)
	return bootstrap.File{Path: path, Data: f.Data}, err
}

// aptName: apt leaves files of other names alone, those of editors and package managers among them.
func aptName(name string) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("_-.", c) {
			return false
		}
	}
	return !strings.HasPrefix(name, ".")
}

// fetchedFolder of the user's cache holds packages, each under its sum.
const fetchedFolder = "bootstrap"

// openFetched opens the user's cache of what was fetched.
func openFetched(caller hostfs.Caller) (*hostfs.Blobs, func() error, error) {
	cache, err := openCache(caller)
	if err != nil {
		return nil, nil, err
	}
	blobs, err := cache.Blobs(fetchedFolder)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("envy's folder for its cache: %w", err), cache.Close())
	}
	return blobs, func() error { return errors.Join(blobs.Close(), cache.Close()) }, nil
}

// fetchedPackages is a store for package bootstrap.
type fetchedPackages struct{ *hostfs.Blobs }

var _ bootstrap.Store = fetchedPackages{}

// Partial implements bootstrap.Store.
func (f fetchedPackages) Partial(ctx context.Context, sum string) (bootstrap.Partial, error) {
	p, err := f.Blobs.Partial(ctx, sum)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// seenReleases remembers in the user's state how old a mirror's last answer was.
type seenReleases struct{ state *hostfs.Tree }

var _ bootstrap.Memory = seenReleases{}

const (
	seenFolder = "bootstrap"
	maxSeen    = 4096 // bytes
)

// seen is one file of it.
type seen struct {
	Mirror string    `json:"mirror"`
	Suite  string    `json:"suite"`
	Date   time.Time `json:"date"`
}

func seenName(mirror, suite string) string {
	return seenFolder + "/" + resource.Digest(mirror + "\x00" + suite)[:32] + ".json"
}

// Seen implements bootstrap.Memory.
func (r seenReleases) Seen(mirror, suite string) (time.Time, error) {
	name := seenName(mirror, suite)
	data, err := r.state.ReadOwn(name, maxSeen)
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	var s seen
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err == nil && (s.Mirror != mirror || s.Suite != suite) {
		err = errors.New("it is of another mirror")
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("%s/%s, which tells what this mirror gave before, cannot be used: %w; remove it to forget that", r.state.Dir(), name, err)
	}
	return s.Date, nil
}

// Remember implements bootstrap.Memory.
func (r seenReleases) Remember(mirror, suite string, date time.Time) error {
	data, err := json.Marshal(seen{mirror, suite, date})
	if err != nil {
		return err
	}
	if err := r.state.MkdirAll(seenFolder, 0o700); err != nil {
		return err
	}
	return r.state.WriteFile(seenName(mirror, suite), data, 0o600)
}
