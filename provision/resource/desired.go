package resource

import "slices"

// Desired is all that a project asks for, lowered from its Envfile. Boxes are in dependency order.
type Desired struct {
	Identity Identity
	Name     string // wanted short name of the project
	Version  string // of this envy, for labels
	Images   []ImageWanted
	Networks []NetworkWanted
	Volumes  []VolumeWanted
	Boxes    []BoxWanted
}

// ImageWanted is an image that boxes need, by the ID that BoxWanted.Image gives. Several boxes share one.
type ImageWanted struct {
	ID        string // key within the plan: hash of Spec as written (Base left out)
	Reference string // image to be used or added to, with its digest where it is locked; for a build {} the tag it is built under
	Digest    string // what the registry has under Spec.Reference, "" where that is not known or it came from none
	Locked    bool   // Digest comes from the lock: no other image will do
	// Versions are what is locked, or was found to be installed, of the packages and what comes with them; nil is unknown.
	Versions   map[string]string
	VersionsID string // tells them from others
	Tag        string // of the image with packages and setups; empty when nothing is added or the base is not known yet
	// Bootstrap: where Reference cannot be pulled it may be made from packages.
	Bootstrap bool
	// Cached is where the team's cache has that image, a reference; without a tag or digest while Tag is empty. "": it is
	// not looked for.
	Cached  string
	Spec    ImageSpec
	Build   *BuildWanted // build {}: how
	Archive string       // the box archive that has it, as people know it; "" is a registry
	Setups  []SetupWanted
	Origin  Origin            // of image or build
	Origins map[string]Origin // "packages", "setup.NAME"
}

// BuildWanted is a Dockerfile build. The driver asks the caller for the context stream.
type BuildWanted struct {
	Definition string // whose files the context is of, by its id; "": it lies on the host
	Dir        string // the context's folder, on the host or in those files
	Dockerfile string // relative to Dir
	Target     string
	Args       StrMap
	NoCache    bool
	From       []FromWanted // images that the Dockerfile starts from or copies from, and a lock can have
	Open       []string     // what is not known of them, for people
}

// FromWanted is an image that a Dockerfile names.
type FromWanted struct {
	Reference string // as the builder looks for it
	Digest    string // what it is held to; FromLocal: it came from no registry; "": that is not settled
	Locked    bool   // Digest comes from the lock
	Own       bool   // it is of the build's platform alone
}

// Settled reports whether all images are known that can be.
func (b BuildWanted) Settled() bool {
	return !slices.ContainsFunc(b.From, func(f FromWanted) bool { return f.Digest == "" })
}

// SetupWanted is a build-time script with its text.
type SetupWanted struct {
	Name   string
	Script string
	User   string
	Env    StrMap
	Unset  []string // taken out of the image's env
	Inputs []InputFile
}

// InputFile is one file that a setup reads; Open gives its bytes.
type InputFile struct {
	Path    string // relative, slash-separated
	Mode    uint32
	Content []byte
}

// NetworkWanted is a network of the project.
type NetworkWanted struct {
	Label    string // "default" is the project's own
	External string // name of a network that is never made or removed here
	Internal bool
	IPv6     bool
	Subnets  []string
	Origin   Origin
}

// VolumeWanted is a named volume. Box is the replica it belongs to, nil for a shared one.
type VolumeWanted struct {
	Label    string
	Key      Key // zero for a shared one
	Replica  string
	External string
	Path     string // VOLUME path of the image that it stands for
	Origin   Origin
}

// BoxWanted is one box (one replica).
type BoxWanted struct {
	Key     Key
	Counted bool
	Spec    BoxSpec
	Image   string // ImageWanted.ID

	// What travels beside the spec, because it is large or must not stand in a label.
	Secrets StrMap // values of Spec.SecretEnv
	Files   []FileContent
	Scripts []ProvisionScript // in the order of Spec.Provisions

	DependsOn []Key
	Autostart bool
	Hostname  string // written, or the replica's name
	Origin    Origin
	Origins   map[string]Origin // attribute path → place
	HostSized []string          // attribute paths whose value came from host.cpus or host.memory: they force nothing
	Notes     []string          // shown with the box's change in the plan
}

// Replica is the name that users type.
func (b BoxWanted) Replica() string { return b.Key.ReplicaName(b.Counted) }

// OriginOf is the place of an attribute path, the nearest enclosing one, or the box's own.
func (b BoxWanted) OriginOf(path string) Origin {
	for p := path; p != ""; {
		if o, ok := b.Origins[p]; ok {
			return o
		}
		i := len(p) - 1
		for i >= 0 && p[i] != '.' {
			i--
		}
		if i < 0 {
			break
		}
		p = p[:i]
	}
	return b.Origin
}

// FileContent is a file {} with its bytes; Hash is FileSpec.Content.
type FileContent struct {
	Target  string
	Mode    string
	Owner   string
	Hash    string
	Content []byte
	Remove  bool // the Envfile no longer has it: taken away
}

// ProvisionScript is a provision {} with its text; Hash is ProvisionSpec.Run.
type ProvisionScript struct {
	Name    string
	Hash    string
	Script  string
	User    string
	Dir     string
	Env     StrMap
	Unset   []string // taken out of the box's env
	Timeout int      // seconds
	Secrets []string // sensitive values of Env, which no output may show
}
