package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/envyhq/envy/boxes/archive"
	"github.com/envyhq/envy/internal/hostfs"
)

// addedBox is a box that envy box add took in: what stands before its archive's image. The image is the engine's.
type addedBox struct {
	Name string
	addedFrom
	Head *archive.Head
	head []byte // as it stood in the archive
}

// addedFrom is the first line of such a box's file; the head follows as it stood in the archive.
type addedFrom struct {
	Source string    `json:"source"` // an address, or a path of this machine
	Added  time.Time `json:"added"`
	Digest string    `json:"digest"` // of the manifest
}

// addedBoxes keeps them, one file each, below the user's XDG data. Losing them loses nothing on any engine.
type addedBoxes struct{ caller hostfs.Caller }

const (
	addedFolder  = "boxes"
	maxAddedLine = 8 << 10
	maxAdded     = maxAddedLine + archive.MaxManifest + archive.MaxDefinition + 4<<20 // with headers
)

// find gives the box of that name, nil for none.
func (a addedBoxes) find(name string) (*addedBox, error) {
	if !archive.IsName(name) {
		return nil, nil
	}
	data, err := a.caller.FindDir(a.caller.Dirs.Data)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("envy's folder for added boxes: %w", err)
	}
	defer data.Close()
	text, err := data.ReadOwn(addedFolder+"/"+name, maxAdded)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var b *addedBox
	if err == nil {
		b, err = decodeAdded(name, text)
	}
	if err != nil {
		return nil, fmt.Errorf("the added box %q cannot be read: %w; envy box remove %s takes it away", name, err, name)
	}
	return b, nil
}

var errDamaged = errors.New("its file is damaged")

// decodeAdded reads a box's file. The head is verified like that of an archive, against the digest that it was added with.
func decodeAdded(name string, text []byte) (*addedBox, error) {
	line, rest, ok := bytes.Cut(text, []byte("\n"))
	b := &addedBox{Name: name, head: rest}
	if !ok || len(line) > maxAddedLine || json.Unmarshal(line, &b.addedFrom) != nil {
		return nil, errDamaged
	}
	from := bytes.NewReader(rest)
	var err error
	if b.Head, err = archive.ReadHead(from); err != nil {
		return nil, err
	}
	if from.Len() > 0 || b.Head.Digest != b.Digest {
		return nil, errDamaged
	}
	return b, nil
}

func (a addedBoxes) put(b *addedBox) error {
	line, err := json.Marshal(b.addedFrom)
	if err != nil {
		return err
	}
	data, err := a.caller.OpenDir(a.caller.Dirs.Data)
	if err == nil {
		defer data.Close()
		err = data.MkdirAll(addedFolder, 0o700)
	}
	if err == nil {
		err = data.WriteFile(addedFolder+"/"+b.Name, append(append(line, '\n'), b.head...), 0o600)
	}
	if err != nil {
		return fmt.Errorf("envy's folder for added boxes: %w", err)
	}
	return nil
}

// remove takes a box's file away; one that is gone is fine.
func (a addedBoxes) remove(name string) error {
	data, err := a.caller.FindDir(a.caller.Dirs.Data)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		defer data.Close()
		err = data.Remove(addedFolder + "/" + name)
	}
	if err != nil {
		return fmt.Errorf("envy's folder for added boxes: %w", err)
	}
	return nil
}

// names lists the boxes, sorted, those that cannot be read among them.
func (a addedBoxes) names() ([]string, error) {
	data, err := a.caller.FindDir(a.caller.Dirs.Data)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("envy's folder for added boxes: %w", err)
	}
	defer data.Close()
	entries, err := data.ReadDir(addedFolder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if name := e.Name(); archive.IsName(name) {
			names = append(names, name)
		}
	}
	return names, err
}

// all reads every box; broken are those that cannot be.
func (a addedBoxes) all() (list []*addedBox, broken error) {
	names, err := a.names()
	if err != nil {
		return nil, err
	}
	var problems []error
	for _, name := range names {
		b, err := a.find(name)
		if err != nil {
			problems = append(problems, err)
		} else if b != nil {
			list = append(list, b)
		}
	}
	return list, errors.Join(problems...)
}

// headRecorder keeps what is read until it is told to stop: an archive's head as it stood there.
type headRecorder struct {
	from io.Reader
	kept bytes.Buffer
	over bool
}

// Read implements io.Reader.
func (h *headRecorder) Read(p []byte) (int, error) {
	n, err := h.from.Read(p)
	if !h.over {
		h.kept.Write(p[:n])
	}
	return n, err
}
