// Testlog reads what go test -json writes and prints what go test would: each package's closing line, and the output of
// tests that failed. Beyond that it says which tests were skipped and why, since a skipped test looks like one that
// passed, and with -require it fails when one was skipped for want of something.
//
//	go test -json ./... | go run ./.ci/testlog [-require WORDS] [-slow DURATION]
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// event is one line of go test -json (see go doc test2json).
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64 // seconds
}

type key struct{ pkg, test string }

type log struct {
	out    io.Writer
	output map[key][]string // of tests that have not ended yet
	counts map[string]int   // by action, of tests
	skips  map[string][]string
	slow   time.Duration
}

func main() {
	require := flag.String("require", "", "fail when a test was skipped with a reason that contains these `words`, in any case")
	slow := flag.Duration("slow", 10*time.Second, "name tests that took at least this long")
	flag.Parse()
	l := &log{out: os.Stdout, output: map[key][]string{}, counts: map[string]int{}, skips: map[string][]string{}, slow: *slow}
	if err := l.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testlog:", err)
		os.Exit(1)
	}
	if !l.close(*require) {
		os.Exit(1)
	}
}

func (l *log) read(r io.Reader) error {
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil && e.Action != "" {
				l.take(e)
			} else {
				fmt.Fprintf(l.out, "%s", line) // go's own words, outside any test
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (l *log) take(e event) {
	k := key{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(l.out, e.Output)
	case "output":
		if e.Test != "" {
			l.output[k] = append(l.output[k], e.Output)
		} else if e.Output != "PASS\n" {
			fmt.Fprint(l.out, e.Output)
		}
	case "pass", "fail", "skip":
		l.end(k, e)
	}
}

func (l *log) end(k key, e event) {
	lines := l.output[k]
	delete(l.output, k)
	if e.Test == "" {
		l.interrupted(e)
		return
	}
	l.counts[e.Action]++
	switch e.Action {
	case "fail":
		for _, line := range lines {
			if !strings.HasPrefix(line, "=== ") {
				fmt.Fprint(l.out, line)
			}
		}
	case "skip":
		reason := reason(lines)
		l.skips[reason] = append(l.skips[reason], e.Package+" "+e.Test)
	}
	if took := time.Duration(e.Elapsed * float64(time.Second)); took >= l.slow && !strings.Contains(e.Test, "/") {
		fmt.Fprintf(l.out, "slow: %s %s took %s\n", e.Package, e.Test, took.Round(100*time.Millisecond))
	}
}

// interrupted prints the output of tests that a failed package left without an end: a panic or a time-out is in there.
func (l *log) interrupted(e event) {
	for k, lines := range l.output {
		if k.pkg == e.Package {
			if e.Action == "fail" {
				fmt.Fprint(l.out, strings.Join(lines, ""))
			}
			delete(l.output, k)
		}
	}
}

// reason finds what t.Skip said: the last line that go test indented.
func reason(lines []string) string {
	for _, line := range slices.Backward(lines) {
		if text := strings.TrimSpace(line); strings.HasPrefix(line, "    ") && text != "" && !strings.HasPrefix(text, "---") {
			if _, after, ok := strings.Cut(text, ".go:"); ok {
				_, text, _ = strings.Cut(after, ": ")
			}
			return text
		}
	}
	return "no reason given"
}

// close prints the skipped tests and the counts, and reports whether that is good enough.
func (l *log) close(require string) bool {
	good := true
	reasons := make([]string, 0, len(l.skips))
	for r := range l.skips {
		reasons = append(reasons, r)
	}
	slices.Sort(reasons)
	for _, r := range reasons {
		fmt.Fprintf(l.out, "SKIPPED %d: %s\n", len(l.skips[r]), r)
		for _, name := range l.skips[r][:min(5, len(l.skips[r]))] {
			fmt.Fprintf(l.out, "        %s\n", name)
		}
		if require != "" && strings.Contains(strings.ToLower(r), strings.ToLower(require)) {
			good = false
		}
	}
	if !good {
		fmt.Fprintf(l.out, "FAIL: tests were skipped that must not be here: %s\n", require)
	}
	fmt.Fprintf(l.out, "%d passed, %d failed, %d skipped\n", l.counts["pass"], l.counts["fail"], l.counts["skip"])
	return good
}
