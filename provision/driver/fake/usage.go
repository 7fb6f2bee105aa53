package fake

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

const (
	machineMemory = 16 << 30
	agentMemory   = 2 << 20 // of PID 1
	programMemory = 1 << 20
)

// measurable is find for what has processes.
func (s *state) measurable(op, id string) (*box, error) {
	b, err := s.find(op, id)
	if err == nil && b.State != resource.StateRunning && b.State != resource.StatePaused {
		err = fail(driver.NotRunning, op, object(b), "Container "+b.ID+" is not running")
	}
	return b, err
}

// Usage implements driver.Gauge: so much memory for each program, and no processor.
func (e *Engine) Usage(ctx context.Context, id string) (driver.Usage, error) {
	var u driver.Usage
	err := e.do(ctx, "measure", func(s *state, _ time.Time) error {
		b, err := s.measurable("measure", id)
		if err != nil {
			return err
		}
		n := len(b.programs())
		u = driver.Usage{Memory: agentMemory + int64(n-1)*programMemory, MemoryLimit: machineMemory, Processes: n}
		if b.Memory > 0 {
			u.MemoryLimit = b.Memory
		}
		for _, l := range b.Log {
			u.DiskOut += int64(len(l.Text))
		}
		return nil
	})
	return u, err
}

// Processes implements driver.Gauge.
func (e *Engine) Processes(ctx context.Context, id string) ([]driver.Process, error) {
	var out []driver.Process
	err := e.do(ctx, "list the processes of", func(s *state, _ time.Time) error {
		b, err := s.measurable("list the processes of", id)
		if err == nil {
			out = b.programs()
		}
		return err
	})
	return out, err
}

// programs are the agent and what runs beside it.
func (b *box) programs() []driver.Process {
	out := []driver.Process{{PID: 1, Memory: agentMemory, Command: "envy-agent init"}}
	all := maps.Clone(b.Programs)
	if b.Main != nil && !b.Main.Done {
		if all == nil {
			all = map[int]string{}
		}
		all[b.Main.PID] = "sh"
		if b.Spec.Command != nil && len(*b.Spec.Command) > 0 {
			all[b.Main.PID] = (*b.Spec.Command)[0]
		}
	}
	for _, pid := range slices.Sorted(maps.Keys(all)) {
		if pid != 1 {
			out = append(out, driver.Process{PID: pid, Memory: programMemory, Command: all[pid]})
		}
	}
	return out
}
