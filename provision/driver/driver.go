// Package driver says what an engine must be able to do for envy: narrow interfaces whose comments are contracts, and
// the kinds of error that everybody above may tell apart. It knows resource values and events; it must not know any
// engine's API, the Envfile, or what a plan is. Implementations are folders beside this file; drivertest holds the
// suite that each of them passes.
package driver

import (
	"context"
	"io"
	"time"

	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/resource"
)

// Engine is all of an engine. Consumers declare the part they need.
type Engine interface {
	Observer
	Surveyor
	Inspector
	Mutator
	Images
	Publisher
	Importer
	Mover
	Snapshotter
	Inside
	Execer
	Logger
	Files
	Gauge
	Close() error
}

// Observer tells what is there, in a constant number of calls.
type Observer interface {
	// Ping asks whether the engine answers. Error kind: Unreachable.
	Ping(ctx context.Context) (resource.Engine, error)
	// Observe lists the checkout's containers, networks and volumes by label, the three lists and a ping at once. Only
	// what id owns (labels and name) is in the result; objects with its labels and a foreign name are Strangers.
	Observe(ctx context.Context, id resource.Identity) (resource.Observed, error)
	// Names lists names in use on the whole engine: containers, networks, volumes, with their owners; asked only when a
	// project has no name yet or something is to be made for the first time.
	Names(ctx context.Context) (Names, error)
	// PublishedPorts lists all published host ports on the engine, unfiltered, with the holder; asked only when picking.
	PublishedPorts(ctx context.Context) ([]PortHolder, error)
	// Events calls f, which may use the engine, for what happens to the checkout's boxes and throw-away boxes, in the engine's
	// order, until o.Until has come or f returns false; both are no error. Health checks and commands in a box are left out but
	// for the health that they lead to. When ctx ends its cause is the error, and Unreachable where the engine goes away.
	Events(ctx context.Context, id resource.Identity, o EventOptions, f func(BoxEvent) bool) error
}

// Names is every name on the engine that a project could clash with, with the labels' owner (zero for foreign ones).
type Names struct {
	Containers map[string]resource.Owner
	Networks   map[string]resource.Owner
	Volumes    map[string]resource.Owner
}

// PortHolder is a container that publishes a port.
type PortHolder struct {
	Port     int
	Protocol string
	Address  string
	Holder   string // container name
	ID       string
	Owner    resource.Owner // whose its labels say it is; zero for foreign ones
	Compose  string         // the Compose project in its labels
}

// Inspector answers the planner's questions about one object.
type Inspector interface {
	// Detail inspects a box. Error kind: NotFound.
	Detail(ctx context.Context, id string) (resource.BoxDetail, error)
	// Record reads the agent's record, of a running or a stopped box. A record that cannot be read is Known false and no
	// error; an error means that the engine failed.
	Record(ctx context.Context, id string) (resource.Record, error)
	// Changes are the paths that differ from the image (directories left out), sorted.
	Changes(ctx context.Context, id string) ([]Change, error)
	// Stat gives size and modification time of paths in a running or stopped box. ctx's deadline bounds it: what was not
	// reached is left out and complete is false.
	Stat(ctx context.Context, id string, paths []string) (stats map[string]Stat, complete bool, err error)
	// Size gives what a box takes on the engine's disk, in bytes: rw of its own, root with its image. It makes the engine
	// count, so a list does without. Error kind: NotFound.
	Size(ctx context.Context, id string) (rw, root int64, err error)
}

// Change is one path of the engine's file-system diff.
type Change struct {
	Path    string
	Kind    ChangeKind
	Deleted bool
}

// ChangeKind tells additions from modifications.
type ChangeKind int

// The kinds of change.
const (
	Modified ChangeKind = iota
	Added
	Removed
)

// Stat is what a path is now. Exists is false for a path that is gone.
type Stat struct {
	Exists bool
	Dir    bool
	Size   int64 // bytes
	MTime  time.Time
}

