// Package wire holds what envy and its agent inside a box say to each other:
// the values, their encoding with a version, the limits a reader enforces, and
// the names of verbs, paths and exit codes that both sides must agree on.
//
// It knows no engine and does no input or output. It must not know how a value
// is carried (argument, stdin, file), nor what either side does with it beyond
// what the comments promise. It imports nothing else of envy.
package wire

// Version of the protocol. A reader refuses a newer one. It grows only when an
// older agent would misread a value; fields that an agent does not know are an
// error to it, so leave new fields at their zero value for an older agent.
const Version = 1

// Places in the box.
const (
	MountDir = "/.envy"            // where the agent's volume is mounted, read-only
	Path     = MountDir + "/agent" // the agent's binary

	// StateDir is the agent's own directory. A box with a read-only root file
	// system keeps its record only where a volume is mounted here; without
	// one the record lasts until the box stops.
	StateDir   = "/var/lib/envy"
	RecordPath = StateDir + "/record.json" // an encoded Record
)

// Verbs, the agent's first argument. All but init run by the engine's exec, as
// the user the container itself runs as (root, but in an unprivileged box).
const (
	VerbInit      = "init"      // argument: Boot. PID 1
	VerbExec      = "exec"      // argument: Exec. Becomes the command
	VerbFiles     = "files"     // stdin: Files
	VerbProvision = "provision" // stdin: one line of Provision, then the lifeline
	VerbRelease   = "release"   // stdin: Release
	VerbWait      = "wait"      // stdin: one line of Health, then the lifeline
	VerbRecord    = "record"    // stdout: Record
	VerbBaseline  = "baseline"  // stdout: Release, as it was recorded
	VerbStat      = "stat"      // stdin: StatRequest; stdout: StatReply
	VerbSignal    = "signal"    // stdin: Signal
	VerbMirror    = "mirror"    // stdin: one line of Mirror, then the lifeline; stdout: Mirrored. In no box, but a container of its own
)

// Where a container that runs VerbMirror has its two volumes.
const (
	MirrorFrom = MountDir + ".from"
	MirrorTo   = MountDir + ".to"
)

// MarkVariable marks for VerbSignal what an exec becomes, where the environment
// of VerbExec has it: up to 64 letters, digits, - and _. What it becomes does
// not get to see it.
const MarkVariable = "ENVY_EXEC"

// Exit codes of the agent's own. Anything else is the code of what it ran,
// with 128+n for signal n.
const (
	ExitFailed   = 1   // wait: the check never passed; signal: nothing runs with this mark
	ExitTimeout  = 124 // provision: the script ran out of time
	ExitNoExec   = 126 // the command was found and could not be run
	ExitNotFound = 127 // the command was not found
	ExitEnded    = 143 // the lifeline was closed and what ran was ended
	ExitAgent    = 255 // the agent itself failed; why stands on stderr
)

// Boot is what PID 1 of a box is told. It travels in the container's command,
// which anyone on the engine can read: nothing secret belongs in it.
type Boot struct {
	// ID is unlike that of any other container (a random string, made with
	// the container). A record that another container left in the image, as
	// a snapshot does, is known by it and dropped.
	ID string `json:"id,omitempty"`

	// Unprivileged: PID 1 is not root or lacks root's capabilities. Nothing
	// is set up and everything runs as PID 1 does.
	Unprivileged bool `json:"unprivileged,omitempty"`

	// Users by name to make or to adopt, in this order; each may use sudo
	// without a password where it is installed. A numeric user needs no entry.
	// In an unprivileged box they are not made; only their numbers count.
	Users []UserBoot `json:"users,omitempty"`

	// User of the box, idle or not: the command runs as this one, who also gets
	// the Volumes. A name or number, optionally with :group; empty is root.
	// An image's USER may stand here as it is.
	User string `json:"user,omitempty"`
	// Groups the command has besides those the box's /etc/group gives User.
	// Names or numbers; those that the box lacks are made.
	Groups []string `json:"groups,omitempty"`

	// Argv is the command; none: the box idles. Its environment is the
	// container's, plus HOME, USER and LOGNAME of the user. HOME of root, which
	// the engine itself fills in, counts as not given.
	Argv []string `json:"argv,omitempty"`
	Dir  string   `json:"dir,omitempty"` // working directory; empty: /

	// Gate: the command waits until VerbRelease was run, once in this
	// container's life. It means nothing for an idle box.
	Gate bool `json:"gate,omitempty"`
	// Oneshot, where not empty, names what the command is. After it exited
	// with 0 a later start with the same name exits with 0 at once.
	Oneshot string `json:"oneshot,omitempty"`
	// StopSignal is the container's ("SIGTERM", "SIGRTMIN+3", "15"): an idle
	// box ends on it as on TERM, INT and QUIT. Empty: SIGTERM.
	StopSignal string `json:"stop_signal,omitempty"`

	// Volumes are the mount points of all volumes. The root directory of one
	// that is empty, and root's or bearing the ids that an adopted user had in
	// the image, is given to User.
	Volumes []string `json:"volumes,omitempty"`
	// SafeDirs are targets of shared checkouts. Where User or one of Users does
	// not own one, it is added to git's safe.directory in /etc/gitconfig.
	SafeDirs []string `json:"safe_dirs,omitempty"`
}

