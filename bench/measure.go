package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// bench is one size.
type bench struct {
	envy, self, image string
	compose           []string
	n, runs, atOnce   int
	best              bool // the best of all runs counts, not the median
	dir, recipe       string
	times             map[string][]float64
	calls             map[string]int
	peak              map[string]float64
}

// ops are what is measured, in the order in which it is done.
func ops() []string {
	return []string{"up, nothing there", "up, nothing changed", "up, one box changed", "exec true", "ssh true", "status", "destroy"}
}

// warm delivers the agent, which an engine needs once.
func (b bench) warm(ctx context.Context) error {
	b.n = 1
	clean, err := b.begin(ctx)
	if err != nil {
		return err
	}
	defer clean()
	return b.all(b.command(ctx, "up", "--yes"))
}

// begin makes the checkout. What is returned takes it away, with all that was made on the engine.
func (b *bench) begin(ctx context.Context) (clean func(), err error) {
	if b.dir, err = os.MkdirTemp("", "envybench"); err != nil {
		return nil, err
	}
	b.recipe, b.times, b.calls, b.peak = filepath.Join(b.dir, "recipe.json"), map[string][]float64{}, map[string]int{}, map[string]float64{}
	return func() {
		_ = b.command(context.WithoutCancel(ctx), "destroy", "--yes", "--volumes").Run() // nothing may be left, also after a failure
		_ = os.RemoveAll(b.dir)                                                          // a folder for temporary files
	}, b.write("1")
}

func (b *bench) measure(ctx context.Context) ([]row, error) {
	clean, err := b.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer clean()
	if err := b.count(ctx); err != nil {
		return nil, err
	}
	for range b.runs { // tools take turns, so that what else the machine does hits all
		if err := b.round(ctx); err != nil {
			return nil, err
		}
	}
	var rows []row
	for _, op := range ops() {
		rows = append(rows, row{
			Boxes: b.n, Op: op, Envy: b.typical(b.times["envy "+op]), Bare: b.typical(b.times["bare "+op]), CLI: b.typical(b.times["cli "+op]),
			Compose: b.typical(b.times["compose "+op]), Calls: b.calls[op], Peak: b.peak["envy "+op],
		})
	}
	return rows, nil
}

func (b *bench) project() string { return "envybench" + strconv.Itoa(b.n) }

// write puts an Envfile and a Compose file of the same boxes in place: with init, a bind mount of the project and a variable, as in
// the figures of peers; one alone has a published port. changed is the variable's value in the first box.
func (b *bench) write(changed string) error {
	port, ports, count := "  port \"http\" { guest = 80 }\n", "    ports: [\"127.0.0.1::80\"]\n", ""
	if b.n > 1 {
		port, ports, count = "", "", fmt.Sprintf("  count = %d\n", b.n)
	}
	envfile := fmt.Sprintf("envy { name = %q }\n\nbox \"web\" {\n  image = %q\n%s  env   = { A = self.index == 1 ? %q : \"1\" }\n  share \".\" { target = \"/workspace\" }\n%s}\n",
		b.project(), b.image, count, changed, port)
	// Compose has no variable for one replica: the first is a service of its own.
	service := func(name, value string, scale int) string {
		return fmt.Sprintf("  %s:\n    image: %s\n    init: true\n    command: [\"sleep\", \"1000000\"]\n    scale: %d\n    environment: {A: %q}\n    volumes: [\".:/workspace\"]\n%s",
			name, b.image, scale, value, ports)
	}
	compose := "version: \"2.4\"\nservices:\n" + service("web", changed, 1)
	if b.n > 1 {
		compose += service("more", "1", b.n-1)
	}
	if err := os.WriteFile(filepath.Join(b.dir, "compose.yaml"), []byte(compose), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.dir, "Envfile"), []byte(envfile), 0o600)
}

func (b *bench) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, b.envy, args...)
	c.Dir = b.dir
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) } // it finishes what the engine is at
	return c
}

func (b *bench) bare(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, b.self, append([]string{"bare"}, args...)...)
}

func (b *bench) all(commands ...*exec.Cmd) error {
	for _, c := range commands {
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(c.Args, " "), err, out)
		}
	}
	return nil
}

// time runs a command and keeps its time, in milliseconds, and its peak memory.
func (b *bench) time(name string, c *exec.Cmd) error {
	start := time.Now()
	err := b.all(c)
	b.times[name] = append(b.times[name], float64(time.Since(start).Microseconds())/1000)
	b.peak[name] = max(b.peak[name], peakOf(c))
	return err
}

// peakOf is the most memory that a process which has ended had, in MiB; 0 where the system does not say.
func peakOf(c *exec.Cmd) float64 {
	if c.ProcessState == nil {
		return 0
	}
	usage, ok := c.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return float64(usage.Maxrss) / (1 << 20)
	}
	return float64(usage.Maxrss) / (1 << 10)
}