// Mutator changes objects. Every method is one operation of a plan; each is safe to call again after its client died:
// Conflict says that another caller was there first. A ctx that ends does not undo what the engine has begun.
type Mutator interface {
	// CreateNetwork makes a network and, because names are not unique on engines, lists by label afterwards, keeps the
	// oldest and removes its own double. Calls for one name take turns within a process; of two processes, which the
	// caller's lock keeps apart, one can be left with the id of a double that the other has just removed: what it does
	// next finds nothing, and the next up mends it. A pool that is used up is met with a free subnet from 10/8.
	CreateNetwork(ctx context.Context, n NewNetwork) (id string, err error)
	RemoveNetwork(ctx context.Context, id string) error // NotFound is success
	// CreateVolume makes a volume. It is atomic: the owner returned is the winner's.
	CreateVolume(ctx context.Context, v NewVolume) (resource.Owner, error)
	RemoveVolume(ctx context.Context, name string) error // NotFound is success
	// CreateBox makes a container, not started, and connects its further networks. Missing mount points in shares and
	// missing host folders with Create are the caller's business, before. Error kinds: Conflict (name), NotFound (image,
	// network), Invalid (the engine refuses the configuration).
	CreateBox(ctx context.Context, b NewBox) (id string, err error)
	// StartBox sends the restart policy along and starts; on a running one it does nothing. One that ran on a network which
	// is gone starts again once it is connected to one of that name, or taken off. Error kinds: NotFound, PortTaken, Failed
	// with the engine's words.
	StartBox(ctx context.Context, id string, restart string) error
	// StopBox switches the restart policy off and stops; timeout 0 is the box's own. On a stopped one it does nothing.
	StopBox(ctx context.Context, id string, timeout time.Duration) error
	KillBox(ctx context.Context, id, signal string) error
	RemoveBox(ctx context.Context, id string) error // with its anonymous volumes; NotFound is success
	RenameBox(ctx context.Context, id, name string) error
	PauseBox(ctx context.Context, id string) error
	UnpauseBox(ctx context.Context, id string) error
	// LimitBox sets memory, cpus and restart policy in place; zero leaves a limit alone.
	LimitBox(ctx context.Context, id string, l Limits) error
	// Connect puts a box on a network, in the place of another one of that name where the box does not run. A running one
	// that is on it already is left as it is.
	Connect(ctx context.Context, network, id string, j Join) error
	// Disconnect takes a box off a network, also off one that is gone. One that is not on it is fine.
	Disconnect(ctx context.Context, network, id string) error
	// CopyIn copies a folder or a file, as an archive, into a box (mode = "copy"). It is then the box's user's, by the ids
	// that this one has in the box, whatever the archive says; what was there stays as it is.
	CopyIn(ctx context.Context, id string, tar io.Reader, target string) error
}

// NewNetwork is a network to be made.
type NewNetwork struct {
	Name     string
	Internal bool
	IPv6     bool
	Subnets  []string
	Labels   map[string]string
}

// NewVolume is a volume to be made.
type NewVolume struct {
	Name   string
	Labels map[string]string
}

// NewBox is a container to be made. Spec says what; the rest is what the spec cannot hold.
type NewBox struct {
	Name     string
	Hostname string
	Image    string             // reference or id to create from
	Fact     resource.ImageFact // what that image says of itself
	Spec     resource.BoxSpec
	Labels   map[string]string // complete, spec and hash included
	Secrets  map[string]string // values of Spec.SecretEnv
	Volumes  map[string]string // target → volume name
	Networks map[string]NetworkRef
	Aliases  []string // on every network, beside the spec's: "web", "web-1"
	Peer     string   // container that network_mode box:NAME names
	Gate     bool     // the command waits for Release
	GitSafe  []string // share targets for git's safe.directory
	Life     string   // whose file system Image holds, as Detail gave it: the record in it is this box's; "" begins anew
	Kept     []string // targets of volumes that get nothing of what Image has there, not even where they are empty
	Run      *Override
}

// Override is what a throw-away box (run) does instead of its spec's command.
type Override struct {
	Command []string
	TTY     bool
	Size    Size // of the terminal, as in Streams
	Stdin   bool
	User    string
	Dir     string
	Env     map[string]string
}

// NetworkRef is a network on the engine: connected by id, named in NetworkMode.
type NetworkRef struct {
	ID   string
	Name string
}

