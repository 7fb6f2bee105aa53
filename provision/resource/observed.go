package resource

import "time"

// State is a box's state, as product reference §4 names them.
type State string

// The states.
const (
	StateAbsent     State = "absent"
	StateCreated    State = "created"
	StateRunning    State = "running"
	StatePaused     State = "paused"
	StateRestarting State = "restarting"
	StateExited     State = "exited"
	StateDead       State = "dead"
	StateRemoving   State = "removing"
)

// Health is what the engine's own probe last said; empty when there is none or it cannot be known from a list.
type Health string

// The health values.
const (
	HealthNone      Health = ""
	HealthStarting  Health = "starting"
	HealthHealthy   Health = "healthy"
	HealthUnhealthy Health = "unhealthy"
)

// Engine is what a ping tells of the engine.
type Engine struct {
	Version    string // "20.10.24"; from the Server header
	APIVersion string
	OS         string
	BuildKit   bool
	Endpoint   string // unix:///var/run/docker.sock
}

// Observed is what a constant number of list calls told of one checkout's objects. Objects whose labels name the
// checkout but whose names are not envy's are in Strangers: never touched.
type Observed struct {
	Engine    Engine
	Boxes     []BoxObserved
	Networks  []NetworkObserved
	Volumes   []VolumeObserved
	Snapshots []SnapshotVolume
	Strangers []string
}

// BoxObserved is a container as a list shows it. Raw spec and hash are as on its labels.
type BoxObserved struct {
	ID       string
	Name     string // without the leading slash
	Owner    Owner
	Labels   map[string]string
	Spec     string
	SpecHash string
	State    State
	Health   Health
	ExitCode int // of an exited one
	Status   string
	Image    string // as given at create
	ImageID  string
	Networks []NetworkAttached
	Ports    []PortSpec // published now; Name empty
	Created  time.Time
}

// Key is the identity of the box over renames.
func (b BoxObserved) Key() Key { return Key{b.Owner.Box, b.Owner.Index} }

// NetworkAttached is one network that a container is on.
type NetworkAttached struct {
	ID   string
	Name string
	IP   string
}

// NetworkObserved is a network of the checkout.
type NetworkObserved struct {
	ID       string
	Name     string
	Owner    Owner
	Internal bool
	IPv6     bool
	Subnets  []string
	Created  time.Time
}

// VolumeObserved is a volume of the checkout.
type VolumeObserved struct {
	Name  string
	Owner Owner
}

// ImageFact is what an image says of itself. BaseID is equal on both image stores.
type ImageFact struct {
	ID           string
	BaseID       string   // hash over layer ids, configuration and platform
	Layers       []string // ids of what the layers unpack to, lowest first
	Reference    string
	OS, Arch     string
	User         string
	Entrypoint   []string
	Cmd          []string
	Env          []string
	Workdir      string
	Volumes      []string // sorted
	ExposedPorts []string // sorted, "5432/tcp"
	Healthcheck  *HealthSpec
	StopSignal   string
	Shell        []string
	Recipe       string   // label io.envy.recipe, "" when envy did not make it
	Digests      []string // registry digests, where known
	Labels       map[string]string
	Size         int64
}

// BoxDetail is the closer look at one box: what an inspect says of what may have been changed in place.
type BoxDetail struct {
	ID       string
	Memory   int64
	NanoCPUs int64
	Restart  string
	Networks []NetworkJoinObserved
	Mounts   []string // targets of mounts
	ExitCode int
	OOM      bool
	Error    string // why the last start failed
	Running  bool
	Started  time.Time
	Finished time.Time // of the last run that ended; before Started too, where the engine's clock was set
	Life     string    // tells the box's record from that of another container, "" where it has none
}

// NetworkJoinObserved is a connection with its aliases.
type NetworkJoinObserved struct {
	ID      string
	Name    string
	Aliases []string
	IP      string
}

// Record is what the agent wrote down in the box. Known is false when it could not be read: unknown, never "did not run".
// Times are the engine's clock, the one that file times come from.
type Record struct {
	Known      bool
	Released   bool              // first provisioning is done
	Files      map[string]string // target → content hash
	Runs       map[string]Run    // provisioner → its last success
	Baseline   []string          // paths that were changed when the first provisioners had run
	BaselineAt time.Time         // when that was; zero where not Released
	Spans      []Run             // times in which provisioners ran after that, well or not
	Own        []string          // paths that the agent itself wrote
	SetUp      time.Time         // when it last wrote to one of Own
	ReadAt     time.Time         // when it was read, to a second or two; zero where that is not known
	Oneshot    bool              // the command ended well
	Notes      []string
}

// Run is one success of a provisioner.
type Run struct {
	Hash  string
	Start time.Time
	End   time.Time
}

// Loss is what the box changed on its own and a replacement would discard (§5, Lost).
type Loss struct {
	Count   int      `json:"count"`
	AtLeast bool     `json:"at_least,omitempty"` // time ran out
	Bytes   int64    `json:"bytes,omitempty"`
	Largest []string `json:"largest,omitempty"`
	Unknown bool     `json:"unknown,omitempty"` // could not be looked at
	Paths   []string `json:"-"`
}
