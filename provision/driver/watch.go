package driver

import (
	"context"
	"time"

	"github.com/envyhq/envy/provision/resource"
)

// EventOptions select events. Engines remember few, often the last 256 of all that they have.
type EventOptions struct {
	Since Moment // zero: from now on
	Until Moment // zero: without end; one that has passed ends with what is remembered
	// Listening is called once, when nothing that happens from then on will be missed; what happened in the seconds before it may
	// be told too. May be nil.
	Listening func()
}

// Moment is a time: At, or Ago before now by the engine's clock, where that is known. The zero value is none.
type Moment struct {
	At  time.Time
	Ago time.Duration
}

// BoxEvent is something that happened to a container.
type BoxEvent struct {
	ID     string
	Name   string // at that moment; the new one of a rename
	Owner  resource.Owner
	Action string // one of BoxActions, or "health_status: healthy"
	Time   time.Time
	Code   int    // of a "die": the exit code
	Signal string // of a "kill", as the engine writes it: "15", "SIGTERM"
	From   string // of a rename: the name before
}

// BoxActions are the actions that are told, as engines call them. That of health goes on with what it is.
func BoxActions() []string {
	return []string{
		"create", "start", "restart", "die", "kill", "stop", "oom", "pause", "unpause", "rename", "update", "destroy", HealthAction,
	}
}

// HealthAction is where the action of a changed health begins.
const HealthAction = "health_status"

// Gauge tells what boxes use.
type Gauge interface {
	// Usage is what a running box, or a paused one, uses now. Engines look twice for it, which takes them a second or two. Error
	// kinds: NotFound, NotRunning.
	Usage(ctx context.Context, id string) (Usage, error)
	// Processes are those of a running box, or a paused one, as the engine's machine numbers them. Error kinds: NotFound,
	// NotRunning, Failed where that machine cannot list them.
	Processes(ctx context.Context, id string) ([]Process, error)
}

// Usage is what a box uses; sizes are in bytes, those of traffic since it was started.
type Usage struct {
	CPU             float64 // percent of one processor
	Memory          int64   // without what the kernel keeps of files and could give back
	MemoryLimit     int64   // its own, or the machine's
	NetIn, NetOut   int64
	DiskIn, DiskOut int64 // read and written
	Processes       int
}

// Process is one process of a box.
type Process struct {
	PID, UID int     // as the engine's machine has them
	CPU      float64 // percent of one processor, since it began
	Memory   int64   // resident, in bytes
	Command  string
}
