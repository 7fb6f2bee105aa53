// Package provision holds the use cases (Up, Plan, Status, Halt, Destroy, …) and the lowering of a configuration to
// desired resources. It ties configuration, recipes, planner and driver together; it must not know a command line, a
// terminal, any engine's API, or the host's file system, which it reaches through Host.
package provision

import (
	"context"
	"io"
	"io/fs"
	"time"

	"github.com/envyhq/envy/boxes/lock"
	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/recipe"
	"github.com/envyhq/envy/provision/resource"
	"github.com/envyhq/envy/provision/timing"
)

// Host is what the use cases need of the caller's machine.
type Host interface {
	// Match lists the files of input patterns, sorted, with those that matched nothing: in a tree, or, where that is nil, in
	// the inside root.
	Match(ctx context.Context, tree config.Tree, patterns []string) (files []HostFile, unmatched []string, err error)
	// Open opens a file that Match named in the inside root.
	Open(name string) (io.ReadCloser, error)
	// Tree is a build context's folder, by its path on the host.
	Tree(path string) (recipe.Source, error)
	// Archive is a tar of a folder, or of one file, for a share of mode copy.
	Archive(path string) (io.ReadCloser, error)
	// Worktree tells of the linked git worktree that the checkout is; nil when it is none.
	Worktree() *Worktree
	// MakeMountPoint makes the missing folder or file in a shared folder that a further mount needs, as the caller.
	MakeMountPoint(share, rel string, dir bool) error
	// MakeSource makes the missing source folder of a share with create = true.
	MakeSource(path string) error
	// Leads says where a path leads now, behind every link.
	Leads(path string) (string, error)
	// Exists tells whether a path is there, behind links, and whether it is a folder.
	Exists(path string) (exists, dir bool)
	// Listeners are the ports in use on this machine; empty where that cannot be known or the engine is elsewhere.
	Listeners() []plan.PortTaken
	// Program names who listens on such a port, with its process id; "" where the caller may not see that. It is slow.
	Program(l plan.PortTaken) string
}

// HostFile is a file of an input pattern.
type HostFile struct {
	Name string // relative to the root of where it was looked for, slash-separated
	Mode fs.FileMode
	Link string // target of a link, which is not followed
}

// Worktree is what git needs in a box that sees a linked worktree (§2, Mounts).
type Worktree struct {
	Common string // common git directory, absolute
	Entry  string // this worktree's entry in it
	Named  string // Entry as `.git` names it
	Back   string // the worktree's .git as Entry's gitdir names it
	Root   string // the work tree's root on the host
}

// Env is what every use case gets.
type Env struct {
	Engine  driver.Engine
	Host    Host
	Sink    event.Sink
	Now     func() time.Time
	Version string
	Key     []byte // for sensitive values; nil: they cannot be compared
	Cache   string // secret of the package cache
	// Output gives the stream that a provisioner's output goes to.
	Output func(subject string) io.Writer
	// Settle is how long a service without a check must have run before it is believed to stay; 0 is DefaultSettle.
	Settle time.Duration
	// RunGone tells of a throw-away box, by its run, that its client is known to be gone; nil knows of none.
	RunGone func(run string) bool
	// RunOver is told of a throw-away box, by its run, that was taken away; nil need not know.
	RunOver func(run string)
	// Gate is asked about every evaluation of the Envfile before anything of it is used; an error ends the use case. Ports
	// and files are other ones each time, so what reaches outside may be too (§2, §9). Nil lets everything pass.
	Gate func(context.Context, *config.Project) error
	// Archives are the box archives that the Envfile names; nil: none.
	Archives Archives
	// Bootstrap makes a base image from packages, under the reference that could not be pulled. Nil: that cannot be done.
	Bootstrap func(ctx context.Context, ref string) error
	// Team decides about images of the team's cache.
	Team TeamCache
	// Watch hears how far the use case is; nil: nobody wants to know.
	Watch Stopwatch
	// Local: the engine runs on this machine, so its listeners count.
	Local bool
}

// Stopwatch hears which phase of a use case begins, and which plan is followed from then on.
type Stopwatch interface {
	Phase(name string)
	Plan(p *plan.Plan)
}

func (e Env) phase(name string) {
	if e.Watch != nil {
		e.Watch.Phase(name)
	}
}

// The phases of a use case. One that plans again comes back to some of them.
const (
	phaseObserve = "observe" // what the engine has, and the Envfile with that
	phasePlan    = "plan"
	phaseFetch   = "fetch"   // images that must be there to plan, and their digests
	phaseConfirm = "confirm" // also somebody's thinking
	phaseApply   = timing.Applying
	phaseCheck   = "check" // what is there afterwards
	phasePush    = "push"
)

// DefaultSettle is long enough for a program that cannot start to say so.
const DefaultSettle = 250 * time.Millisecond

// Project is a loaded Envfile with what is needed to evaluate it again for other ports.
type Project struct {
	File     *config.Envfile
	Values   config.Values
	Config   *config.Project
	Identity resource.Identity // Project is filled in when the engine has been asked
	Lock     lock.Lock         // what images and packages are held to
	Locked   bool              // --locked: what the lock does not have is refused

	from map[string]string // what images were found to be that builds start from, as [resource.BuildSpec] has it
}

// UpOptions are the flags of up and plan.
type UpOptions struct {
	Boxes       []string // names, replicas or globs; none: all that start by themselves
	Recreate    bool
	NoProvision bool
	Provision   bool
	Build       bool
	Scale       map[string]int // counts that were typed, by box; the project was loaded with them
	Bootstrap   bool           // make base images that cannot be pulled from packages
	Push        bool           // put images with packages and setups into the team's cache
	Restart     bool           // reload
	Pull        bool           // plan: pull missing images
	Parallel    int
	Timeout     time.Duration
	Plan        *plan.Plan // --plan FILE: the saved plan, which the fresh one must equal

	around bool // only what the named boxes need around them
	lazy   bool // nothing but the plan is wanted
}

// Confirm is asked about a plan that has something to confirm or is about to be applied; an error ends the use case.
type Confirm func(ctx context.Context, p *plan.Plan) error
