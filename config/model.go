package config

import (
	"time"

	"github.com/envyhq/envy/internal/diag"
)

// Project is an evaluated Envfile: every rule that can be checked without an engine holds.
type Project struct {
	Name      string // as written or as given by Values.DefaultName
	NameRange diag.Range
	Dir       string // Values.Dir: the Envfile's directory on the host
	File      string // the Envfile's name, as it stands in ranges
	Requires  string // constraint on envy's own version; "" when none is written
	Message   string // printed after up
	// Boxes are all enabled boxes, replicas one by one: in written order, then by index.
	Boxes []*Box
	// Volumes and Networks are the top-level declarations, in written order. The network "default" is here only if it
	// is declared.
	Volumes  []*SharedVolume
	Networks []*Network
	// Bootstrap allows base images that cannot be pulled to be made from packages.
	Bootstrap bool
	// Cache is the team's cache; nil: none.
	Cache *TeamCache
	// Gate lists what reaches outside the project, in the order of the file; entries with equal text once.
	Gate []GateEntry
	// Reads are the files inside the checkout that evaluation read, sorted, relative to the inside root.
	Reads []string
}

// Box is one box, or one replica of a counted one.
type Box struct {
	Label   string     // as written: "web"
	Name    string     // "web", or "web-1" when counted
	Index   int        // from 1; 1 for a box without count
	Counted bool       // count is written
	Range   diag.Range // the block's header
	// Attrs has the range of each attribute that was written, by name ("image", "memory"), for errors found later.
	Attrs map[string]diag.Range

	From      []Made // what it is made from, as written
	Primary   bool
	Autostart bool // default true

	Image    string // reference as written; "" when Build is the base
	Build    *Build
	Packages []Package

	Service    bool
	Oneshot    bool
	Command    *Command // nil: not written
	Entrypoint *Command // nil: not written; an empty list takes the image's away

	Env  []EnvVar // sorted by name; env_file below, env over all. An unset name has Unset
	Path []string // goes before the image's PATH

	User     string // a name or uid[:gid]; "" = the image's
	Login    string // user of ssh, exec and provision where it differs; "" = User
	Groups   []string
	Workdir  string // "" = the target of the first share, else the image's
	Shell    string
	Hostname string // "" = Name
	Aliases  []string

	DependsOn []Ref // names of boxes of Project.Boxes, replicas one by one; sorted as written

	Restart      Restart
	CPUs         float64 // 0: no limit
	Memory       int64   // bytes; 0: no limit
	ShmSize      int64   // bytes; 0: the engine's own
	GPUs         *GPUs
	Ulimits      []Ulimit // sorted by name
	Platform     string   // os/arch[/variant]; "" = the engine's
	StopSignal   string
	StopTimeout  *time.Duration
	WaitTimeout  time.Duration // 0: the command line's
	ReadOnly     bool
	Privileged   bool
	CapAdd       []string // without CAP_, upper case
	CapDrop      []string
	Devices      []Device
	SecurityOpt  []string
	Sysctls      []Pair // sorted by key
	NetworkMode  NetworkMode
	DNS          []string
	ExtraHosts   []Pair // host name -> address, sorted
	Labels       []Pair // sorted by key
	Message      string
	Ports        []*Port
	Shares       []*Share
	Volumes      []*Volume
	Tmpfs        []*Tmpfs
	Networks     []*Join // empty: the project's own network, unless NetworkMode says otherwise
	Files        []*File
	Setups       []*Setup
	Provisioners []*Provision
	Healthcheck  *Healthcheck // nil: not written
	// HostSized names what came from host.cpus or host.memory, and forces nothing when it changes: an attribute of the
	// box ("cpus", "env") or of a block in it ("provision.deps.run").
	HostSized []string
	// Own names likewise what is not the project's but of whoever runs envy: made of env() or dotenv(), or written in
	// Envfile.local. Of maps the entries tell it.
	Own []string
}

// Idles reports whether the box runs no command of its own and waits to be entered.
func (b *Box) Idles() bool {
	return !b.Service && !b.Oneshot && b.Command == nil && b.Entrypoint == nil
}