func (b *bench) box() string {
	if b.n > 1 {
		return "web-1"
	}
	return "web"
}

// envyOps are envy's commands, by operation.
func (b *bench) envyOps() map[string][]string {
	return map[string][]string{
		"up, nothing there": {"up", "--yes", "--parallel", strconv.Itoa(b.atOnce)}, "up, nothing changed": {"up", "--yes"}, "up, one box changed": {"up", "--yes"},
		"exec true": {"exec", b.box(), "true"}, "ssh true": {"ssh", b.box(), "--", "true"}, "status": {"status"},
		"destroy": {"destroy", "--yes", "--volumes"},
	}
}

// count is one round unmeasured: it counts engine calls, and leaves the recipe of the bare calls.
func (b *bench) count(ctx context.Context) error {
	for _, op := range ops() {
		if op == "up, one box changed" {
			if err := b.all(b.bare(ctx, "learn", b.recipe, b.project())); err != nil {
				return err
			}
			if err := b.write("2"); err != nil {
				return err
			}
		}
		args := b.envyOps()[op]
		c := b.command(ctx, append([]string{args[0], "--debug"}, args[1:]...)...)
		out, err := c.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(c.Args, " "), err, out)
		}
		for line := range strings.Lines(string(out)) {
			if strings.HasPrefix(line, "engine ") {
				b.calls[op]++
			}
		}
	}
	return b.write("1")
}

func (b *bench) round(ctx context.Context) error {
	for _, tool := range []func(context.Context) error{b.roundOfEnvy, b.roundOfBare, b.roundOfCompose} {
		if err := tool(ctx); err != nil {
			return err
		}
		if err := b.write("1"); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) roundOfEnvy(ctx context.Context) error {
	for _, op := range ops() {
		if op == "up, one box changed" {
			if err := b.write("2"); err != nil {
				return err
			}
		}
		if err := b.time("envy "+op, b.command(ctx, b.envyOps()[op]...)); err != nil {
			return err
		}
		if _, err := exec.LookPath("docker"); err == nil && (op == "up, nothing changed" || op == "status") {
			if err := b.time("cli "+op, exec.CommandContext(ctx, "docker", "ps", "-a")); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) roundOfBare(ctx context.Context) error {
	name := "bare-" + b.project() + "-" + b.box()
	steps := map[string]*exec.Cmd{
		"up, nothing there": b.bare(ctx, "up", b.recipe, strconv.Itoa(b.atOnce)), "up, nothing changed": b.bare(ctx, "list", b.project()),
		"up, one box changed": b.bare(ctx, "change", b.recipe, name), "exec true": b.bare(ctx, "exec", name), "ssh true": b.bare(ctx, "exec", name),
		"status": b.bare(ctx, "list", b.project()), "destroy": b.bare(ctx, "down", b.recipe, strconv.Itoa(b.atOnce)),
	}
	for _, op := range ops() {
		if err := b.time("bare "+op, steps[op]); err != nil {
			_ = b.all(b.bare(context.WithoutCancel(ctx), "down", b.recipe, strconv.Itoa(b.atOnce))) // nothing may be left
			return err
		}
		if _, err := exec.LookPath("docker"); err == nil && op == "exec true" {
			if err := b.time("cli "+op, exec.CommandContext(ctx, "docker", "exec", name, "true")); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) roundOfCompose(ctx context.Context) error {
	if b.compose == nil {
		return nil
	}
	steps := map[string][]string{
		"up, nothing there": {"up", "-d"}, "up, nothing changed": {"up", "-d"}, "up, one box changed": {"up", "-d"},
		"exec true": {"exec", "-T", "web", "true"}, "status": {"ps"}, "destroy": {"down", "--volumes"},
	}
	compose := func(ctx context.Context, args ...string) *exec.Cmd {
		words := append(slices.Concat(b.compose[1:], []string{"-p", "compose-" + b.project(), "-f", "compose.yaml"}), args...)
		c := exec.CommandContext(ctx, b.compose[0], words...)
		c.Dir = b.dir
		return c
	}
	for _, op := range ops() {
		if op == "up, one box changed" {
			if err := b.write("2"); err != nil {
				return err
			}
		}
		if steps[op] == nil {
			continue
		}
		if err := b.time("compose "+op, compose(ctx, steps[op]...)); err != nil {
			_ = compose(context.WithoutCancel(ctx), "down", "--volumes").Run() // nothing may be left
			return err
		}
	}
	return nil
}

// typical is the median, or the best: on a machine with other work that says more.
func (b *bench) typical(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	if b.best {
		return v[0]
	}
	return v[len(v)/2]
}
