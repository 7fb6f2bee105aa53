package resource

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SnapshotPart is what an object is to a snapshot, or to the restore of one.
type SnapshotPart string

// The parts. A snapshot is there once its SnapshotWhole is, which is made last and removed first; a restore must be undone
// while its SnapshotJournal is there. What bears the run of neither was left by somebody who was killed.
const (
	SnapshotWhole   SnapshotPart = "whole"   // an empty volume whose label tells of the snapshot
	SnapshotBegun   SnapshotPart = "begun"   // an empty volume that is there before any image is: where there is none, no image need be looked for
	SnapshotImage   SnapshotPart = "image"   // a box's file system
	SnapshotContent SnapshotPart = "content" // a copy of a volume
	SnapshotJournal SnapshotPart = "journal" // an empty volume whose label tells how a restore is undone
	SnapshotBackup  SnapshotPart = "backup"  // what a volume held before a restore
)

// SnapshotVolume is a volume of the checkout that belongs to a snapshot or a restore. Data is its label, as it stands there.
type SnapshotVolume struct {
	Name  string
	Owner Owner
	Data  string
}

// SnapshotVolumeName is the name of such a volume. There is one whole for each name of a snapshot and one journal for each
// checkout, so that of two who are there at the same moment one is first.
func SnapshotVolumeName(id Identity, o Owner) string {
	switch o.SnapshotPart {
	case SnapshotWhole:
		return "envy-snapshot-" + Digest(strings.Join([]string{id.Checkout, id.User, o.Snapshot}, "\x00"))[:16]
	case SnapshotJournal:
		return "envy-restore-" + Digest(strings.Join([]string{id.Checkout, id.User}, "\x00"))[:16]
	}
	of := strings.Join([]string{id.Checkout, id.User, o.Box, strconv.Itoa(o.Index), o.Volume, string(o.SnapshotPart)}, "\x00")
	return "envy-snapshot-" + o.SnapshotRun + "-" + Digest(of)[:8]
}

// SnapshotImages is where images of snapshots have their names.
const SnapshotImages = "envy.local/snapshot"

// SnapshotReference is the name of the image of one box: name is the snapshot's, run that of its save.
func SnapshotReference(project, replica, name, run string) string {
	return SnapshotImages + "/" + project + "-" + replica + ":" + name + "-" + run
}

// SnapshotVersion is the version of what the data labels hold.
const SnapshotVersion = 1

// SnapshotManifest is what a SnapshotWhole tells.
type SnapshotManifest struct {
	Version int              `json:"v"`
	Created time.Time        `json:"created"`
	Boxes   []SnapshotMember `json:"boxes"`
	Volumes []SnapshotCopy   `json:"volumes,omitempty"`
	Bytes   int64            `json:"bytes"` // own layers and volumes, on the engine's disk
}

// SnapshotMember is one box of a snapshot.
type SnapshotMember struct {
	Name  string `json:"name"` // as users typed it
	Box   string `json:"box"`
	Index int    `json:"index"`
	Image string `json:"image"` // reference
}

// SnapshotCopy is one volume of a snapshot.
type SnapshotCopy struct {
	Box    string `json:"box,omitempty"` // empty for a shared one
	Index  int    `json:"index,omitempty"`
	Volume string `json:"volume"` // label
	Name   string `json:"name"`   // of the copy
}

// Owner is whose the volume is that was copied.
func (c SnapshotCopy) Owner() Owner { return Owner{Box: c.Box, Index: c.Index, Volume: c.Volume} }

// SnapshotBox is what an image of a snapshot tells of its box: nothing of its environment, nor of its labels.
type SnapshotBox struct {
	Version int               `json:"v"`
	Image   ImageSpec         `json:"image"` // as in the box's spec
	Fact    ImageFact         `json:"fact"`  // of the image that the box was made of
	Life    string            `json:"life,omitempty"`
	Files   map[string]string `json:"files,omitempty"` // of its record
	Runs    map[string]Run    `json:"runs,omitempty"`
	Ready   bool              `json:"ready,omitempty"` // first provisioning was done
	Lost    SavedLoss         `json:"lost,omitzero"`   // what the box had changed on its own
}

