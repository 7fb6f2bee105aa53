package hostfs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// Blobs is a folder of objects that were fetched, each under a name of its content. It says nothing of whether they are
// what their names say: who reads them checks. It is safe for use by several processes.
type Blobs struct{ folder *Tree }

// partial ends the name of an object that has not come whole.
const partial = ".part"

// Blobs opens a folder of objects within the tree; it is made where it is missing. Close it.
func (t *Tree) Blobs(dir string) (*Blobs, error) {
	if err := t.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	folder, err := t.descend(dir, nil)
	if err != nil {
		return nil, err
	}
	return &Blobs{folder}, nil
}

// Close releases the folder.
func (b *Blobs) Close() error { return b.folder.Close() }

// Read gives a whole object of at most size bytes, and keeps it from being swept for a while.
func (b *Blobs) Read(name string, size int64) ([]byte, error) {
	data, err := b.folder.ReadFile(name, size)
	if err == nil {
		now := time.Now()
		_ = b.folder.root.Chtimes(name, now, now) // then it is fetched once more, one day
	}
	return data, err
}

// Partial opens what has come of an object, for this caller alone until it is closed; it waits for another one. A ctx
// that ends the wait returns its cause.
func (b *Blobs) Partial(ctx context.Context, name string) (*PartialBlob, error) {
	f, err := b.folder.acquire(ctx, name+partial, nil)
	if err != nil {
		return nil, err
	}
	return &PartialBlob{file: f, folder: b.folder, name: name}, nil
}

// Sweep removes objects, whole and partial, that nobody has used since.
func (b *Blobs) Sweep(before time.Time) error { return b.folder.Sweep(".", before) }

// PartialBlob is an object on its way.
type PartialBlob struct {
	file   *os.File
	folder *Tree
	name   string
	ended  bool // the file stands at its end
	whole  bool // it has its final name
}

// Read gives what came before, from the first byte on. It is of use before the first Write only.
func (p *PartialBlob) Read(data []byte) (int, error) { return p.file.Read(data) }

// Write adds to the end.
func (p *PartialBlob) Write(data []byte) (int, error) {
	if !p.ended {
		if _, err := p.file.Seek(0, io.SeekEnd); err != nil {
			return 0, p.failed(err)
		}
		p.ended = true
	}
	n, err := p.file.Write(data)
	return n, p.failed(err)
}

// Reset begins again with nothing.
func (p *PartialBlob) Reset() error {
	_, err := p.file.Seek(0, io.SeekStart)
	return p.failed(errors.Join(err, p.file.Truncate(0)))
}

// Commit gives the object its name. What a crash of the machine leaves of it is found out when it is read.
func (p *PartialBlob) Commit() error {
	err := p.folder.root.Rename(p.name+partial, p.name)
	p.whole = err == nil
	return p.failed(err)
}

// Close keeps what has come, where it is something.
func (p *PartialBlob) Close() error {
	info, err := p.file.Stat()
	if err == nil && info.Size() == 0 && !p.whole {
		err = p.folder.unlink(p.name+partial, p.file)
	}
	return errors.Join(err, p.file.Close())
}

func (p *PartialBlob) failed(err error) error {
	if err == nil {
		return nil
	}
	if of := (*fs.PathError)(nil); errors.As(err, &of) {
		err = of.Err
	}
	return &fs.PathError{Op: "write", Path: p.folder.dir + "/" + p.name, Err: err}
}

// SystemFile is a file of the host's configuration.
type SystemFile struct {
	Path string
	Data []byte
}

// ReadSystem reads a regular file of the host's configuration, of at most limit bytes, whatever links lead to it.
func ReadSystem(name string, limit int64) (SystemFile, error) {
	data, err := ReadPath(name, limit)
	return SystemFile{name, data}, err
}

// ReadSystemFolder reads the regular files of a folder of the host's configuration that keep chooses by name, sorted, each
// of at most limit bytes. A folder that is missing has none; a file that cannot be read is left out, and in the error.
func ReadSystemFolder(dir string, limit int64, keep func(name string) bool) ([]SystemFile, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	var out []SystemFile
	problems := []error{err}
	for n, e := range entries {
		if n >= MaxEntries {
			problems = append(problems, &fs.PathError{Op: "read", Path: dir, Err: ErrTooMany})
			break
		}
		if !keep(e.Name()) {
			continue
		}
		f, err := ReadSystem(dir+"/"+e.Name(), limit)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		out = append(out, f)
	}
	return out, errors.Join(problems...)
}
