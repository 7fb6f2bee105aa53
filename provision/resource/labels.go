package resource

import (
	"strconv"
	"strings"
)

// The labels on every object envy makes (§6). They are complete from the first release because an engine cannot add one
// later; every key is set on every object, empty if need be, because images and commits pass labels on.
const (
	LabelProject  = "io.envy.project"  // the project's name when the object was made
	LabelBox      = "io.envy.box"      // block label
	LabelIndex    = "io.envy.index"    // replica, from 1
	LabelCheckout = "io.envy.checkout" // identity of the checkout
	LabelHost     = "io.envy.host"     // host id
	LabelUser     = "io.envy.user"     // uid on that host
	LabelPath     = "io.envy.path"     // real path of the Envfile's directory
	LabelVolume   = "io.envy.volume"   // volume label; "." is the project's claim
	LabelNetwork  = "io.envy.network"  // network label
	LabelRun      = "io.envy.run"      // id of a throw-away box
	LabelSpec     = "io.envy.spec"
	LabelSpecHash = "io.envy.spec-hash"
	LabelVersion  = "io.envy.version" // of the envy that made it
	LabelRecipe   = "io.envy.recipe"  // on images: the ImageSpec they were made from
	LabelAgent    = "io.envy.agent"   // on the agent's volume: its hash

	// On what a snapshot is made of, and on the boxes that run from one.
	LabelSnapshot     = "io.envy.snapshot"      // its name
	LabelSnapshotRun  = "io.envy.snapshot-run"  // of the save, or restore, that made the object
	LabelSnapshotPart = "io.envy.snapshot-part" // what the object is to it; empty on boxes
	LabelSnapshotData = "io.envy.snapshot-data" // what else must be remembered, as versioned JSON

	LabelComposeProject = "com.docker.compose.project"
	LabelComposeService = "com.docker.compose.service"
)

// ClaimVolume is the volume label of `<project>.envy`, by which a checkout claims its name.
const ClaimVolume = "."

// Identity is whose the objects are: a checkout on a host, of a user (§6, Identity).
type Identity struct {
	Checkout string // hash of host id, user id and real path (and the file's name where it is not the usual one)
	HostID   string
	User     string
	Path     string
	Project  string // the name today
}

// Owner is what an object's labels say of it.
type Owner struct {
	Project  string
	Box      string
	Index    int
	Checkout string
	HostID   string
	User     string
	Path     string
	Volume   string
	Network  string
	Run      string
	Version  string

	Snapshot     string
	SnapshotRun  string
	SnapshotPart SnapshotPart
}

// OwnerOf reads labels; absent ones are zero.
func OwnerOf(labels map[string]string) Owner {
	index, _ := strconv.Atoi(labels[LabelIndex])
	return Owner{
		Project: labels[LabelProject], Box: labels[LabelBox], Index: index, Checkout: labels[LabelCheckout],
		HostID: labels[LabelHost], User: labels[LabelUser], Path: labels[LabelPath], Volume: labels[LabelVolume],
		Network: labels[LabelNetwork], Run: labels[LabelRun], Version: labels[LabelVersion],
		Snapshot: labels[LabelSnapshot], SnapshotRun: labels[LabelSnapshotRun], SnapshotPart: SnapshotPart(labels[LabelSnapshotPart]),
	}
}

// Labels gives the full set for an object of this identity, every key present.
func (id Identity) Labels(o Owner) map[string]string {
	index := ""
	if o.Index > 0 {
		index = strconv.Itoa(o.Index)
	}
	return map[string]string{
		LabelProject: id.Project, LabelBox: o.Box, LabelIndex: index, LabelCheckout: id.Checkout, LabelHost: id.HostID,
		LabelUser: id.User, LabelPath: id.Path, LabelVolume: o.Volume, LabelNetwork: o.Network, LabelRun: o.Run,
		LabelSpec: "", LabelSpecHash: "", LabelVersion: o.Version, LabelRecipe: "", LabelAgent: "",
		LabelSnapshot: o.Snapshot, LabelSnapshotRun: o.SnapshotRun, LabelSnapshotPart: string(o.SnapshotPart), LabelSnapshotData: "",
	}
}

// Owns reports whether labels name this checkout and user. A name check (Names) must stand beside it.
func (id Identity) Owns(o Owner) bool {
	return o.Checkout == id.Checkout && o.User == id.User && id.Checkout != ""
}

// Called gives the identity under every name that its project goes by: its own, and another that the volume claims for
// it. A command that reads no Envfile knows a project's name of today from nothing else.
func Called(ids []Identity, volume string, o Owner) []Identity {
	id := ids[0]
	if !id.Owns(o) || o.Volume != ClaimVolume || volume != ClaimName(o.Project) || o.Project == id.Project {
		return ids
	}
	id.Project = o.Project
	return append(ids, id)
}

// Suffix is what a container's name says beyond which box it is.
type Suffix string

// The suffixes. Any other is eight hex digits over in-place values, or none.
const (
	SuffixNone Suffix = ""
	SuffixNew  Suffix = "new"
	SuffixOld  Suffix = "old"
)

// BoxName is the plain container name.
func BoxName(project, replica string) string { return project + "-" + replica }

// NetworkName is the network's name on the engine: the project's for "default".
func NetworkName(project, label string) string {
	if label == "default" {
		return project
	}
	return project + "." + label
}

// VolumeName is the volume's name on the engine; replica is "" for a shared one.
func VolumeName(project, replica, label string) string {
	if replica == "" {
		return project + "." + label
	}
	return project + "-" + replica + "." + label
}

// ClaimName is the volume that claims a project's name.
func ClaimName(project string) string { return project + ".envy" }

// ImageVolumeLabel is the label of the volume that stands for a VOLUME path of an image.
func ImageVolumeLabel(path string) string { return Digest(path)[:6] }

// SplitName parts a container's name from its suffix. Box names hold no dot, so the last one decides; a name whose tail
// is no suffix that envy gives is returned whole with ok false.
func SplitName(name string) (base string, suffix Suffix, ok bool) {
	base, tail, dotted := strings.Cut(name, ".")
	if !dotted {
		return name, SuffixNone, true
	}
	if run, ok := strings.CutPrefix(tail, "run-"); tail != string(SuffixNew) && tail != string(SuffixOld) && !hexDigits(tail, 8) && !(ok && hexDigits(run, 6)) {
		return name, SuffixNone, false
	}
	return base, Suffix(tail), true
}

func hexDigits(s string, n int) bool { return len(s) == n && strings.Trim(s, "0123456789abcdef") == "" }

// Bears reports whether a container's name is one that envy gives to the box its labels name, for the project's name of
// then or of today, counted or not.
func (id Identity) Bears(name string, o Owner) bool {
	base, _, ok := SplitName(name)
	if !ok || o.Box == "" || o.Index < 1 {
		return false
	}
	key := Key{o.Box, o.Index}
	for _, project := range []string{id.Project, o.Project} {
		if base == BoxName(project, key.ReplicaName(true)) || (o.Index == 1 && base == BoxName(project, o.Box)) {
			return true
		}
	}
	return false
}
