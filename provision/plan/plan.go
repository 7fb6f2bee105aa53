// Package plan is the pure heart of envy: desired and observed state go in, a plan comes out, or the questions that
// must be answered first. It makes no engine call, reads no clock and no file, and prompts nobody (product reference
// §1.1). What `envy plan` shows is what `envy up` does, step by step.
package plan

import (
	"github.com/envyhq/envy/provision/resource"
)

// Version is the version of a plan's JSON.
const Version = 1

// Action is what happens to one thing.
type Action string

// The actions (§5).
const (
	Create  Action = "create"
	Update  Action = "update"
	Replace Action = "replace"
	Start   Action = "start"
	Restart Action = "restart"
	Unpause Action = "resume"
	Stop    Action = "stop"
	Pause   Action = "suspend"
	Remove  Action = "destroy"
	NoOp    Action = "no-op"
)

// Plan is what will be done. Changes are for people, in the order of the Envfile; Steps are for apply.
type Plan struct {
	Version int      `json:"version"`
	Project string   `json:"project"`
	Changes []Change `json:"changes"`
	Steps   []Step   `json:"steps"`
	Notes   []string `json:"notes,omitempty"`
	// Kept are volumes that nothing names any more; up never removes one.
	Kept []string `json:"kept,omitempty"`
	// KeptSnapshots are those that a destroy leaves, by name.
	KeptSnapshots []string `json:"kept_snapshots,omitempty"`
	// Unresolved: what an image says of itself is not known yet; after the image steps up plans again (§2, Mounts).
	Unresolved bool `json:"unresolved,omitempty"`
	// Problems stop up before anything is done: a taken name, a port clash. Plan shows them.
	Problems []Problem `json:"problems,omitempty"`
}

// Empty reports whether there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Steps) == 0 }

// Change is one thing and what becomes of it.
type Change struct {
	Address resource.Address `json:"address"`
	Action  Action           `json:"action"`
	Summary string           `json:"summary,omitempty"` // beside the action: "image debian:bookworm-slim"
	Reason  string           `json:"reason,omitempty"`  // why, where no attribute says it: "stopped by hand"
	Attrs   []AttrChange     `json:"attributes,omitempty"`
	// Provisions are the provisioners that run in a box which is made, in their order.
	Provisions []string        `json:"provisions,omitempty"`
	Loss       *resource.Loss  `json:"loss,omitempty"`
	Notes      []string        `json:"notes,omitempty"`
	Origin     resource.Origin `json:"origin,omitzero"`
	// SpecHash pins what a create or replace makes, for saved plans.
	SpecHash string `json:"spec_hash,omitempty"`
}

// AttrChange is one attribute with what it was and what it will be, as the Envfile writes values.
type AttrChange struct {
	Path   string `json:"path"`
	Old    string `json:"old,omitempty"`
	New    string `json:"new,omitempty"`
	Forces bool   `json:"forces_replacement,omitempty"`
}

// Problem is a reason why the plan cannot be applied. Refused ones end in exit 5 (a newer label), others in exit 1.
type Problem struct {
	Summary string          `json:"summary"`
	Detail  string          `json:"detail,omitempty"`
	Hint    string          `json:"hint,omitempty"`
	Refused bool            `json:"refused,omitempty"`
	Clash   *PortClash      `json:"clash,omitempty"`
	Origin  resource.Origin `json:"origin,omitzero"`
}

// PortClash says which port is taken, so that one that is not fixed can be picked anew.
type PortClash struct {
	Key   resource.Key `json:"-"`
	Box   string       `json:"box"`
	Name  string       `json:"name"`
	Port  int          `json:"port"`
	Fixed bool         `json:"fixed"`
}

// Op is one operation of a driver.
type Op string

// The operations. Each is one method of the driver.
const (
	OpPull          Op = "pull"
	OpLoad          Op = "load"       // from a box archive
	OpBuild         Op = "build"      // build {}
	OpBuildLayers   Op = "add-layers" // packages and setups
	OpClaim         Op = "claim"      // the volume that claims the project's name
	OpCreateNetwork Op = "create-network"
	OpRemoveNetwork Op = "remove-network"
	OpCreateVolume  Op = "create-volume"
	OpRemoveVolume  Op = "remove-volume"
	OpCopyVolume    Op = "copy-volume"
	OpRemoveImage   Op = "remove-image"
	OpCreateBox     Op = "create-box"
	OpCopyIn        Op = "copy-in"
	OpStart         Op = "start"
	OpStop          Op = "stop"
	OpRemove        Op = "remove"
	OpRename        Op = "rename"
	OpPause         Op = "pause"
	OpUnpause       Op = "unpause"
	OpLimit         Op = "limit"
	OpConnect       Op = "connect"
	OpDisconnect    Op = "disconnect"
	OpWriteFiles    Op = "write-files"
	OpProvision     Op = "provision"
	OpRelease       Op = "release"
	OpWaitHealthy   Op = "wait-healthy"
	OpWaitExit      Op = "wait-exit"
	OpRecheckLoss   Op = "recheck-loss" // look at the stopped old box once more
)

// Target is a container: by ID where it existed when the plan was made, else by the name it is created under.
type Target struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name"`
}

