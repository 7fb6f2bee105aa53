package resource

import (
	"fmt"
	"strconv"
)

// Kind is what sort of thing a plan changes.
type Kind string

// The kinds of a plan (product reference §5).
const (
	KindImage     Kind = "image"
	KindNetwork   Kind = "network"
	KindVolume    Kind = "volume"
	KindBox       Kind = "box"
	KindProvision Kind = "provision"
	KindShare     Kind = "share"
	KindSnapshot  Kind = "snapshot"
)

// Address names one thing of a project: box.web-2, provision.web-2.deps, volume.db.data, network.default.
type Address struct {
	Kind Kind   `json:"kind"`
	Box  string `json:"box,omitempty"`  // replica name, "web" or "web-2"; empty for what belongs to the project
	Name string `json:"name,omitempty"` // label of the block; empty for a box itself
}

// String is the form that plans and --debug print.
func (a Address) String() string {
	s := string(a.Kind)
	if a.Box != "" {
		s += "." + a.Box
	}
	if a.Name != "" {
		s += "." + a.Name
	}
	return s
}

// Origin is the place in the Envfile that asked for something. The zero value means that nothing there did.
type Origin struct {
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// String is file:line, or "".
func (o Origin) String() string {
	if o.File == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", o.File, o.Line)
}

// Key identifies a box over renames: the block's label and the replica's index, which is 1 without count (§2, count).
type Key struct {
	Box   string
	Index int
}

// ReplicaName is what users type: "web", or "web-2" where count is written.
func (k Key) ReplicaName(counted bool) string {
	if !counted {
		return k.Box
	}
	return k.Box + "-" + strconv.Itoa(k.Index)
}