// Join is how a box is on a network.
type Join struct {
	Aliases []string
	IP      string
}

// Limits are the in-place values of a box. Zero Memory and NanoCPUs are left alone; Restart "" is "no".
type Limits struct {
	Memory   int64
	NanoCPUs int64
	Restart  string
}

// Images looks at, fetches and makes images.
type Images interface {
	// Image inspects by reference or id. Error kind: NotFound.
	Image(ctx context.Context, ref, platform string) (resource.ImageFact, error)
	// Pull fetches with the user's credentials; layers are reported to sink under parent. It gives the digest that the
	// registry has under the reference, that of the index where there is one; "" where the engine does not say. Error kinds:
	// NotFound, Denied, NoRegistry.
	Pull(ctx context.Context, ref, platform string, sink event.Sink, parent string) (digest string, err error)
	// Digest asks the registry for that digest, through the engine, and fetches nothing. Error kinds: as Pull.
	Digest(ctx context.Context, ref string) (string, error)
	// Build makes an image; output is reported to sink under parent. Error: *BuildError with the last lines.
	Build(ctx context.Context, b Build, sink event.Sink, parent string) error
	// PackageManager looks into an image: "apt", "apk", "dnf", "zypper", "pacman", or NotFound.
	PackageManager(ctx context.Context, ref string) (string, error)
	// ImageFile reads a regular file of an image, of at most limit bytes, by an absolute path; a link at its end is not followed.
	// Error kinds: NotFound (image, or no such regular file), Failed for a longer one.
	ImageFile(ctx context.Context, ref, path string, limit int64) ([]byte, error)
	RemoveImage(ctx context.Context, ref string) error // NotFound is success
}

// Publisher gives images further names, and hands them on through registries.
type Publisher interface {
	// TagImage gives an image, by reference or id, one more name, which moves there from any other. Error kinds: NotFound,
	// Invalid.
	TagImage(ctx context.Context, ref, name string) error
	// PushImage sends the image of a name to the registry in that name, with the user's credentials, and gives the digest
	// that it has there; layers are reported to sink under parent. What the registry has already is not sent again. When
	// ctx ends the name in the registry may be the old one, or the new. Error kinds: NotFound (no such image here), Denied,
	// NoRegistry, Invalid.
	PushImage(ctx context.Context, name string, sink event.Sink, parent string) (digest string, err error)
}

// Importer makes images of a file system, where there is none to start from.
type Importer interface {
	// Architecture is the engine's, as Go names it where it can ("amd64"), else as the kernel does ("armv7l").
	Architecture(ctx context.Context) (string, error)
	// ImportImage makes an image of one layer; output of the script goes to out. Nothing but the image is left, whether it
	// succeeds, fails or is ended by ctx; Tags move once all else is done. *ScriptError with the last output when the
	// script fails, Tree's own error when that does. Error kinds: Invalid (a tag or a value that no image can have).
	ImportImage(ctx context.Context, i ImageImport, out io.Writer) (id string, err error)
}

// ImageImport is an image to be made of a file system.
type ImageImport struct {
	// Tree writes the file system as a tar. It is called once, and ends with an error of w where the engine stops reading.
	Tree func(ctx context.Context, w io.Writer) error
	// Script runs in it before it becomes the image: by /bin/sh, as root, in a container without a network. "" is none.
	Script  string
	Tags    []string
	Labels  map[string]string
	Env     []string
	Command []string
	// Mark are labels of what stands in between. What bears all of them already was left by a call that was killed, and is
	// removed first: calls with the same mark take turns, which is the caller's to see to.
	Mark map[string]string
	// Epoch, unless it is zero, is the time of every file that a script changed, so that the same script leaves the same layer.
	Epoch time.Time
}

