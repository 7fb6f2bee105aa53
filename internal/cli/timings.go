package cli

import (
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision/timing"
)

func timingsFlag() cli.Flag {
	return toggle("timings", "say where the time went, the longest chain of steps first")
}

// The phases of a command around those of its use case.
const (
	phaseRead  = "read"  // the Envfile, definitions, what is trusted
	phaseReach = "reach" // the engine, and this checkout's lock
	phaseWrite = "write" // Envfile.lock
)

// measure begins to measure where --timings says so. rebuild is whether images are made anew.
func (s *session) measure(c *cli.Context, rebuild bool) {
	if c.Bool("timings") {
		s.times = timing.New(s.sink(), s.began, s.app.m.Now, rebuild)
		s.phase(phaseRead)
	}
}

func (s *session) phase(name string) {
	if s.times != nil {
		s.times.Phase(name)
	}
}

// timed shows what a command did by show, with where the time went; err is its failure, of which show knows nothing.
func (s *session) timed(err error, show func() error) error {
	if s.times == nil {
		if err != nil {
			return err
		}
		return show()
	}
	report := s.times.Report()
	switch {
	case err != nil:
		return errors.Join(err, s.view.Timings(report))
	case s.g.format == view.JSON:
		s.view.Timed(report)
		return show()
	}
	return errors.Join(show(), s.view.Timings(report))
}