// SavedLoss is a Loss that is kept, with its paths as far as there are not too many.
type SavedLoss struct {
	Count   int      `json:"count,omitempty"`
	Bytes   int64    `json:"bytes,omitempty"`
	AtLeast bool     `json:"at_least,omitempty"`
	Unknown bool     `json:"unknown,omitempty"`
	Largest []string `json:"largest,omitempty"`
	Paths   []string `json:"paths,omitempty"`
}

// maxSavedPaths of a loss are kept.
const maxSavedPaths = 1000

// Saved is the loss as it is kept.
func (l Loss) Saved() SavedLoss {
	paths := l.Paths[:min(len(l.Paths), maxSavedPaths)]
	return SavedLoss{Count: l.Count, Bytes: l.Bytes, AtLeast: l.AtLeast, Unknown: l.Unknown, Largest: l.Largest, Paths: slices.Clone(paths)}
}

// With is what a box that runs from a snapshot would lose: what it has changed since, and what the snapshot held of its own.
func (s SavedLoss) With(now Loss) Loss {
	known := map[string]bool{}
	for _, p := range s.Paths {
		known[p] = true
	}
	all := Loss{
		Count: s.Count, Bytes: s.Bytes + now.Bytes, AtLeast: s.AtLeast || now.AtLeast, Unknown: s.Unknown || now.Unknown,
		Largest: slices.Clone(s.Largest), Paths: slices.Clone(s.Paths),
	}
	for _, p := range now.Paths {
		if !known[p] {
			all.Count++
			all.Paths = append(all.Paths, p)
		}
	}
	for _, p := range now.Largest {
		if len(all.Largest) < 3 && !slices.Contains(all.Largest, p) {
			all.Largest = append(all.Largest, p)
		}
	}
	slices.Sort(all.Paths)
	return all
}

// RestoreJournal is what a SnapshotJournal tells: how things were before a restore that is not done.
type RestoreJournal struct {
	Version int             `json:"v"`
	Image   string          `json:"image"`             // one that the engine has, for the copying
	Fresh   []string        `json:"fresh,omitempty"`   // containers that the restore makes, by name
	Made    []string        `json:"made,omitempty"`    // volumes that it makes
	Backups []RestoreBackup `json:"backups,omitempty"` // whole before the journal is there
	Ran     []RestoreRan    `json:"ran,omitempty"`     // in the order in which they start
}

// RestoreBackup says where a volume's content is.
type RestoreBackup struct {
	Volume string `json:"volume"` // name of the one that is restored
	Backup string `json:"backup"` // name of what holds what it held
}

// RestoreRan is a container that ran.
type RestoreRan struct {
	Box     string `json:"box"` // replica
	ID      string `json:"id"`
	Name    string `json:"name"`
	Restart string `json:"restart,omitempty"`
	Paused  bool   `json:"paused,omitempty"`
}

// EncodeSnapshot writes a data label.
func EncodeSnapshot[T SnapshotManifest | SnapshotBox | RestoreJournal](v T) string {
	b, err := json.Marshal(v)
	if err != nil { // strings, numbers, times and maps of them always encode
		panic(fmt.Sprintf("resource: encode snapshot: %v", err))
	}
	return string(b)
}

// DecodeSnapshot reads a data label of this or an older version. Errors: *NewerSnapshotError, or what is wrong with it.
func DecodeSnapshot[T SnapshotManifest | SnapshotBox | RestoreJournal](text string) (T, error) {
	var v, none T
	if len(text) > MaxLabel {
		return none, fmt.Errorf("snapshot label of %d bytes is over the limit of %d", len(text), MaxLabel)
	}
	var head struct {
		V int `json:"v"`
	}
	if err := json.Unmarshal([]byte(text), &head); err != nil {
		return none, fmt.Errorf("snapshot label: %w", err)
	}
	switch {
	case head.V > SnapshotVersion:
		return none, &NewerSnapshotError{Version: head.V}
	case head.V < 1:
		return none, errors.New("snapshot label has no version")
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return none, fmt.Errorf("snapshot label: %w", err)
	}
	return v, nil
}

// NewerSnapshotError says that a snapshot was made by a newer envy; it is refused (exit 5).
type NewerSnapshotError struct{ Version int }

func (e *NewerSnapshotError) Error() string {
	return fmt.Sprintf("made by a newer envy (snapshot version %d, this one knows %d)", e.Version, SnapshotVersion)
}
