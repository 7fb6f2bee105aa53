package fake

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// operands parts what begins with a dash from the rest, made absolute.
func (m *machine) operands(args []string) (options string, paths []string) {
	for i, a := range args {
		switch {
		case a == "--":
			for _, p := range args[i+1:] {
				paths = append(paths, clean(m.top().Dir, p))
			}
			return options, paths
		case strings.HasPrefix(a, "-") && a != "-":
			options += a[1:]
		default:
			paths = append(paths, clean(m.top().Dir, a))
		}
	}
	return options, paths
}

func (m *machine) fileProgram(name string, args []string) int {
	if name == "stat" {
		return m.stat(args)
	}
	options, paths := m.operands(args)
	switch name {
	case "cat":
		if len(paths) == 0 {
			return m.catInput()
		}
	case "cp", "mv":
		return m.copyFile(name, paths)
	case "ls":
		if len(paths) == 0 {
			paths = []string{m.top().Dir}
		}
	}
	status := 0
	for _, p := range paths {
		if err := m.onFile(name, p, options); err != nil {
			status = m.emitError(fmt.Sprintf("%s: %s: %v", name, p, err), 1)
		}
	}
	return status
}

// stat is stat -c FORMAT PATH…, with owners in the format.
func (m *machine) stat(args []string) int {
	if len(args) < 2 || args[0] != "-c" {
		return m.emitError("stat: only -c FORMAT is known", 1)
	}
	for _, name := range args[2:] {
		f, err := m.s.lookUp(m.b, clean(m.top().Dir, name))
		if err != nil {
			return m.emitError(fmt.Sprintf("stat: %s: %v", name, err), 1)
		}
		owner, _ := m.s.identify(m.b, f.Owner)
		m.emit(1, strings.NewReplacer("%u", strconv.Itoa(owner.UID), "%g", strconv.Itoa(owner.GID), "%n", name).Replace(args[1])+"\n")
	}
	return 0
}

func (m *machine) catInput() int {
	if !m.p.EOF {
		m.p.Wants = "all"
		return 0
	}
	text := m.p.Stdin
	m.p.Stdin = ""
	m.emit(1, text)
	return 0
}

func (m *machine) onFile(name, p, options string) error {
	old, err := m.s.lookUp(m.b, p)
	switch name {
	case "cat":
		content, err := m.s.read(m.b, p)
		if err == nil {
			m.emit(1, string(content))
		}
		return err
	case "touch":
		f := file{MTime: m.now}
		if err == nil {
			f = *old
			f.MTime = m.now
		}
		return m.s.put(m.b, p, &f)
	case "mkdir":
		switch parents := strings.Contains(options, "p"); {
		case err == nil && old.Dir && parents:
			return nil
		case err == nil:
			return errExists
		case parents:
			return m.s.mkdirs(m.b, p, m.now)
		}
		return m.s.put(m.b, p, &file{Dir: true, MTime: m.now, Mode: 0o755})
	case "rm":
		switch {
		case err != nil && strings.Contains(options, "f"):
			return nil
		case err == nil && old.Dir && !strings.Contains(options, "r"):
			return errIsDir
		}
		return m.s.drop(m.b, p)
	case "ls":
		if err == nil {
			m.emit(1, strings.Join(m.list(p, old), ""))
		}
	}
	return err
}

// list gives the lines of ls.
func (m *machine) list(p string, f *file) []string {
	if !f.Dir {
		return []string{p + "\n"}
	}
	l := m.s.locate(m.b, p)
	names := map[string]bool{}
	for _, files := range []map[string]*file{l.lower, l.upper} {
		for q, f := range files {
			rest, ok := under(q, l.path)
			if name, _, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/"); ok && name != "" && !f.Gone {
				names[name+"\n"] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func (m *machine) copyFile(name string, paths []string) int {
	if len(paths) != 2 {
		return m.emitError(name+": two files are wanted", 1)
	}
	from, err := m.s.lookUp(m.b, paths[0])
	if err != nil || from.Dir {
		return m.emitError(name+": can't read "+paths[0], 1)
	}
	to := paths[1]
	if d, err := m.s.lookUp(m.b, to); err == nil && d.Dir {
		to = clean(to, path.Base(paths[0]))
	}
	if err := m.s.put(m.b, to, &file{Content: from.Content, MTime: m.now, Mode: from.Mode}); err != nil {
		return m.emitError(fmt.Sprintf("%s: %s: %v", name, to, err), 1)
	}
	if name == "mv" {
		if err := m.s.drop(m.b, paths[0]); err != nil {
			return m.emitError(fmt.Sprintf("mv: %s: %v", paths[0], err), 1)
		}
	}
	return 0
}
