package view

import (
	"strings"

	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// operation is how people read what a step does.
type operation struct {
	verb  string // "pull": of "pull failed"
	doing string // "pulling"
	did   string // "pulled"
	long  bool   // its start is worth a line where nothing is drawn over, and so is that it still goes on
	aside bool   // bookkeeping: told only when it fails or takes long
}

// operations is the one table of what progress says of steps.
var operations = map[plan.Op]operation{
	plan.OpPull:          {verb: "pull", doing: "pulling", did: "pulled", long: true},
	plan.OpLoad:          {verb: "load", doing: "loading", did: "loaded", long: true},
	plan.OpBuild:         {verb: "build", doing: "building", did: "built", long: true},
	plan.OpBuildLayers:   {verb: "build", doing: "adding packages and setups", did: "built", long: true},
	plan.OpClaim:         {verb: "claim of the project's name", doing: "claiming the project's name", aside: true},
	plan.OpCreateNetwork: {verb: "create", doing: "creating", did: "created"},
	plan.OpRemoveNetwork: {verb: "remove", doing: "removing", did: "removed"},
	plan.OpCreateVolume:  {verb: "create", doing: "creating", did: "created"},
	plan.OpRemoveVolume:  {verb: "remove", doing: "removing", did: "removed"},
	plan.OpCopyVolume:    {verb: "copy", doing: "copying", did: "copied", long: true},
	plan.OpRemoveImage:   {verb: "remove the image of", doing: "removing the image", aside: true},
	plan.OpCreateBox:     {verb: "create", doing: "creating", did: "created"},
	plan.OpCopyIn:        {verb: "copy", doing: "copying a share in", did: "share copied in", long: true},
	plan.OpStart:         {verb: "start", doing: "starting", did: "started"},
	plan.OpStop:          {verb: "stop", doing: "stopping", did: "stopped"},
	plan.OpRemove:        {verb: "remove", doing: "removing", did: "removed"},
	plan.OpRename:        {verb: "rename", doing: "renaming", aside: true},
	plan.OpPause:         {verb: "suspend", doing: "suspending", did: "suspended"},
	plan.OpUnpause:       {verb: "resume", doing: "resuming", did: "resumed"},
	plan.OpLimit:         {verb: "setting limits", doing: "setting limits", did: "limits set"},
	plan.OpConnect:       {verb: "connect", doing: "connecting", did: "connected to a network"},
	plan.OpDisconnect:    {verb: "disconnect", doing: "disconnecting", did: "disconnected from a network"},
	plan.OpWriteFiles:    {verb: "writing files", doing: "writing files", did: "files written"},
	plan.OpProvision:     {verb: "provision", doing: "provision", did: "provision", long: true},
	plan.OpRelease:       {verb: "release", doing: "releasing the command", aside: true},
	plan.OpWaitHealthy:   {verb: "wait for health", doing: "waiting for health", did: "healthy", long: true},
	plan.OpWaitExit:      {verb: "run", doing: "waiting for its end", did: "ended well", long: true},
	"bootstrap":          {verb: "bootstrap", doing: "bootstrapping", did: "made", long: true}, // no step of a plan's
	"commit":             {verb: "save", doing: "saving", did: "saved", long: true},
	"package":            {verb: "package", doing: "packing", did: "packed", long: true},
	"copy":               {verb: "copy", doing: "copying", did: "copied"},
	"cache":              {verb: "team cache", doing: "asking the team cache", did: "asked the team cache", long: true},
	"push":               {verb: "push", doing: "pushing to the team cache", did: "pushed to the team cache", long: true},
	"box push":           {verb: "push", doing: "pushing", did: "pushed", long: true},
	"disk use":           {verb: "count of disk use", doing: "counting what the disk holds", aside: true},
	plan.OpRecheckLoss:   {verb: "look at changed files", doing: "looking at changed files", aside: true},
}

// operationOf gives the words of a step; what is no step's operation stands for itself.
func operationOf(text string, n name) operation {
	o, ok := operations[plan.Op(text)]
	if !ok {
		return operation{verb: text, doing: text, did: strings.TrimSpace(text + " done"), long: true}
	}
	if plan.Op(text) == plan.OpProvision && n.label != "" {
		o.verb += " " + n.label
		o.doing, o.did = o.verb, o.verb+" done"
	}
	return o
}

// name is an event's subject, taken apart.
type name struct {
	who   string // "web", "image postgres:16", "volume db.data"
	label string // of a provisioner
}

// nameOf reads an address: a box is its name alone, a provisioner its box, other kinds stand before their names. Text
// that is no address stays what it is.
func nameOf(subject string) name {
	kind, rest, dotted := strings.Cut(subject, ".")
	if !dotted {
		return name{who: subject}
	}
	switch resource.Kind(kind) {
	case resource.KindBox:
		return name{who: rest}
	case resource.KindProvision:
		box, label, _ := strings.Cut(rest, ".")
		return name{who: box, label: label}
	case resource.KindImage, resource.KindNetwork, resource.KindVolume, resource.KindShare, resource.KindSnapshot:
		return name{who: kind + " " + rest}
	}
	return name{who: subject}
}

// full names a provisioner too.
func (n name) full() string {
	if n.label != "" {
		return n.who + ": provision " + n.label
	}
	return n.who
}