// Mover carries images from one engine to another.
type Mover interface {
	// SaveImage writes one image, by reference or id, as a docker-archive: a tar whose manifest.json names its configuration
	// and its layers, which may be compressed. platform chooses of an image that has several, where the engine can; "" is the
	// engine's choice. w's own error comes back as it is. Error kinds: NotFound.
	SaveImage(ctx context.Context, ref, platform string, w io.Writer) error
	// LoadImage takes a docker-archive, with the names that it has. r's own error comes back as it is. Where r ends with an
	// error, or ctx ends, before the whole of manifest.json has come, the engine has no image of it. r may be in a Read, or
	// be read once more, when this returns. Error kinds: Failed with the engine's words for what is no image.
	LoadImage(ctx context.Context, r io.Reader) error
	// NamedImages lists the images that have a name in repositories below prefix ("envy.local/box" has "envy.local/box/web:1"), sorted.
	NamedImages(ctx context.Context, prefix string) ([]NamedImage, error)
}

// NamedImage is one name of an image.
type NamedImage struct {
	Reference, ID string
	Size          int64     // of the image, in bytes
	Created       time.Time // as the image says
}

// Build is one image build. Dockerfile is used with BuildKit, Classic with an engine that has none; the two give the
// same result. Context is called for a fresh stream (a tar) each time.
type Build struct {
	Tag        string
	Dockerfile string // name within the context
	Context    func() (io.ReadCloser, error)
	Classic    func() (io.ReadCloser, error) // nil: the same context does
	Args       map[string]string
	Target     string
	Platform   string
	Labels     map[string]string
	NoCache    bool
	Pull       bool
	// Locate tells which part of a recipe a line of the Dockerfile is: "packages", "setup.NAME"; nil for a build {}.
	Locate func(line int) string
}

// BuildError is a failed build: Step is the instruction's text, Lines the last it printed.
type BuildError struct {
	Step  string
	Line  int    // of the Dockerfile, 0 when unknown
	Part  string // of the recipe: "packages", "setup.NAME"; "" for a build {}
	Lines []string
	Err   error
}

func (e *BuildError) Error() string { return "build: " + e.Err.Error() }

// Unwrap gives the engine's error.
func (e *BuildError) Unwrap() error { return e.Err }

// Inside speaks with the agent in a running box. Every call ends what it started when ctx ends. Error kinds: NotFound,
// NotRunning.
type Inside interface {
	WriteFiles(ctx context.Context, id string, files []resource.FileContent) error
	// Provision runs a script under the agent's lock and record; its output goes to out. A script's own failure is
	// *ScriptError.
	Provision(ctx context.Context, id string, p resource.ProvisionScript, out io.Writer) error
	// Release records the baseline (paths changed by now) and lets the command start.
	Release(ctx context.Context, id string, baseline []string) error
	// WaitHealthy runs the check inside until it passes. *ScriptError with the last output when it never did.
	WaitHealthy(ctx context.Context, id string, h resource.HealthSpec) error
	// WaitExit waits until the box has ended, and gives its exit code.
	WaitExit(ctx context.Context, id string) (int, error)
}

// ScriptError is a script or check that ended badly.
type ScriptError struct {
	Code   int // exit code; 124 timed out
	Output string
}

func (e *ScriptError) Error() string { return "exit code " + itoa(e.Code) }

// Execer runs commands in a running box.
type Execer interface {
	// Exec runs x with the given streams and gives the command's exit code (128+n for signal n). When ctx ends the command
	// is ended. Error kinds: NotFound, NotRunning.
	Exec(ctx context.Context, id string, x Exec, s Streams) (int, error)
	// Attach starts a created box and attaches to it, for run; it ends with the box or with ctx.
	Attach(ctx context.Context, id string, s Streams) (int, error)
}

// Exec is a command for a running box. It goes through the agent, which waits until the user exists. The groups of the
// box are those of its user, and of its user of shells.
type Exec struct {
	Argv  []string // empty with Login: an interactive shell
	Login bool     // through a login shell: one word is its command text, several words run as they are
	Shell string   // of Login; "" is the user's own
	User  string
	Dir   string
	Env   map[string]string
	TTY   bool
}

// Streams are what a command is attached to. Size is its terminal's at the start, zero where that is not known; an older
// engine passes it on a moment later. Resize carries changes of it; it may be nil.
type Streams struct {
	In     io.Reader // nil: none
	Out    io.Writer
	Err    io.Writer
	Size   Size
	Resize <-chan Size
	Signal <-chan string // signals to pass on: "INT", "TERM"
}

// Size is a terminal's size in characters.
type Size struct{ Columns, Rows int }
