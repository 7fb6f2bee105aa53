package fake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/envyhq/envy/provision/driver"
)

// Matching narrows a fault to some calls.
type Matching func(Call) bool

// Any matches every call.
func Any(Call) bool { return true }

// Mutations matches what changes the engine.
func Mutations(c Call) bool { return c.Mutates() }

// Method matches the calls of one method.
func Method(name string) Matching { return func(c Call) bool { return c.Method == name } }

// nth gives a hook that does act at the n-th matching call (from 1) and lets all others pass.
func nth(n int, m Matching, act Hook) Hook {
	var count atomic.Int64
	return func(ctx context.Context, c Call, next func(context.Context) error) error {
		if m(c) && count.Add(1) == int64(n) {
			return act(ctx, c, next)
		}
		return next(ctx)
	}
}

// Fail makes the n-th matching call fail with err, before the engine hears of it.
func Fail(n int, m Matching, err error) Hook {
	return nth(n, m, func(context.Context, Call, func(context.Context) error) error { return err })
}

// FailAfter makes the n-th matching call fail with err although the engine did what was asked: an answer got lost.
func FailAfter(n int, m Matching, err error) Hook {
	return nth(n, m, func(ctx context.Context, _ Call, next func(context.Context) error) error {
		return errors.Join(err, next(ctx))
	})
}

// Hang makes the n-th matching call wait until its ctx ends.
func Hang(n int, m Matching) Hook {
	return nth(n, m, func(ctx context.Context, c Call, _ func(context.Context) error) error {
		<-ctx.Done()
		return ended(ctx, c.Method)
	})
}

// ExitCode is a process's that ExitBefore or ExitAfter ended, as if by KILL.
const ExitCode = 137

// errExit is what callers get from an exit that returned.
var errExit = errors.New("the process was to end here")

// ExitBefore ends the process, by calling exit (os.Exit), at the n-th matching call, before the engine hears of it.
func ExitBefore(n int, m Matching, exit func(code int)) Hook {
	return nth(n, m, func(context.Context, Call, func(context.Context) error) error {
		exit(ExitCode)
		return errExit
	})
}

// ExitAfter ends the process likewise when the n-th matching call has had its effect.
func ExitAfter(n int, m Matching, exit func(code int)) Hook {
	return nth(n, m, func(ctx context.Context, _ Call, next func(context.Context) error) error {
		err := next(ctx)
		exit(ExitCode)
		return errors.Join(errExit, err)
	})
}

// Calls records the calls that begin. Its zero value is ready; safe for concurrent use.
type Calls struct {
	mu   sync.Mutex
	list []Call
}

// Hook is what Intercept wants.
func (c *Calls) Hook(ctx context.Context, call Call, next func(context.Context) error) error {
	c.mu.Lock()
	c.list = append(c.list, call)
	c.mu.Unlock()
	return next(ctx)
}

// All gives the calls in the order in which they began.
func (c *Calls) All() []Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.list)
}

// Count says how often each method was called.
func (c *Calls) Count() map[string]int {
	n := map[string]int{}
	for _, call := range c.All() {
		n[call.Method]++
	}
	return n
}

// Reset forgets.
func (c *Calls) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = nil
}

// String lists methods with their counts, sorted: "CreateBox 2, Observe 1".
func (c *Calls) String() string {
	n := c.Count()
	var out []string
	for _, m := range slices.Sorted(maps.Keys(n)) {
		out = append(out, m+" "+strconv.Itoa(n[m]))
	}
	return strings.Join(out, ", ")
}

// LogTo writes each call as a line when it begins; for scripts that count them.
func LogTo(w io.Writer) Hook {
	var mu sync.Mutex
	return func(ctx context.Context, c Call, next func(context.Context) error) error {
		mu.Lock()
		_, err := io.WriteString(w, c.String()+"\n")
		mu.Unlock()
		if err != nil {
			return fmt.Errorf("log of calls: %w", err)
		}
		return next(ctx)
	}
}

// ParseFaults reads faults as scripts write them, separated by commas: WHAT N [METHOD [KIND]], with WHAT one of fail,
// fail-after, hang, exit-before and exit-after; without a METHOD, or with "-", mutations are counted; KIND is that of the
// error ("conflict"), "failed" when left out. "exit-after 3", "fail 1 StartBox port-taken". The faults are hooks in this
// order: a call that one of them fails is not counted by those behind it. exit ends the process.
func ParseFaults(text string, exit func(code int)) ([]Hook, error) {
	var hooks []Hook
	for _, one := range strings.Split(text, ",") {
		if strings.TrimSpace(one) == "" {
			continue
		}
		h, err := parseFault(strings.Fields(one), exit)
		if err != nil {
			return nil, fmt.Errorf("fault %q: %w", strings.TrimSpace(one), err)
		}
		hooks = append(hooks, h)
	}
	return hooks, nil
}

func parseFault(words []string, exit func(int)) (Hook, error) {
	if len(words) < 2 || len(words) > 4 {
		return nil, errors.New("want WHAT N [METHOD [KIND]]")
	}
	n, err := strconv.Atoi(words[1])
	if err != nil || n < 1 {
		return nil, fmt.Errorf("%q is no number of a call", words[1])
	}
	m := Matching(Mutations)
	if len(words) > 2 && words[2] != "-" {
		m = Method(words[2])
	}
	kind := driver.Failed
	if len(words) > 3 {
		var ok bool
		if kind, ok = kindNamed(words[3]); !ok {
			return nil, fmt.Errorf("%q is no kind of error", words[3])
		}
	}
	injected := &driver.Error{Kind: kind, Op: "injected", Text: "injected failure"}
	switch words[0] {
	case "fail":
		return Fail(n, m, injected), nil
	case "fail-after":
		return FailAfter(n, m, injected), nil
	case "hang":
		return Hang(n, m), nil
	case "exit-before":
		return ExitBefore(n, m, exit), nil
	case "exit-after":
		return ExitAfter(n, m, exit), nil
	}
	return nil, fmt.Errorf("%q is no fault", words[0])
}

func kindNamed(name string) (driver.Kind, bool) {
	kinds := map[string]driver.Kind{
		"failed": driver.Failed, "not-found": driver.NotFound, "conflict": driver.Conflict, "unreachable": driver.Unreachable,
		"no-registry": driver.NoRegistry,
		"denied":      driver.Denied, "invalid": driver.Invalid, "not-running": driver.NotRunning, "port-taken": driver.PortTaken,
		"unsupported": driver.Unsupported, "no-space": driver.NoSpace,
	}
	k, ok := kinds[name]
	return k, ok
}
