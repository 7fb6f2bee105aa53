package resource

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// SpecVersion is the version of BoxSpec's JSON. A label of a newer version is refused; older ones are decoded by
// DecodeSpec and compared by value, so that an upgrade of envy recreates nothing (§6).
const SpecVersion = 1

// BoxSpec is all that decides what a box is: the value whose JSON travels on the container as a label. Zero values are
// omitted, so a field added later leaves the fingerprints of boxes that do not use it alone. Names of things that may
// be renamed (project, networks, volumes) are not in it, only their labels in the Envfile.
type BoxSpec struct {
	Version int       `json:"v"`
	Image   ImageSpec `json:"image"`

	Service    bool     `json:"service,omitempty"`    // run what the image runs
	Command    *Argv    `json:"command,omitempty"`    // nil: not written
	Entrypoint *Argv    `json:"entrypoint,omitempty"` // nil: not written
	Oneshot    bool     `json:"oneshot,omitempty"`
	Env        StrMap   `json:"env,omitempty"`
	SecretEnv  StrMap   `json:"secret_env,omitempty"` // name → keyed hash of the value (§2, Sensitive)
	UnsetEnv   []string `json:"unset_env,omitempty"`  // taken away, also where the image sets them
	Path       []string `json:"path,omitempty"`       // goes before the image's PATH

	User     *UserSpec `json:"user,omitempty"`  // nil: the image's own
	Login    *UserSpec `json:"login,omitempty"` // user of ssh, exec and provision where it differs
	Groups   []string  `json:"groups,omitempty"`
	Workdir  string    `json:"workdir,omitempty"`
	Shell    string    `json:"shell,omitempty"`
	Hostname string    `json:"hostname,omitempty"` // only when written

	Ports    []PortSpec    `json:"ports,omitempty"`
	Mounts   []MountSpec   `json:"mounts,omitempty"`
	Networks []NetworkJoin `json:"networks,omitempty"` // the first is the container's own (NetworkMode)
	Aliases  []string      `json:"aliases,omitempty"`

	Files       []FileSpec      `json:"files,omitempty"`
	Provisions  []ProvisionSpec `json:"provisions,omitempty"`
	Healthcheck *HealthSpec     `json:"healthcheck,omitempty"`

	Restart  string       `json:"restart,omitempty"`  // "" is "no"
	NanoCPUs int64        `json:"cpus,omitempty"`     // billionths of a CPU
	Memory   int64        `json:"memory,omitempty"`   // bytes
	ShmSize  int64        `json:"shm_size,omitempty"` // bytes
	GPUs     string       `json:"gpus,omitempty"`     // "all", a count, or GPUDevices and ids joined by commas
	Ulimits  []UlimitSpec `json:"ulimits,omitempty"`

	StopSignal  string   `json:"stop_signal,omitempty"`
	StopTimeout int      `json:"stop_timeout,omitempty"` // seconds; 0: the engine's default
	ReadOnly    bool     `json:"read_only,omitempty"`
	Privileged  bool     `json:"privileged,omitempty"`
	CapAdd      []string `json:"cap_add,omitempty"`
	CapDrop     []string `json:"cap_drop,omitempty"`
	Devices     []string `json:"devices,omitempty"`
	SecurityOpt []string `json:"security_opt,omitempty"`
	Sysctls     StrMap   `json:"sysctls,omitempty"`
	NetworkMode string   `json:"network_mode,omitempty"` // "" is bridge; host, none, or box:NAME
	DNS         []string `json:"dns,omitempty"`
	ExtraHosts  []string `json:"extra_hosts,omitempty"`
	Labels      StrMap   `json:"labels,omitempty"`

	// Meta is read when the Envfile is broken; it is no part of the fingerprint and never compared (§4).
	Meta Meta `json:"meta,omitzero"`
}

// GPUDevices begins a list of graphics processors by id, which may be numbers as a count is one.
const GPUDevices = "device="

// StrMap is a map whose JSON is sorted by key, as encoding/json does for maps.
type StrMap map[string]string

// Argv is a list that is different when empty and when not written.
type Argv []string