// UserBoot is a user by name who must be there before anything runs.
type UserBoot struct {
	Name string `json:"name"`
	// UID and GID are the caller's as the box sees them. A name that the image
	// lacks is made with them.
	UID int `json:"uid,omitempty"`
	GID int `json:"gid,omitempty"`
	// Adopt: a name that the image has takes UID and GID, too, and its home
	// is handed over, once in the container's life.
	Adopt bool `json:"adopt,omitempty"`
	// Shell of a made user; empty: bash where there is one, else sh.
	Shell string `json:"shell,omitempty"`
	// Groups are supplementary, by name or number; one that is missing is
	// made. They are written to /etc/group, so exec needs no mention of them.
	Groups []string `json:"groups,omitempty"`
}

// Exec is a command to become, in the environment the container has.
type Exec struct {
	User   string   `json:"user,omitempty"`   // as Boot.User
	Groups []string `json:"groups,omitempty"` // as Boot.Groups
	// Argv: with Login, none is an interactive login shell and a single word
	// is a script for `SHELL -lc`; otherwise it is run as it is.
	Argv  []string `json:"argv,omitempty"`
	Login bool     `json:"login,omitempty"`
	Shell string   `json:"shell,omitempty"` // of Login; empty: the user's own
	// Dir is the working directory. Where it is missing: the user's home,
	// else /.
	Dir string `json:"dir,omitempty"`
	// Env is NAME=value, on top of the container's. Anyone in the box can read
	// it in the process list while the exec starts: nothing secret.
	Env []string `json:"env,omitempty"`
}

// Files are to be written, all or none of them checked first; then those in
// Remove are removed where they are still as the agent wrote them.
type Files struct {
	Files  []File   `json:"files,omitempty"`
	Remove []string `json:"remove,omitempty"`
}

// File is one regular file. It is replaced atomically; folders that are missing
// above it are made 0755, with the owner of the folder they are made in.
type File struct {
	Path    string `json:"path"` // absolute and clean
	Content []byte `json:"content,omitempty"`
	Mode    uint32 `json:"mode,omitempty"`  // permission bits; 0: 0644
	Owner   string `json:"owner,omitempty"` // name or uid, optionally :group; empty: root
	// Hash is the caller's own fingerprint of this file; it comes back in the
	// record.
	Hash string `json:"hash,omitempty"`
}

// Provision is one run of one provisioner. It goes over stdin, so its
// environment may hold secrets.
type Provision struct {
	Name   string   `json:"name"`
	Hash   string   `json:"hash,omitempty"` // the caller's fingerprint; recorded after exit 0
	Script string   `json:"script"`         // for `sh -e`, unless it starts with #!
	User   string   `json:"user,omitempty"`
	Groups []string `json:"groups,omitempty"`
	Dir    string   `json:"dir,omitempty"`
	Env    []string `json:"env,omitempty"` // NAME=value on top of the container's
	// Unset names what is taken out of the container's.
	Unset []string `json:"unset,omitempty"`
	// Timeout in nanoseconds, from when the script starts (waiting for another
	// provisioner does not count); 0: none.
	Timeout int64 `json:"timeout_ns,omitempty"`
}

