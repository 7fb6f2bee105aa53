package fake

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// process is a program in a box: what it still has to do, and what it waits for. It is plain data, so a command's
// process lives in the state and goes on in whichever caller looks at the engine next.
type process struct {
	PID     int
	User    identity
	Env     map[string]string
	Frames  []frame // shells within shells, the innermost last
	Status  int
	Wake    time.Time `json:",omitzero"`
	Wants   string    `json:",omitempty"` // "all" of stdin, or a "line"; whoever runs the process fills Stdin
	Stdin   string    `json:",omitempty"` // read and not yet used
	EOF     bool      `json:",omitempty"` // nothing more comes behind Stdin
	Prompt  bool      `json:",omitempty"` // an interactive shell: asks for lines when it has nothing to do
	TTY     bool      `json:",omitempty"`
	Rows    int       `json:",omitempty"`
	Columns int       `json:",omitempty"`
	Done    bool      `json:",omitempty"`
	Code    int       `json:",omitempty"`
}

// frame is one shell.
type frame struct {
	Todo    []node
	Args    []string // $0, $1…
	Vars    map[string]string
	Dir     string
	ErrExit bool
}

// identity is a user as the box knows it.
type identity struct {
	UID, GID int
	Name     string // "" when the box has no name for it
	Home     string
	Groups   []int `json:",omitempty"` // besides GID
}

// machine lets a process go on.
type machine struct {
	s    *state
	b    *box
	p    *process
	now  time.Time
	emit func(fd int, text string)
	// lenient: what is unknown succeeds. Image builds run scripts that are written for a real shell.
	lenient bool
	nested  bool // in $(…), which cannot wait
	// captured: the command at hand has run a $(…), whose status an assignment takes over.
	captured bool
}

// maxSteps bounds a script that never waits.
const maxSteps = 200_000

// run goes on until the process is done or waits.
func (m *machine) run() {
	for range maxSteps {
		if m.p.Done || m.p.Wants != "" || m.now.Before(m.p.Wake) {
			return
		}
		m.p.Wake = time.Time{}
		m.step()
	}
	m.end(m.emitError("fake: the script never waits and never ends", 1))
}

// end finishes the process.
func (m *machine) end(code int) { m.p.Done, m.p.Code, m.p.Frames = true, code&255, nil }

func (m *machine) top() *frame { return &m.p.Frames[len(m.p.Frames)-1] }

// leave ends the innermost shell.
func (m *machine) leave(code int) {
	m.p.Status = code & 255
	m.p.Frames = m.p.Frames[:len(m.p.Frames)-1]
	if len(m.p.Frames) == 0 {
		m.end(code)
		return
	}
	m.failed(code)
}

func (m *machine) step() {
	f := m.top()
	if len(f.Todo) == 0 {
		if !m.p.Prompt || len(m.p.Frames) > 1 || !m.typed() {
			m.leave(m.p.Status)
		}
		return
	}
	n := f.Todo[0]
	f.Todo = f.Todo[1:]
	m.do(n)
}

// typed takes the next line of an interactive shell; false when there will be none.
func (m *machine) typed() bool {
	line, ok := m.line()
	if m.p.Wants != "" {
		return true
	}
	if !ok {
		return false
	}
	nodes, err := parseScript(line)
	if err != nil {
		m.p.Status = m.emitError("sh: "+err.Error(), 2)
	}
	m.push(nodes...)
	return true
}

// line takes a line of stdin, or says that one is wanted.
func (m *machine) line() (string, bool) {
	line, rest, ended := strings.Cut(m.p.Stdin, "\n")
	switch {
	case ended || m.p.EOF && line != "":
		m.p.Stdin = rest
		return line, true
	case !m.p.EOF:
		m.p.Wants = "line"
	}
	return "", false
}

func (m *machine) push(nodes ...node) {
	f := m.top()
	f.Todo = slices.Concat(nodes, f.Todo)
}