// ImageSpec says what a box is made from, by value.
type ImageSpec struct {
	Reference string      `json:"ref,omitempty"`   // as written; empty for a build
	Build     *BuildSpec  `json:"build,omitempty"` // build {}
	Base      string      `json:"base,omitempty"`  // BaseID of the image that reference or build gave
	Packages  []string    `json:"packages,omitempty"`
	Setups    []SetupSpec `json:"setups,omitempty"`
	Platform  string      `json:"platform,omitempty"`
	// Digest is what the registry had under Reference when the box was made, where that is known. It tells whether another
	// one is wanted where the image itself is gone; else Base decides.
	Digest string `json:"digest,omitempty"`
	// Versions tells the versions of the packages from others, where they are known. A box in others than are locked is
	// replaced; one of which nothing is known is not.
	Versions string `json:"versions,omitempty"`
}

// Derived reports whether layers are added to the base.
func (i ImageSpec) Derived() bool { return len(i.Packages) > 0 || len(i.Setups) > 0 }

// BuildSpec identifies a build {} (§3): Context is the hash over paths, modes and content after .dockerignore.
type BuildSpec struct {
	Context    string `json:"context"`
	Dockerfile string `json:"dockerfile,omitempty"` // hash of its content
	Target     string `json:"target,omitempty"`
	Args       StrMap `json:"args,omitempty"`
	// From are the digests of the images that its Dockerfile starts from, by their names, as far as they are known; FromLocal is
	// one that came from no registry. A name that only one of two specs has is unknown in the other.
	From StrMap `json:"from,omitempty"`
}

// FromLocal stands in BuildSpec.From for an image that came from no registry.
const FromLocal = "local"

// SetupSpec is a build-time step. Run and Inputs are hashes of the script and of the files it may read.
type SetupSpec struct {
	Name   string   `json:"name"`
	Run    string   `json:"run"`
	User   string   `json:"user,omitempty"`
	Env    StrMap   `json:"env,omitempty"`
	Unset  []string `json:"unset,omitempty"` // taken out of the image's env
	Inputs string   `json:"inputs,omitempty"`
}

// UserSpec is the user that a box's command, shells and provisioners run as.
type UserSpec struct {
	Name string `json:"name"`          // a name, or "uid[:gid]", or "root"
	UID  int    `json:"uid,omitempty"` // the caller's, given to a name that the image lacks
	GID  int    `json:"gid,omitempty"`
	// Adopt: a name that the image has takes these ids, because a bind share is there to be written.
	Adopt bool `json:"adopt,omitempty"`
}

// PortSpec is one published port.
type PortSpec struct {
	Name     string `json:"name"`
	Guest    int    `json:"guest"`
	Host     int    `json:"host"`
	Fixed    bool   `json:"-"`                  // written in the Envfile: a clash is a diagnostic
	Auto     bool   `json:"-"`                  // next free one on a clash
	Written  int    `json:"written,omitempty"`  // with auto: what the Envfile said when the number was picked
	Protocol string `json:"protocol,omitempty"` // "" is tcp
	Address  string `json:"address,omitempty"`  // "" is 127.0.0.1
}

// MountType is how a mount is backed.
type MountType string

// The mount types. Copy is a folder copied once when the box is made; its target is no mount point.
const (
	MountBind   MountType = "bind"
	MountVolume MountType = "volume"
	MountTmpfs  MountType = "tmpfs"
	MountCopy   MountType = "copy"
)

// MountSpec is one mount. Source is an absolute host path for bind and copy, the volume's label for volume.
type MountSpec struct {
	Type     MountType `json:"type"`
	Source   string    `json:"source,omitempty"`
	Target   string    `json:"target"`
	ReadOnly bool      `json:"read_only,omitempty"`
	Size     int64     `json:"size,omitempty"`   // bytes, tmpfs
	Shared   bool      `json:"shared,omitempty"` // a top-level volume, not the box's own
	External string    `json:"external,omitempty"`
	Name     string    `json:"name,omitempty"`  // label of the block, for messages and diffs
	Image    bool      `json:"image,omitempty"` // stands for a VOLUME path of the image; never compared
	Git      bool      `json:"git,omitempty"`   // belongs to a linked worktree; drawn as part of its share
	Create   bool      `json:"-"`               // make the missing host folder
}

// NetworkJoin is a network that the box is on, by its label ("default" is the project's own).
type NetworkJoin struct {
	Network string   `json:"network"`
	Aliases []string `json:"aliases,omitempty"`
	IP      string   `json:"ip,omitempty"`
}

