// Command bench times envy, as whole processes, beside the same engine calls made bare in the same run, and beside the
// docker CLI where it is installed. It prints a table and, with -json, writes the figures. Absolute times hold on one
// machine only; the ratios are what counts (figures of peers stand in docs/bench.md).
//
// It knows envy as a user does, by its command line; what "the same calls" are it reads from the containers that envy
// made. It must not know any of envy's packages.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "bare" {
		if err := bare(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	sizes := flag.String("boxes", "1,10,50", "how many boxes, a list")
	runs := flag.Int("runs", 7, "how often each is measured; the median counts")
	image := flag.String("image", "envy-test/tiny:1", "a local image")
	envy := flag.String("envy", "bin/envy", "the envy to measure")
	out := flag.String("json", "", "write the figures to this file")
	flag.Parse()
	rows, err := run(*envy, *image, *sizes, *runs)
	if err == nil {
		print(rows)
		if *out != "" {
			err = write(*out, rows)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// row is one operation at one size: medians in milliseconds.
type row struct {
	Boxes int     `json:"boxes"`
	Op    string  `json:"op"`
	Envy  float64 `json:"envy_ms"`
	Bare  float64 `json:"bare_ms"`
	CLI   float64 `json:"docker_cli_ms,omitempty"`
	Ratio float64 `json:"ratio"`
}

func run(envy, image, sizes string, runs int) ([]row, error) {
	path, err := filepath.Abs(envy)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, s := range strings.Split(sizes, ",") {
		n, err := strconv.Atoi(s)
		if err != nil {
			return nil, fmt.Errorf("-boxes %q: %w", sizes, err)
		}
		b := &bench{envy: path, self: self, image: image, n: n, runs: max(2, runs)}
		if n >= 10 {
			b.runs = max(2, runs/2)
		}
		more, err := b.measure()
		if err != nil {
			return nil, fmt.Errorf("%d boxes: %w", n, err)
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

// bench is one size.
type bench struct {
	envy, self, image string
	n, runs           int
	dir, recipe       string
	times             map[string][]float64
}

func (b *bench) measure() (rows []row, err error) {
	if b.dir, err = os.MkdirTemp("", "envybench"); err != nil {
		return nil, err
	}
	defer os.RemoveAll(b.dir) // a folder for temporary files
	b.recipe, b.times = filepath.Join(b.dir, "recipe.json"), map[string][]float64{}
	if err := os.WriteFile(filepath.Join(b.dir, "Envfile"), []byte(b.envfile()), 0o600); err != nil {
		return nil, err
	}
	defer b.command("destroy", "--yes", "--volumes").Run() //nolint:errcheck // nothing may be left
	// Once unmeasured: delivers the agent, warms caches, and leaves the recipe of the bare calls.
	if err := b.all(b.command("up", "--yes"), exec.Command(b.self, "bare", "learn", b.recipe, b.project()), b.command("destroy", "--yes", "--volumes")); err != nil {
		return nil, err
	}
	for range b.runs { // tools take turns, so that what else the machine does hits both
		if err := b.round(); err != nil {
			return nil, err
		}
	}
	for _, op := range []string{"up, nothing there", "up, nothing changed", "exec true", "ssh true", "status", "destroy"} {
		r := row{Boxes: b.n, Op: op, Envy: median(b.times["envy "+op]), Bare: median(b.times["bare "+op]), CLI: median(b.times["cli "+op])}
		if r.Bare > 0 {
			r.Ratio = r.Envy / r.Bare
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func (b *bench) project() string { return "envybench" + strconv.Itoa(b.n) }

// envfile is a box with init, a bind mount of the project, a published port and a variable, as in figures.md; many boxes
// have no port.
func (b *bench) envfile() string {
	port, count := "  port \"http\" { guest = 80 }\n", ""
	if b.n > 1 {
		port, count = "", fmt.Sprintf("  count = %d\n", b.n)
	}
	return fmt.Sprintf("envy { name = %q }\n\nbox \"web\" {\n  image = %q\n%s  env   = { A = \"1\" }\n  share \".\" { target = \"/workspace\" }\n%s}\n", b.project(), b.image, count, port)
}

func (b *bench) command(args ...string) *exec.Cmd {
	c := exec.Command(b.envy, args...)
	c.Dir = b.dir
	return c
}

func (b *bench) all(commands ...*exec.Cmd) error {
	for _, c := range commands {
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(c.Args, " "), err, out)
		}
	}
	return nil
}

func (b *bench) time(name string, c *exec.Cmd) error {
	start := time.Now()
	err := b.all(c)
	b.times[name] = append(b.times[name], float64(time.Since(start).Microseconds())/1000)
	return err
}

func (b *bench) round() error {
	box := "web"
	if b.n > 1 {
		box = "web-1"
	}
	bareBox := "bare-" + b.project() + "-" + box
	for _, x := range []struct {
		name string
		c    *exec.Cmd
	}{
		{"envy up, nothing there", b.command("up", "--yes")},
		{"envy up, nothing changed", b.command("up", "--yes")},
		{"cli up, nothing changed", exec.Command("docker", "ps", "-a")},
		{"envy exec true", b.command("exec", box, "true")},
		{"envy ssh true", b.command("ssh", box, "--", "true")},
		{"envy status", b.command("status")},
		{"cli status", exec.Command("docker", "ps", "-a")},
		{"envy destroy", b.command("destroy", "--yes", "--volumes")},
		{"bare up, nothing there", exec.Command(b.self, "bare", "up", b.recipe)},
		{"bare up, nothing changed", exec.Command(b.self, "bare", "list", b.project())},
		{"bare exec true", exec.Command(b.self, "bare", "exec", bareBox)},
		{"cli exec true", exec.Command("docker", "exec", bareBox, "true")},
		{"bare ssh true", exec.Command(b.self, "bare", "exec", bareBox)},
		{"bare status", exec.Command(b.self, "bare", "list", b.project())},
		{"bare destroy", exec.Command(b.self, "bare", "down", b.recipe)},
	} {
		if _, err := exec.LookPath(x.c.Args[0]); err != nil {
			continue // no docker CLI
		}
		if err := b.time(x.name, x.c); err != nil {
			return err
		}
	}
	return nil
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[len(v)/2]
}

func print(rows []row) {
	fmt.Printf("%6s  %-20s %10s %10s %10s %8s\n", "boxes", "ms, medians", "envy", "bare API", "docker", "envy/bare")
	for _, r := range rows {
		cli := "–"
		if r.CLI > 0 {
			cli = strconv.FormatFloat(r.CLI, 'f', 1, 64)
		}
		fmt.Printf("%6d  %-20s %10.1f %10.1f %10s %8.2f\n", r.Boxes, r.Op, r.Envy, r.Bare, cli, r.Ratio)
	}
}

func write(path string, rows []row) error {
	data, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o600)
}