// Release ends the first provisioning: the gate opens. Baseline are the paths
// that differed from the image at that moment.
type Release struct {
	Baseline []string `json:"baseline,omitempty"`
}

// Health is a check to run in the box until it passes, whatever the interval
// at which the engine asks.
type Health struct {
	Argv   []string `json:"argv"`
	User   string   `json:"user,omitempty"`
	Groups []string `json:"groups,omitempty"`
	Dir    string   `json:"dir,omitempty"`
	Env    []string `json:"env,omitempty"`
	// Timeout of one probe in nanoseconds; 0: 30 s.
	Timeout int64 `json:"timeout_ns,omitempty"`
	// Limit for all probes together in nanoseconds; 0: until the lifeline
	// closes.
	Limit int64 `json:"limit_ns,omitempty"`
}

// Signal is for what an exec became, and its process group. It needs nothing
// of the box, neither a shell nor the right to look into others' processes.
type Signal struct {
	Mark   string `json:"mark"`   // the value of the exec's MarkVariable
	Signal string `json:"signal"` // as Boot.StopSignal
}

// Mirror makes what is mounted at MirrorTo what is mounted at MirrorFrom.
type Mirror struct{}

// Mirrored is what VerbMirror copied.
type Mirrored struct {
	Files int64 `json:"files"` // entries of every kind
	Bytes int64 `json:"bytes"` // on the disk, holes left out
}

// Record is what the agent knows about its container. Times are nanoseconds
// since 1970 by the engine's clock, the one that file times come from.
type Record struct {
	ID string `json:"id,omitempty"` // Boot.ID

	// Released is when VerbRelease was run; 0: not yet.
	Released int64 `json:"released_ns,omitempty"`
	// Runs has, by provisioner, the last run that ended with 0.
	Runs map[string]Run `json:"runs,omitempty"`
	// Spans are the times in which provisioners ran, well or not, after
	// Released, oldest first. Where there are more than MaxSpans the oldest are
	// gone.
	Spans []Span `json:"spans,omitempty"`
	// Files has what VerbFiles wrote, by path.
	Files map[string]FileState `json:"files,omitempty"`
	// Own are paths which the agent itself made, wrote or handed to a user,
	// sorted, besides Files and what lies in StateDir. One whose file time is
	// later than SetUp was changed by somebody else since.
	Own []string `json:"own,omitempty"`
	// SetUp is when the agent last added to Own or wrote to it.
	SetUp int64 `json:"set_up_ns,omitempty"`
	// Oneshot is the Boot.Oneshot that last ended with 0.
	Oneshot string `json:"oneshot,omitempty"`
	// Notes of the last start: what the set-up could not do, for a person.
	Notes []string `json:"notes,omitempty"`
}

// Run is a provisioner's run that ended with 0.
type Run struct {
	Hash  string `json:"hash,omitempty"`
	Start int64  `json:"start_ns,omitempty"`
	End   int64  `json:"end_ns,omitempty"`
}

// Span is a time in which a provisioner may have changed files.
type Span struct {
	Name  string `json:"name,omitempty"`
	Start int64  `json:"start_ns,omitempty"`
	End   int64  `json:"end_ns,omitempty"`
}

// FileState is a file as VerbFiles left it.
type FileState struct {
	Hash string `json:"hash,omitempty"` // File.Hash
	Sum  string `json:"sum,omitempty"`  // SHA-256 of the content, hexadecimal
}

// StatRequest asks about paths, at most MaxPaths.
type StatRequest struct {
	Paths []string `json:"paths,omitempty"`
}

// StatReply answers in the order of the request. Links are not followed.
type StatReply struct {
	Stats []Stat `json:"stats,omitempty"`
}

// Stat is one path. One that cannot be looked at does not exist here.
type Stat struct {
	Path   string `json:"path"`
	Exists bool   `json:"exists,omitempty"`
	Size   int64  `json:"size,omitempty"`     // bytes
	MTime  int64  `json:"mtime_ns,omitempty"` // nanoseconds since 1970
	Mode   uint32 `json:"mode,omitempty"`     // type and permissions as in stat(2)
}