// do takes one node; compound ones become a list of simpler ones.
func (m *machine) do(n node) {
	ok := m.p.Status == 0
	switch n.Kind {
	case "cmd":
		m.command(n)
	case "and":
		if ok {
			m.push(n.A...)
		}
	case "or":
		if !ok {
			m.push(n.A...)
		}
	case "not":
		m.push(append(slices.Clone(n.A), node{Kind: "invert"})...)
	case "invert":
		m.p.Status = 0
		if ok {
			m.p.Status = 1
		}
	case "group":
		m.push(n.A...)
	case "if":
		m.push(append(slices.Clone(n.A), node{Kind: "branch", B: n.B, C: n.C})...)
	case "branch":
		m.p.Status = 0
		if ok {
			m.push(n.B...)
		} else {
			m.push(n.C...)
		}
	case "loop":
		n.Kind = "check"
		m.push(append(slices.Clone(n.A), n)...)
	case "check":
		m.p.Status = 0
		if ok != n.Until {
			n.Kind = "loop"
			m.push(append(slices.Clone(n.B), n)...)
		}
	case "for":
		m.push(node{Kind: "each", Name: n.Name, Items: m.expandAll(n.Words), B: n.B})
	case "each":
		if len(n.Items) > 0 {
			m.set(n.Name, n.Items[0])
			n.Items = n.Items[1:]
			m.push(append(slices.Clone(n.B), n)...)
		}
	}
}

// failed ends a shell with -e, unless the status is about to be looked at.
func (m *machine) failed(code int) {
	if code == 0 || m.p.Done {
		return
	}
	f := m.top()
	if len(f.Todo) > 0 {
		switch f.Todo[0].Kind {
		case "and", "or", "invert", "branch", "check":
			return
		}
	}
	if f.ErrExit {
		m.leave(code)
	}
}

// command runs one simple command.
func (m *machine) command(n node) {
	m.captured = false
	set, words := m.assignments(n.Words)
	argv := m.expandAll(words)
	if len(argv) == 0 {
		for _, a := range set {
			m.set(a[0], a[1])
		}
		if !m.captured {
			m.p.Status = 0
		}
		if status := m.redirected(n.Redirs, func() int { return 0 }); status != 0 {
			m.p.Status = status
		}
		m.failed(m.p.Status)
		return
	}
	outer := m.p.Env
	if len(set) > 0 {
		m.p.Env = maps.Clone(outer)
		for _, a := range set {
			m.p.Env[a[0]] = a[1]
		}
	}
	depth := len(m.p.Frames)
	status := m.redirected(n.Redirs, func() int { return m.call(argv) })
	if len(set) > 0 {
		m.p.Env = outer
	}
	switch {
	case m.p.Wants != "":
		m.push(n) // once more when the input is there
		return
	case m.p.Done || len(m.p.Frames) != depth:
		return // it ended, or became another shell
	}
	m.p.Status = status
	m.failed(status)
}

// redirected runs f with its output going where the redirections say.
func (m *machine) redirected(redirs []redirect, f func() int) int {
	outer := m.emit
	defer func() { m.emit = outer }()
	type sink struct {
		path string
		text strings.Builder
	}
	targets := map[int]func(string){1: func(t string) { outer(1, t) }, 2: func(t string) { outer(2, t) }}
	var sinks []*sink
	for _, r := range redirs {
		if r.To != 0 {
			targets[r.FD] = targets[r.To]
			continue
		}
		p := clean(m.top().Dir, strings.Join(m.expand(r.File), " "))
		if r.Input {
			if _, err := m.s.read(m.b, p); err != nil {
				return m.emitError("sh: "+err.Error(), 1)
			}
			continue
		}
		k := &sink{path: p}
		if old, err := m.s.read(m.b, p); err == nil && r.Append {
			k.text.Write(old)
		}
		if err := m.s.put(m.b, p, &file{Content: []byte(k.text.String()), MTime: m.now}); err != nil {
			return m.emitError(fmt.Sprintf("sh: can't create %s: %v", p, err), 1)
		}
		sinks = append(sinks, k)
		targets[r.FD] = func(t string) { k.text.WriteString(t) }
	}
	m.emit = func(fd int, t string) { targets[fd](t) }
	status := f()
	for _, k := range sinks {
		if err := m.s.put(m.b, k.path, &file{Content: []byte(k.text.String()), MTime: m.now}); err != nil {
			m.emit = outer
			return m.emitError(fmt.Sprintf("sh: %s: %v", k.path, err), 1)
		}
	}
	return status
}

func (m *machine) emitError(text string, status int) int {
	m.emit(2, text+"\n")
	return status
}