// Step is one driver operation with what it needs first and what to do when it fails.
type Step struct {
	ID      int              `json:"id"`
	Op      Op               `json:"op"`
	Address resource.Address `json:"address"`
	Target  Target           `json:"target,omitzero"`
	Name    string           `json:"name,omitempty"` // new name of a rename; name of a network, volume, image or provisioner
	Needs   []int            `json:"needs,omitempty"`
	Origin  resource.Origin  `json:"origin,omitzero"`
	OnFail  []Undo           `json:"on_fail,omitempty"`

	// Arguments, by Op; not part of a plan's JSON (their fingerprints are, through SpecHash and Name).
	Create  *BoxCreate            `json:"-"`
	Network *NetworkArgs          `json:"-"`
	Volume  *VolumeArgs           `json:"-"`
	Image   *resource.ImageWanted `json:"-"`
	// VolumeCopy is of OpCopyVolume.
	VolumeCopy *CopyArgs                 `json:"-"`
	Limits     *LimitArgs                `json:"-"`
	Restart    string                    `json:"-"`
	Files      []resource.FileContent    `json:"-"`
	Script     *resource.ProvisionScript `json:"-"`
	Health     *resource.HealthSpec      `json:"-"`
	Copy       *resource.MountSpec       `json:"-"`
	Secrets    []string                  `json:"-"` // sensitive values of the box, taken out of what it prints
	Loss       *resource.Loss            `json:"-"` // confirmed, for OpRecheckLoss
	Diff       bool                      `json:"-"` // OpRelease: record which paths changed; files {} alone need no diff
	Timeout    int                       `json:"-"` // seconds; of waits and stops, 0 is the default
}

// Undo is what is done, in order, when a step fails.
type Undo struct {
	Op      Op     `json:"op"` // OpStart or OpRemove
	Target  Target `json:"target"`
	Restart string `json:"-"`
}

// BoxCreate is everything a create needs.
type BoxCreate struct {
	Wanted   resource.BoxWanted
	Spec     resource.BoxSpec // with Base and the image's volumes filled in
	Image    string           // reference to create from
	Fact     resource.ImageFact
	Labels   map[string]string
	Volumes  map[string]string // target → volume name
	Networks map[string]string // label → network name; ids are looked up when the step runs
	NetIDs   map[string]string // label → id, of networks that exist
	Aliases  []string
	Peer     Target
	Gate     bool
	GitSafe  []string
	Life     string   // of the box whose file system Image holds
	Kept     []string // targets of volumes that get nothing of the image's
}

// CopyArgs are the names of two volumes, and an image that the engine has.
type CopyArgs struct {
	From, To, Image string
}

// NetworkArgs are the arguments of network steps.
type NetworkArgs struct {
	Label    string
	ID       string // of an existing one
	Name     string
	Internal bool
	IPv6     bool
	Subnets  []string
	Labels   map[string]string
	Join     resource.NetworkJoin // for connect
}

// VolumeArgs are the arguments of volume steps.
type VolumeArgs struct {
	Name   string
	Labels map[string]string
}

// LimitArgs are the in-place values that an engine can set.
type LimitArgs struct {
	Memory   int64
	NanoCPUs int64
	Restart  string
}

// Input is all that Diff looks at.
type Input struct {
	Desired  resource.Desired
	Observed resource.Observed
	// Images are the facts of the references in Desired.Images, by reference; nil or absent is not on the engine.
	Images  map[string]*resource.ImageFact
	Answers Answers
	Options Options
}

// Options are the flags that change what is planned.
type Options struct {
	Only        []resource.Key // these and what they depend on; nil is all
	Recreate    bool
	Restart     bool // reload: restart even if nothing changed
	NoProvision bool
	Provision   bool     // run them all, whatever the record says
	Build       bool     // build {} anew
	Gone        []string // runs whose client is gone
	Scaled      []string // labels of boxes whose count was typed: replicas beyond it go, also where Only names others
}

// QuestionKind is what a question asks.
type QuestionKind string

// The kinds of question.
const (
	AskDetail QuestionKind = "detail" // inspect a box
	AskRecord QuestionKind = "record" // read the agent's record
	AskLoss   QuestionKind = "loss"   // what would be lost
	AskImage  QuestionKind = "image"  // is this image there
	AskPorts  QuestionKind = "ports"  // which host ports are taken
	AskNames  QuestionKind = "names"  // which names are taken
)

// Question is a closer look at one object.
type Question struct {
	Kind QuestionKind
	Box  string // container id
	Ref  string // image reference
}

// Answers are the replies so far. A nil entry that is present means: looked, and there is none.
type Answers struct {
	Details  map[string]*resource.BoxDetail
	Records  map[string]*resource.Record
	Losses   map[string]*resource.Loss
	Images   map[string]*resource.ImageFact
	Ports    []PortTaken
	Names    map[string]resource.Owner // containers on the whole engine
	Networks map[string]resource.Owner // and networks; with Names
	Volumes  map[string]resource.Owner // and volumes; with Names
	Asked    map[Question]bool         // a question that was answered stands here, whatever the answer
}

// PortTaken is a host port that something else holds.
type PortTaken struct {
	Port     int
	Protocol string // "" is tcp
	Address  string
	Holder   string // container, or process with pid; "" unknown
	BoxID    string // container id where it is one
}

// has reports whether a question was answered.
func (a Answers) has(q Question) bool { return a.Asked[q] }

// Result is a plan, or the questions that must be answered before there can be one.
type Result struct {
	Plan      *Plan
	Questions []Question
	// Stale: a container of this project is there that was not when the list was made (a create whose client died shows
	// up late). Observe again.
	Stale bool
	// Specs are those of the boxes that are there, by container id, for whoever wants them too; with a plan.
	Specs map[string]*resource.BoxSpec
}
