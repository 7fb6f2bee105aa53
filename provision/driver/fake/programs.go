package fake

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// call runs a program or builtin and gives its status. It may make the process wait, push a shell, or end it.
func (m *machine) call(argv []string) int {
	name, args := argv[0], argv[1:]
	if img := m.s.Images[m.b.ImageID]; img != nil {
		if script, ok := img.Programs[path.Base(name)]; ok {
			return m.shell(script, argv, false)
		}
	}
	if builtin := m.builtin(path.Base(name), args); builtin != nil {
		return builtin()
	}
	if f, err := m.s.lookUp(m.b, clean(m.top().Dir, name)); err == nil && !f.Dir && strings.Contains(name, "/") {
		return m.shell(string(f.Content), argv, false)
	}
	for _, dir := range strings.Split(m.p.Env["PATH"], ":") {
		if f, err := m.s.lookUp(m.b, clean(dir, name)); err == nil && !f.Dir && f.Mode&0o111 != 0 {
			return m.shell(string(f.Content), argv, false)
		}
	}
	if m.lenient {
		return 0
	}
	return m.emitError(name+": not found", 127)
}

// builtin gives what the fake can do under that name, nil for what it cannot.
func (m *machine) builtin(name string, args []string) func() int {
	switch name {
	case "sh", "bash", "ash", "dash":
		return func() int { return m.callShell(append([]string{name}, args...)) }
	case "true", ":", "umask", "chmod", "chown", "sync", "trap":
		return func() int { return 0 }
	case "false":
		return func() int { return 1 }
	case "echo":
		return func() int { m.emit(1, strings.Join(args, " ")+"\n"); return 0 }
	case "env", "export", "unset", "set", "cd", "pwd", "id", "whoami", "hostname", "tty", "stty":
		return func() int { return m.surroundings(name, args) }
	case "cat", "touch", "mkdir", "rm", "ls", "cp", "mv", "stat":
		return func() int { return m.fileProgram(name, args) }
	case "test", "[":
		return func() int { return m.test(args) }
	case "exit", "exec", "sleep", "kill", "read", "ping":
		return func() int { return m.control(name, args) }
	}
	return nil
}

// shell pushes a shell for a script; args include $0.
func (m *machine) shell(script string, args []string, errExit bool) int {
	nodes, err := parseScript(script)
	if err != nil {
		if m.lenient {
			return 0
		}
		return m.emitError("sh: syntax error: "+err.Error(), 2)
	}
	if m.nested && len(m.p.Frames) > 100 {
		return m.emitError("sh: too deep", 2)
	}
	m.p.Frames = append(m.p.Frames, frame{Todo: nodes, Args: args, Vars: map[string]string{}, Dir: m.top().Dir, ErrExit: errExit})
	return 0
}

// callShell is sh with its options: -c, -e, -l, -i in any mixture.
func (m *machine) callShell(argv []string) int {
	args, errExit, text := argv[1:], false, false
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && args[0] != "-" {
		errExit = errExit || strings.Contains(args[0], "e")
		text = text || strings.Contains(args[0], "c")
		args = args[1:]
	}
	switch {
	case text && len(args) == 0:
		return m.emitError("sh: -c requires an argument", 2)
	case text:
		rest := args[1:]
		if len(rest) == 0 {
			rest = argv[:1]
		}
		return m.shell(args[0], rest, errExit)
	case len(args) > 0:
		script, err := m.s.read(m.b, clean(m.top().Dir, args[0]))
		if err != nil {
			return m.emitError("sh: "+err.Error(), 2)
		}
		return m.shell(string(script), args, errExit)
	}
	if !m.p.EOF {
		m.p.Wants = "all"
		return 0
	}
	script := m.p.Stdin
	m.p.Stdin = ""
	return m.shell(script, argv[:1], errExit)
}

func (m *machine) surroundings(name string, args []string) int {
	id, f := m.p.User, m.top()
	switch name {
	case "env":
		for len(args) > 0 && strings.Contains(args[0], "=") {
			k, v, _ := strings.Cut(args[0], "=")
			m.p.Env[k], args = v, args[1:]
		}
		if len(args) > 0 {
			return m.call(args)
		}
		for _, k := range slices.Sorted(maps.Keys(m.p.Env)) {
			m.emit(1, k+"="+m.p.Env[k]+"\n")
		}
	case "export":
		for _, a := range args {
			k, v, ok := strings.Cut(a, "=")
			if !ok {
				v = m.lookUpVar(k)
			}
			m.p.Env[k] = v
			delete(f.Vars, k)
		}
	case "unset":
		for _, a := range args {
			delete(m.p.Env, a)
			delete(f.Vars, a)
		}
	case "set":
		for _, a := range args {
			f.ErrExit = f.ErrExit && a != "+e" || strings.HasPrefix(a, "-") && strings.Contains(a, "e")
		}
	case "cd":
		return m.changeDir(args)
	case "pwd":
		m.emit(1, f.Dir+"\n")
	case "id", "whoami":
		return m.printID(name, args, id)
	case "hostname":
		m.emit(1, m.b.Hostname+"\n")
	case "tty":
		if !m.p.TTY {
			m.emit(1, "not a tty\n")
			return 1
		}
		m.emit(1, "/dev/pts/0\n")
	case "stty":
		if !m.p.TTY {
			return m.emitError("stty: standard input: Inappropriate ioctl for device", 1)
		}
		m.emit(1, fmt.Sprintf("%d %d\n", m.p.Rows, m.p.Columns))
	}
	return 0
}

