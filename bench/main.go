// Command bench times envy, as whole processes, beside the same engine calls made bare in the same run, beside the docker
// CLI and beside Compose where they are installed. It prints a table and, with -json, writes the figures. Absolute times hold on
// one machine only; the ratios are what counts (docs/bench.md).
//
// It knows envy as a user does, by its command line; what "the same calls" are it reads from the containers that envy
// made. It must not know any of envy's packages.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "bare" {
		if err := bare(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	var o options
	flag.StringVar(&o.sizes, "boxes", "1,10,50,200", "how many boxes, a list")
	flag.IntVar(&o.runs, "runs", 7, "how often each is measured, fewer from 10 boxes on; the median counts")
	flag.StringVar(&o.image, "image", "envy-test/tiny:1", "a local image")
	flag.StringVar(&o.envy, "envy", "bin/envy", "the envy to measure")
	flag.StringVar(&o.parallel, "parallel", "8", "how many things at once; with several numbers only up is measured, with each of them")
	flag.BoolVar(&o.best, "best", false, "the best run counts instead: for a machine that has other work")
	long := flag.Int("long", 0, "instead, bring so many boxes up once, and see what they take")
	out := flag.String("json", "", "write the figures to this file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt) // what was made is taken away again
	defer stop()
	figures, err := o.run(ctx, *long)
	if err == nil && *out != "" {
		err = write(*out, figures)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	sizes, parallel, image, envy string
	runs                         int
	best                         bool
}

// run measures, prints, and gives what is written as JSON.
func (o options) run(ctx context.Context, long int) (any, error) {
	sizes, err := numbers("boxes", o.sizes)
	if err != nil {
		return nil, err
	}
	atOnce, err := numbers("parallel", o.parallel)
	if err != nil {
		return nil, err
	}
	b := bench{image: o.image, best: o.best}
	if b.envy, err = filepath.Abs(o.envy); err != nil {
		return nil, err
	}
	if b.self, err = os.Executable(); err != nil {
		return nil, err
	}
	b.compose = composeCommand()
	if long > 0 {
		return b.long(ctx, long)
	}
	if err := b.warm(ctx); err != nil {
		return nil, err
	}
	if len(atOnce) > 1 {
		return b.sweep(ctx, sizes, atOnce, max(2, o.runs/2))
	}
	var rows []row
	header()
	for _, n := range sizes {
		s := b
		s.n, s.atOnce, s.runs = n, atOnce[0], max(2, o.runs)
		switch {
		case n >= 100:
			s.runs = max(2, o.runs/4)
		case n >= 10:
			s.runs = max(2, o.runs/2)
		}
		more, err := s.measure(ctx)
		if err != nil {
			return nil, fmt.Errorf("%d boxes: %w", n, err)
		}
		print(more)
		rows = append(rows, more...)
	}
	return rows, nil
}

func numbers(flag, text string) ([]int, error) {
	var out []int
	for _, s := range strings.Split(text, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-%s %q: expected numbers from 1, with commas", flag, text)
		}
		out = append(out, n)
	}
	return out, nil
}

// composeCommand is Compose as it is installed here, nil where it is not.
func composeCommand() []string {
	for _, c := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		if exec.Command(c[0], append(c[1:], "version")...).Run() == nil {
			return c
		}
	}
	return nil
}

// row is one operation at one size: medians, or the best, in milliseconds.
type row struct {
	Boxes   int     `json:"boxes"`
	Op      string  `json:"op"`
	Envy    float64 `json:"envy_ms"`
	Bare    float64 `json:"bare_ms,omitempty"`
	CLI     float64 `json:"docker_cli_ms,omitempty"`
	Compose float64 `json:"compose_ms,omitempty"`
	Calls   int     `json:"engine_calls"` // of envy
	Peak    float64 `json:"envy_peak_mib"`
}

func header() {
	fmt.Printf("%6s  %-20s %9s %9s %9s %9s %10s %13s %7s %5s\n", "boxes", "ms", "envy", "bare API", "docker", "compose", "envy/bare", "envy/compose", "calls", "MiB")
}

func print(rows []row) {
	number := func(v float64, decimals int) string {
		if v == 0 {
			return "–"
		}
		return strconv.FormatFloat(v, 'f', decimals, 64)
	}
	ratio := func(a, b float64) string {
		if b == 0 {
			return "–"
		}
		return number(a/b, 2)
	}
	for _, r := range rows {
		fmt.Printf("%6d  %-20s %9s %9s %9s %9s %10s %13s %7d %5.0f\n", r.Boxes, r.Op, number(r.Envy, 1), number(r.Bare, 1), number(r.CLI, 1), number(r.Compose, 1),
			ratio(r.Envy, r.Bare), ratio(r.Envy, r.Compose), r.Calls, r.Peak)
	}
}

func write(path string, figures any) error {
	data, err := json.MarshalIndent(figures, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o600)
}
