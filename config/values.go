package config

import (
	"io/fs"
)

// Values is everything that evaluation takes from outside the Envfile.
type Values struct {
	// Files is the checkout; evaluation reads nothing else.
	Files Files
	// Folder is the Envfile's directory relative to the root of Files, slash-separated; "." is the root.
	Folder string
	// Dir is the same directory as a path on the host: project.dir, and what relative sources start from.
	Dir string
	// Root is the inside root as a path on the host.
	Root string
	// Home is the caller's home directory on the host: what ~/ stands for.
	Home string
	// DefaultName names the project where the Envfile does not.
	DefaultName string
	// Name overrides the project's name, written or not: the one that a checkout already bears. "" does nothing.
	Name string
	// Version is envy's own, for `requires`; "" skips the check.
	Version string
	// Vars are --var and --var-file in the order of their precedence: the first wins.
	Vars []Var
	// VarFiles are the files of --var-file, after Vars; the first that has a value wins.
	VarFiles []Source
	// Env reads the caller's environment: ENVY_VAR_name and env().
	Env func(string) (string, bool)
	// Host are facts of the machine.
	Host Host
	// Checkout is the identity of the checkout; derived ports are made of it.
	Checkout string
	// KnownPorts are the numbers of boxes that exist. A fixed port does not look at it, one with auto does.
	KnownPorts map[PortKey]int
	// Scale sets the count of boxes by label.
	Scale map[string]int
	// Definitions finds what `from` names, for whoever parses with the same values; nil finds none.
	Definitions Definitions
	// Broad: Root is the caller's home directory, a folder of others that holds it, or `/`.
	Broad bool
	// Sockets are the engine's sockets on this machine, as resolved paths; the usual places are always known. Nil knows
	// of no others, and it is asked only where something is shared.
	Sockets func() []string
}

// Var is one value given on the command line. Origin says where, for messages: "--var".
type Var struct {
	Name, Value, Origin string
}

// Host are the facts that expressions read as host.*. CPUs and Memory (bytes) never force a replacement.
type Host struct {
	UID, GID int
	OS, Arch string
	CPUs     int
	Memory   int64
}

// PortKey names one port of one box.
type PortKey struct {
	Box   string // the block's label
	Index int    // from 1
	Port  string // the block's label
}

// Files is what config asks of the host's file system.
//
// As an fs.FS it is rooted at the inside root, and opening a link that leads out of it fails. Resolve follows every link
// of an absolute path on the host and says where it leads; a path that does not exist is resolved as far as it does.
type Files interface {
	fs.FS
	Resolve(path string) Location
}

// Location is a place on the host behind all links.
type Location struct {
	Path   string // absolute
	Inside bool   // within the inside root
	Rel    string // relative to the inside root, slash-separated; only when Inside
	Exists bool
	Dir    bool // only when it Exists
}