func (m *machine) changeDir(args []string) int {
	f := m.top()
	to := m.p.User.Home
	if len(args) > 0 {
		to = clean(f.Dir, args[0])
	}
	if d, err := m.s.lookUp(m.b, to); err != nil || !d.Dir {
		return m.emitError("sh: cd: can't cd to "+to, 2)
	}
	f.Dir = to
	return 0
}

func (m *machine) printID(name string, args []string, id identity) int {
	option := strings.Join(args, " ")
	if name == "whoami" {
		option = "-un"
	}
	switch option {
	case "-u":
		m.emit(1, strconv.Itoa(id.UID)+"\n")
	case "-g":
		m.emit(1, strconv.Itoa(id.GID)+"\n")
	case "-G":
		list := append([]int{id.GID}, id.Groups...)
		m.emit(1, strings.Trim(fmt.Sprint(list), "[]")+"\n")
	case "-un":
		if id.Name == "" {
			return m.emitError(fmt.Sprintf("%s: unknown ID %d", name, id.UID), 1)
		}
		m.emit(1, id.Name+"\n")
	default:
		m.emit(1, fmt.Sprintf("uid=%d(%s) gid=%d\n", id.UID, id.Name, id.GID))
	}
	return 0
}

func (m *machine) control(name string, args []string) int {
	first := strings.Join(args[:min(1, len(args))], "")
	switch name {
	case "exit":
		code, err := strconv.Atoi(first)
		if first == "" || err != nil {
			code = m.p.Status
		}
		m.leave(code)
	case "exec":
		if len(args) > 0 {
			m.top().Todo = nil
			return m.call(args)
		}
	case "sleep":
		// "infinity" first: ParseFloat knows the word too, and no Duration holds it.
		if first == "infinity" && !m.nested {
			m.p.Wake = m.now.AddDate(100, 0, 0)
		} else if seconds, err := strconv.ParseFloat(first, 64); err == nil && !m.nested {
			m.p.Wake = m.now.Add(time.Duration(seconds * float64(time.Second)))
		} else if !m.nested {
			return m.emitError("sleep: invalid number "+first, 1)
		}
	case "kill":
		return m.kill(args)
	case "read":
		line, ok := m.line()
		if m.p.Wants != "" {
			return 0
		}
		m.set(first, line)
		if !ok {
			return 1
		}
	case "ping":
		return m.ping(args)
	}
	return 0
}

func (m *machine) kill(args []string) int {
	signal := "TERM"
	if len(args) > 0 && strings.HasPrefix(args[0], "-") {
		signal, args = args[0][1:], args[1:]
	}
	if len(args) == 0 {
		return m.emitError("kill: you need to specify whom to kill", 1)
	}
	pid, _ := strconv.Atoi(args[0])
	n, known := signalNumber(signal)
	switch {
	case !known:
		return m.emitError("kill: bad signal "+signal, 1)
	case pid != m.p.PID && !m.b.alive(pid):
		return m.emitError("kill: can't kill pid "+args[0]+": No such process", 1)
	case n == 0:
		return 0
	case pid == m.p.PID:
		m.end(128 + n)
	default:
		m.b.signal(pid, n)
	}
	return 0
}

// ping reaches a box that is on a network of this one under that name.
func (m *machine) ping(args []string) int {
	name := args[len(args)-1]
	for _, other := range m.s.Boxes {
		if m.s.reaches(m.b, other, name) {
			return 0
		}
	}
	return m.emitError("ping: bad address '"+name+"'", 1)
}

func signalNumber(name string) (int, bool) {
	switch n := strings.TrimPrefix(strings.ToUpper(name), "SIG"); n {
	case "HUP":
		return 1, true
	case "INT":
		return 2, true
	case "QUIT":
		return 3, true
	case "KILL":
		return 9, true
	case "USR1":
		return 10, true
	case "USR2":
		return 12, true
	case "TERM":
		return 15, true
	default:
		i, err := strconv.Atoi(n)
		return i, err == nil && i >= 0 && i < 65
	}
}