// AttrRange returns the place of an attribute, or of the box where it was not written.
func (b *Box) AttrRange(name string) diag.Range {
	if r, ok := b.Attrs[name]; ok {
		return r
	}
	return b.Range
}

// Ref is a name that refers to something, with the place where it is written.
type Ref struct {
	Name  string
	Range diag.Range
}

// Pair is an entry of a map.
type Pair struct {
	Key, Value string
	Own        bool // as of Box.Own
	Range      diag.Range
}

// Text is a string that may be sensitive.
type Text struct {
	Value     string
	Sensitive bool
}

// EnvVar is one variable of an environment. Unset: the variable is taken away, also where the image sets it.
type EnvVar struct {
	Name  string
	Value Text
	Unset bool
	Own   bool // as of Box.Own
	Range diag.Range
}

// Package is a package of the image's own manager.
type Package struct {
	Name    string // "curl", or as the manager has it: "libc6:i386"
	Version string // what stands behind "="; "" = any
	Written string // the whole as written
	Range   diag.Range
}

// Command is an argument vector: a list as written, or a string split into words without a shell.
type Command struct {
	Args  []string
	Range diag.Range
}

// Restart is the restart policy. Name: "no", "always", "unless-stopped", "on-failure".
type Restart struct {
	Name       string
	MaxRetries int // of on-failure; 0: without end
}

// GPUs asks for graphics processors: All, or Count, or IDs.
type GPUs struct {
	All   bool
	Count int
	IDs   []string
}

// Ulimit is a resource limit of the box's processes; -1 is without limit.
type Ulimit struct {
	Name       string
	Soft, Hard int64
}

// Device passes a device of the host into the box. Permissions is some of "rwm".
type Device struct {
	Host, Target, Permissions string
	Place                     Location // of Host, behind links
	Range                     diag.Range
}

// Leads is the device that is meant: where Host leads, or Host itself while that stays below /dev, where only root makes
// links and they move with the hardware.
func (d Device) Leads() string {
	if within("/dev", d.Host) && within("/dev", d.Place.Path) {
		return d.Host
	}
	return d.Place.Path
}

// NetworkMode is bridge (the zero value), host, none or another box's network.
type NetworkMode struct {
	Mode string // "", "host", "none", "box"
	Box  string // with Mode "box": the name of a box of Project.Boxes
}

// Build makes a box's base from a Dockerfile.
type Build struct {
	Context Path
	// Tree holds the context where a definition from elsewhere has it: Context.Rel is its directory in it. Nil: it lies at
	// Context.Path on the host.
	Tree       Tree
	Definition string // whose tree it is, by its id
	Dockerfile string // relative to the context; default "Dockerfile"
	Target     string
	Args       []Pair // sorted
	Range      diag.Range
	Parts      []diag.Range // of the attributes: layers may have written them apart
}

// Path is a place on the host that a block names. Written is as it stands in the Envfile.
type Path struct {
	Written string
	Location
}

// Port publishes one of the box's ports on the host.
type Port struct {
	Label    string
	Guest    int
	Host     int // the number to publish; never 0
	Source   PortSource
	Written  int    // host as written, for this replica; 0 when omitted
	Auto     bool   // the next free one on a clash
	Protocol string // tcp, udp
	Address  string // default 127.0.0.1
	Range    diag.Range
	// HostRange is where host is written, else Range.
	HostRange diag.Range
}

// PortSource says where the host's number comes from.
type PortSource int

// The sources of a host port.
const (
	PortFixed   PortSource = iota // written in the Envfile
	PortKept                      // the existing box's, from Values.KnownPorts
	PortDerived                   // from checkout, box, port and index
)

// Share is a folder or a file of the host inside the box.
type Share struct {
	Label    string
	Source   Path
	Target   string
	Mode     ShareMode
	ReadOnly bool
	Create   bool // make a missing source, as a folder
	Range    diag.Range
	// TargetRange is where target is written.
	TargetRange diag.Range
}

// ShareMode is how the box sees the share.
type ShareMode string