// FileSpec is a file put into the box. Content is a hash (a keyed one where the content is sensitive).
type FileSpec struct {
	Target  string `json:"target"`
	Content string `json:"content"`
	Mode    string `json:"mode,omitempty"`
	Owner   string `json:"owner,omitempty"`
}

// ProvisionSpec is a run-time script. Run is a hash over script, env, user and inputs: "changed" compares it.
type ProvisionSpec struct {
	Name    string `json:"name"`
	Run     string `json:"run"`
	When    string `json:"when,omitempty"`    // "" is changed; once, always, never
	After   string `json:"after,omitempty"`   // "healthy" or ""
	Timeout int    `json:"timeout,omitempty"` // seconds; 0: none
}

// HealthSpec is how the box is asked whether it is ready. Durations are milliseconds; zero is the engine's default.
type HealthSpec struct {
	Command     []string `json:"command"` // ["CMD-SHELL", text] or ["CMD", word…], as engines have it
	Interval    int64    `json:"interval,omitempty"`
	Timeout     int64    `json:"timeout,omitempty"`
	Retries     int      `json:"retries,omitempty"`
	StartPeriod int64    `json:"start_period,omitempty"`
}

// UlimitSpec is one resource limit.
type UlimitSpec struct {
	Name string `json:"name"`
	Soft int64  `json:"soft"`
	Hard int64  `json:"hard"`
}

// Meta is what commands need to know of a box when its Envfile cannot be read.
type Meta struct {
	Primary     bool     `json:"primary,omitempty"`
	NoAutostart bool     `json:"no_autostart,omitempty"`
	Counted     bool     `json:"counted,omitempty"`
	Order       int      `json:"order,omitempty"`   // position in dependency order; halt and destroy go backwards
	Written     int      `json:"written,omitempty"` // position in the Envfile
	DependsOn   []string `json:"depends_on,omitempty"`
	WaitTimeout int      `json:"wait_timeout,omitempty"`
}

// Encode is the canonical JSON of the label: struct order, sorted maps, zero values omitted.
func (s BoxSpec) Encode() string {
	b, err := json.Marshal(s)
	if err != nil { // strings, numbers and maps of them always encode
		panic(fmt.Sprintf("resource: encode spec: %v", err))
	}
	return string(b)
}

// Hash is the fingerprint: 32 hex digits over the canonical JSON without Meta and without what is never compared.
func (s BoxSpec) Hash() string {
	s.Meta, s.Image.Digest = Meta{}, ""
	s.Mounts = comparedMounts(s.Mounts)
	return Digest(s.Encode())[:32]
}

func comparedMounts(in []MountSpec) []MountSpec {
	var out []MountSpec
	for _, m := range in {
		if !m.Image {
			out = append(out, m)
		}
	}
	return out
}

// Digest is the hex SHA-256 of a string.
func Digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// MaxLabel bounds what DecodeSpec and the label readers accept, in bytes.
const MaxLabel = 1 << 20

// NewerSpecError says that a box was made by a newer envy; it is refused, never replaced (§6, exit 5).
type NewerSpecError struct{ Version int }

func (e *NewerSpecError) Error() string {
	return fmt.Sprintf("made by a newer envy (spec version %d, this one knows %d)", e.Version, SpecVersion)
}

// DecodeSpec reads a spec label of this or an older version. Errors: *NewerSpecError, or what is wrong with the text.
func DecodeSpec(text string) (*BoxSpec, error) {
	if len(text) > MaxLabel {
		return nil, fmt.Errorf("spec label of %d bytes is over the limit of %d", len(text), MaxLabel)
	}
	var s BoxSpec
	err := json.Unmarshal([]byte(text), &s)
	version := s.Version
	if err != nil { // a newer version may have other types in the same places
		var head struct {
			V int `json:"v"`
		}
		if json.Unmarshal([]byte(text), &head) == nil {
			version = head.V
		}
	}
	switch {
	case version > SpecVersion:
		return nil, &NewerSpecError{Version: version}
	case err != nil:
		return nil, fmt.Errorf("spec label: %w", err)
	case version < 1:
		return nil, errors.New("spec label has no version")
	}
	return &s, nil
}
