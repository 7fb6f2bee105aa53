//go:build linux

package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"github.com/envyhq/envy/internal/agent/wire"
)

// maxFile is the largest file that is read to see whether it is as it was written.
const maxFile = 64 << 20

// runFiles writes files and records them.
func (a *Agent) runFiles() (int, error) {
	order, err := wire.Read[wire.Files](a.Stdin)
	if err != nil {
		return wire.ExitAgent, err
	}
	s, err := a.awaitReady(readyWithin)
	if err != nil {
		return wire.ExitAgent, err
	}
	record, err := s.record()
	if err != nil {
		return wire.ExitAgent, err
	}
	owners, err := a.checkFiles(order)
	if err != nil {
		return wire.ExitAgent, err
	}
	written := map[string]wire.FileState{}
	var problem error
	for i, file := range order.Files {
		if problem = a.writeFile(file, owners[i]); problem != nil {
			break
		}
		written[file.Path] = wire.FileState{Hash: file.Hash, Sum: sum(file.Content)}
	}
	removed := map[string]bool{}
	for _, name := range order.Remove {
		if problem != nil {
			break
		}
		removed[name], problem = a.removeFile(name, record.Files[name])
	}
	err = s.update(func(record *wire.Record) {
		for name := range removed {
			delete(record.Files, name)
		}
		for name, state := range written {
			if record.Files == nil {
				record.Files = map[string]wire.FileState{}
			}
			record.Files[name] = state
		}
	})
	if err = errors.Join(problem, err); err != nil {
		return wire.ExitAgent, err
	}
	return 0, nil
}

// checkFiles finds what is wrong with any of them before one is written.
func (a *Agent) checkFiles(order wire.Files) ([]identity, error) {
	database, err := a.database()
	if err != nil {
		return nil, err
	}
	owners := make([]identity, len(order.Files))
	for i, file := range order.Files {
		if !path.IsAbs(file.Path) || path.Clean(file.Path) != file.Path || file.Path == "/" {
			return nil, fmt.Errorf("file %q: not an absolute, clean path", file.Path)
		}
		if file.Mode > 0o777 {
			return nil, fmt.Errorf("file %q: mode %#o has more than permissions", file.Path, file.Mode)
		}
		if a.isDir(file.Path) {
			return nil, fmt.Errorf("file %q: a directory is in its place", file.Path)
		}
		if owners[i], err = database.identify(file.Owner, nil); err != nil {
			return nil, fmt.Errorf("file %q: %w", file.Path, err)
		}
		if os.Geteuid() != 0 && file.Owner == "" { // a box without root has nobody else
			owners[i] = identity{uid: os.Geteuid(), gid: os.Getegid()}
		}
	}
	return owners, nil
}

func (a *Agent) writeFile(file wire.File, owner identity) error {
	mode := fs.FileMode(file.Mode)
	if mode == 0 {
		mode = 0o644
	}
	err := makeParents(a.at(file.Path))
	if err == nil {
		err = replace(a.at(file.Path), file.Content, attributes{mode: mode, uid: owner.uid, gid: owner.gid, sync: true})
	}
	if err != nil {
		return fmt.Errorf("file %q: %w", file.Path, err)
	}
	return nil
}

// removeFile removes a file that is as it was written. One that was changed
// since is the box's own and stays, with a word about it; either way the agent
// knows it no longer.
func (a *Agent) removeFile(name string, was wire.FileState) (forget bool, err error) {
	content, err := readBounded(a.at(name), maxFile)
	asWritten := err == nil && was.Sum != "" && sum(content) == was.Sum
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case !asWritten:
		a.complain(fmt.Errorf("file %q was changed in the box and is kept", name))
		return true, nil
	}
	if err := os.Remove(a.at(name)); err != nil {
		return false, fmt.Errorf("file %q: %w", name, err)
	}
	return true, nil
}

func sum(content []byte) string {
	hash := sha256.Sum256(content)
	return hex.EncodeToString(hash[:])
}
