package hostfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

var (
	// ErrNotRegular is a directory, device, socket or FIFO where a regular file is needed, or a link where one is to
	// be written.
	ErrNotRegular = errors.New("not a regular file")
	// ErrNotDirectory is something else, a link too, where a directory is needed.
	ErrNotDirectory = errors.New("not a directory")
	// ErrForeign is a file or directory that belongs to somebody else than the caller.
	ErrForeign = errors.New("belongs to another user")
	// ErrExposed is a file that others may write, though it should be the caller's alone.
	ErrExposed = errors.New("others may write it")
	// ErrReadable is a file that others may read, though it holds a secret.
	ErrReadable = errors.New("others may read it")
	// errSwapped is what was replaced between a look at it and its opening.
	errSwapped = errors.New("it was replaced while it was opened")
	// ErrTooMany is a walk that met more entries than [MaxEntries].
	ErrTooMany = errors.New("too many files")
)

// IsFull reports an error of a disk, or of a user's share of it, that has no room left.
func IsFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// OutsideError is a path that lies, after links, outside the tree it had to stay in.
type OutsideError struct {
	Path string // as asked for
	Real string // where it leads, "" when that is not known
	Tree string // the tree it leaves
}

func (e *OutsideError) Error() string {
	if e.Real == "" {
		return fmt.Sprintf("%s is outside %s", e.Path, e.Tree)
	}
	return fmt.Sprintf("%s leads to %s, outside %s", e.Path, e.Real, e.Tree)
}

// TooLargeError is a file above the limit it was read with.
type TooLargeError struct {
	Path  string
	Limit int64 // bytes
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("%s is larger than %d bytes", e.Path, e.Limit)
}

// NotFoundError says that no Envfile is in the directory it was looked for in, nor above it.
type NotFoundError struct {
	Looked []string // the directories, from the working directory upwards
}

func (e *NotFoundError) Error() string {
	return "no Envfile in " + strings.Join(e.Looked, ", ")
}

// BothError says that a directory holds an Envfile and an Envfile.json.
type BothError struct {
	Dir string
}

func (e *BothError) Error() string {
	return fmt.Sprintf("%s holds both Envfile and Envfile.json", e.Dir)
}

// RefusedError is a file above the working directory that belongs to neither the caller nor root.
type RefusedError struct {
	Path string
	UID  int // its owner
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s belongs to uid %d, neither you nor root", e.Path, e.UID)
}

// escapeOf learns the error by which an os.Root refuses a path that leaves it: the value is not exported.
func escapeOf(root *os.Root) error {
	_, err := root.Lstat("..")
	var refused *fs.PathError
	if errors.As(err, &refused) {
		return refused.Err
	}
	return err
}