// The modes of a share. sync is refused by name in this build.
const (
	ShareBind ShareMode = "bind"
	ShareCopy ShareMode = "copy"
)

// Volume is a volume of the engine, mounted in the box.
type Volume struct {
	Label    string
	Target   string
	ReadOnly bool
	Shared   *SharedVolume // the top-level declaration with that label; nil: the box's own
	Range    diag.Range
}

// SharedVolume is declared at top level: one volume for all boxes that name it.
type SharedVolume struct {
	Label    string
	External string // the engine's name of a volume that envy neither makes nor destroys; "" = the project's
	Range    diag.Range
}

// Tmpfs is a file system in memory.
type Tmpfs struct {
	Target string
	Size   int64 // bytes; 0: the engine's own limit
	Range  diag.Range
}

// Network is a top-level network.
type Network struct {
	Label    string
	External string // the engine's name of a network that envy neither makes nor destroys
	Internal bool   // no way out
	Subnets  []string
	IPv6     bool
	Range    diag.Range
}

// Join connects a box to a network.
type Join struct {
	Label   string   // "default" is the project's own
	Network *Network // the top-level declaration; nil only for an undeclared "default"
	Aliases []string
	IP      string
	Range   diag.Range
}

// File is written into the box before it runs.
type File struct {
	Target  string
	Content Text
	Mode    uint32 // permission bits; default 0644
	Owner   string // user[:group]; "" = the box's user
	Range   diag.Range
}

// Setup is a step of the image's build, run as root or as User.
type Setup struct {
	Label    string
	Run      string
	User     string
	Env      []Pair   // sorted
	Unset    []string // names that the image sets and the script does not see
	Inputs   []Input
	Tree     Tree   // of a definition from elsewhere, that the inputs lie in; nil: the checkout
	Folder   string // that the script sees its inputs relative to: the Envfile's, or the definition's
	Packages []Package
	Range    diag.Range
	RunRange diag.Range
}

// Input is a file, a directory or a pattern with * and **, slash-separated.
type Input struct {
	Pattern string // relative to the inside root, or to the root of the setup's tree; clean
	Written string // relative to the Envfile, or the definition
	Range   diag.Range
}

// Provision is a script that runs in the box.
type Provision struct {
	Label        string
	Run          Text
	When         string // changed, once, always, never
	Inputs       []Input
	User         string // "" = the box's login, else its user
	Env          []EnvVar
	Timeout      time.Duration // 0: none
	AfterHealthy bool
	Range        diag.Range
	RunRange     diag.Range
}

// Healthcheck says when a box is ready.
type Healthcheck struct {
	Command     []string // run as it is; a written string is {"sh", "-c", s}
	Interval    time.Duration
	Timeout     time.Duration
	Retries     int
	StartPeriod time.Duration
	Range       diag.Range
}

// GateKind says what an entry of the gate list asks for.
type GateKind string

// The kinds of the gate list.
const (
	GateCheckout        GateKind = "checkout"
	GateShare           GateKind = "share"
	GateContext         GateKind = "context"
	GateWritable        GateKind = "writable source" // a source inside a folder that a box can write
	GateSocket          GateKind = "socket"
	GatePrivileged      GateKind = "privileged"
	GateCapAdd          GateKind = "cap_add"
	GateDevice          GateKind = "device"
	GateGPU             GateKind = "gpu"
	GateSecurityOpt     GateKind = "security_opt"
	GateHostNetwork     GateKind = "host network"
	GateExternalVolume  GateKind = "external volume"
	GateExternalNetwork GateKind = "external network"
	GatePublicPort      GateKind = "public port"
	GateEnv             GateKind = "environment"
	GateCache           GateKind = "cache"
	GateDefinition      GateKind = "definition" // one from outside, or what it takes of the project
)

// GateEntry is one thing that reaches outside the project and needs the user's trust. Kind and What together say it whole:
// what was trusted is known by them.
type GateEntry struct {
	Kind GateKind
	// Reaches is what lies outside: a path behind links, an address, a name; "" where the kind says it.
	Reaches string
	What    string
	Range   diag.Range
}
