package term

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Streams are the three standard streams. Results go to Out; progress, problems and prompts to Err.
type Streams struct {
	In  Input
	Out Output
	Err Output

	interactive bool
}

// Input is where answers and a session's keystrokes come from.
type Input struct {
	io.Reader
	Terminal bool

	file *os.File // nil when injected
}

// Output is one stream to write to. The zero value of everything but Writer is a plain pipe.
type Output struct {
	io.Writer
	Terminal bool // a terminal, whatever it can do
	Color    bool // SGR sequences are wanted
	Live     bool // lines may be drawn over: a capable terminal, and nobody's build log

	file  *os.File
	width int
}

// Options are what decides how the streams are used.
type Options struct {
	Getenv  func(string) string
	NoColor bool // --no-color
}

// Open describes three open files, as main has them.
func Open(in, out, err *os.File, o Options) *Streams {
	s := &Streams{
		In:  Input{Reader: in, Terminal: isTerminal(in), file: in},
		Out: openOutput(out, o),
		Err: openOutput(err, o),
	}
	s.interactive = s.In.Terminal && s.Err.Terminal && !unattended(o.Getenv)
	return s
}

// Injected are streams of a test: what is written to them and said of them is what the caller put in. They count as
// interactive when In and Err are said to be terminals.
func Injected(in Input, out, err Output) *Streams {
	return &Streams{In: in, Out: out, Err: err, interactive: in.Terminal && err.Terminal}
}

func openOutput(f *os.File, o Options) Output {
	terminal := isTerminal(f)
	return Output{
		Writer:   f,
		Terminal: terminal,
		Color:    color(terminal, o),
		Live:     terminal && o.Getenv("TERM") != "dumb" && !unattended(o.Getenv),
		file:     f,
	}
}

func isTerminal(f *os.File) bool {
	return term.IsTerminal(int(f.Fd()))
}

// Interactive says whether there is somebody to ask.
func (s *Streams) Interactive() bool { return s.interactive }

// WithWidth gives an injected output a width in columns.
func (o Output) WithWidth(columns int) Output {
	o.width = columns
	return o
}

// Width is how many columns a line may have now, 0 for no limit.
func (o Output) Width() int {
	if o.file != nil && o.Terminal {
		if size, ok := sizeOf(o.file); ok {
			return size.Columns
		}
	}
	return o.width
}

// color decides on colours: --no-color and NO_COLOR (https://no-color.org) forbid them, CLICOLOR_FORCE
// (https://bixense.com/clicolors) wants them even in a pipe, else a terminal that is not dumb has them.
func color(terminal bool, o Options) bool {
	force := o.Getenv("CLICOLOR_FORCE")
	switch {
	case o.NoColor || o.Getenv("NO_COLOR") != "":
		return false
	case force != "" && force != "0":
		return true
	}
	return terminal && o.Getenv("TERM") != "dumb"
}

// unattended says whether this is a build service's run: it may have a terminal, but nobody sits at it.
func unattended(getenv func(string) string) bool {
	switch getenv("CI") {
	case "", "0", "false":
		return false
	}
	return true
}
