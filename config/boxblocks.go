package config

import (
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/envyhq/envy/internal/diag"
	"github.com/hashicorp/hcl/v2"
)

func (r *boxReader) build(v values, at diag.Range) {
	b := &Build{Dockerfile: v.str("dockerfile"), Target: v.str("target"), Args: v.pairs("args"), Range: at}
	for _, name := range []string{"context", "dockerfile", "target", "args"} {
		b.Parts = append(b.Parts, toRange(v.at(name)))
	}
	if b.Dockerfile == "" {
		b.Dockerfile = "Dockerfile"
	}
	written := v.str("context")
	if written == "" {
		written = "."
	}
	m := v.module("context")
	if m.elsewhere() {
		r.buildElsewhere(v, m, b, written)
		return
	}
	dir, _ := r.e.folder(m)
	b.Context = r.e.hostPath(dir, written)
	if !v.failed["context"] && b.Context.Inside {
		switch {
		case !b.Context.Exists:
			r.e.p.errorf(v.at("context"), "no such directory: %s", v.shown("context", written))
		case !b.Context.Dir:
			r.e.p.errorf(v.at("context"), "%s is no directory", v.shown("context", written))
		case !v.failed["dockerfile"] && !isFile(r.e.v.Files, path.Join(b.Context.Rel, b.Dockerfile)):
			r.e.p.errorf(v.at("dockerfile"), "no file %s in the context %s", v.shown("dockerfile", b.Dockerfile), v.shown("context", written))
		}
	}
	r.b.Build = b
	r.e.contextGate(r.plan.name, b, v.at("context"))
}

// buildElsewhere is a build whose context lies in the tree of a definition from elsewhere.
func (r *boxReader) buildElsewhere(v values, m *module, b *Build, written string) {
	if !r.takes(m, v.at("context"), "built") || v.failed["context"] {
		return
	}
	name, err := r.e.host.of(m).inside(written)
	if err != nil {
		r.e.p.errorf(v.at("context"), "`context`: %s", tellable(err, v.quiet["context"]))
		return
	}
	b.Tree, b.Definition, b.Context = m.def.Content, m.def.ID, Path{Written: written, Location: Location{Rel: name}}
	info, err := b.Tree.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.e.p.errorf(v.at("context"), "no such directory: %s", v.shown("context", written))
	case err != nil:
		r.e.p.errorf(v.at("context"), "`context`: %s", tellable(r.e.host.readError(written, err), v.quiet["context"]))
	case !info.IsDir():
		r.e.p.errorf(v.at("context"), "%s is no directory", v.shown("context", written))
	case !v.failed["dockerfile"] && !isFile(b.Tree, path.Join(name, b.Dockerfile)):
		r.e.p.errorf(v.at("dockerfile"), "no file %s in the context %s", v.shown("dockerfile", b.Dockerfile), v.shown("context", written))
	}
	if m.def.Place != "" {
		b.Context.Path = path.Join(m.def.Place, name)
		r.e.contextGate(r.plan.name, b, v.at("context"))
	}
	r.b.Build = b
}

// takes reports whether the files of a definition from elsewhere can be had for builds; where not, that is reported.
func (r *boxReader) takes(m *module, at hcl.Range, what string) bool {
	if m.def.Content != nil {
		return true
	}
	whose := "a definition of the catalogue"
	if m.def.Image != "" {
		whose = "the definition of an archive, which has its image with it"
	}
	r.e.p.errorf(at, "nothing is %s from the files of %s", what, whose).hint = "a definition in a repository or a directory may"
	return false
}

// hostPath resolves a path: relative ones from a directory, ~/ from the caller's home.
func (e *evaluation) hostPath(dir, written string) Path {
	full := written
	switch {
	case written == "~":
		full = e.v.Home
	case strings.HasPrefix(written, "~/"):
		full = path.Join(e.v.Home, written[2:])
	case !path.IsAbs(written):
		full = path.Join(dir, written)
	}
	return Path{Written: written, Location: e.resolve(path.Clean(full))}
}

// resolve says where a path of the host leads. Within one evaluation it leads to one place, for all replicas.
func (e *evaluation) resolve(path string) Location {
	at, ok := e.places[path]
	if !ok {
		at = e.v.Files.Resolve(path)
		e.places[path] = at
	}
	return at
}

func (r *boxReader) share(v values, at diag.Range) {
	written := v.str("source")
	if written == "" {
		written = v.node.label
	}
	s := &Share{
		Label: v.node.label, Target: v.str("target"), Mode: ShareMode(v.str("mode")),
		ReadOnly: v.flag("read_only", false), Create: v.flag("create", false), Range: at, TargetRange: toRange(v.at("target")),
	}
	if s.Mode == "" {
		s.Mode = ShareBind
	}
	if s.Mode == "sync" {
		r.e.p.errorf(v.at("mode"), "`mode = \"sync\"` is not built yet").detail = "the language has it, but this version of envy cannot do it; bind and copy it can"
	}
	if s.Mode == ShareCopy && s.ReadOnly {
		r.e.p.errorf(v.at("read_only"), "`read_only` does not go with mode = \"copy\": a copy is the box's own")
	}
	if v.failed["source"] {
		return
	}
	s.Source = r.e.hostPath(r.e.v.Dir, written)
	if !s.Source.Exists && !s.Create {
		p := r.e.p.errorf(sourceRange(v), "share %q: %s does not exist", clip(s.Label), v.shown("source", s.Source.Path))
		p.hint = "set create = true to have the folder made"
	}
	if s.Target != "" {
		r.take(s.Target, "share", v.quiet["target"], v.at("target"))
	}
	r.b.Shares = append(r.b.Shares, s)
	r.e.shareGate(r, s, v.node, sourceRange(v))
}

// sourceRange is where a share's path stands.
func sourceRange(v values) hcl.Range {
	if v.node.attrs["source"] != nil {
		return v.at("source")
	}
	return v.node.labelAt
}

func (r *boxReader) volume(v values, at diag.Range) {
	m := &Volume{Label: v.node.label, Target: v.str("target"), ReadOnly: v.flag("read_only", false), Range: at}
	for _, shared := range r.pr.Volumes {
		if shared.Label == m.Label {
			m.Shared = shared
			r.e.takenGate(r.b.Label, v.node.module, v.node.labelAt, "volume", m.Label)
		}
	}
	if m.Target != "" {
		r.take(m.Target, "volume", v.quiet["target"], v.at("target"))
	}
	r.b.Volumes = append(r.b.Volumes, m)
}

func (r *boxReader) file(v values, at diag.Range) {
	f := &File{Target: v.node.label, Mode: 0o644, Owner: v.str("owner"), Range: at}
	if mode := v.str("mode"); mode != "" {
		bits, _ := strconv.ParseUint(mode, 8, 32)
		f.Mode = uint32(bits)
	}
	content, hasContent := get[Text](v, "content")
	source := v.str("source")
	switch {
	case v.written("content") && v.written("source"):
		r.e.p.errorf(v.at("source"), "file %q has `content` and `source`", clip(f.Target))
	case hasContent:
		f.Content = content
	case source != "":
		data, err := r.e.host.of(v.module("source")).read(source)
		if err != nil {
			r.e.p.errorf(v.at("source"), "`source`: %s", tellable(err, v.quiet["source"]))
		}
		f.Content = Text{Value: string(data)}
	case !v.written("content") && !v.written("source"):
		r.e.p.errorf(v.node.header, "file %q needs `content` or `source`", clip(f.Target))
	}
	r.take(f.Target, "file", false, v.node.header)
	r.b.Files = append(r.b.Files, f)
}

func (r *boxReader) setup(v values, at diag.Range) {
	m := v.module("inputs")
	_, folder := r.e.folder(m)
	s := &Setup{
		Label: v.node.label, Run: v.str("run"), User: v.str("user"), Inputs: r.inputs(v, m), Folder: folder,
		Packages: packages(v.words("packages")), Range: at, RunRange: toRange(v.at("run")),
	}
	env, _ := get[[]EnvVar](v, "env")
	for _, entry := range env {
		if entry.Unset {
			s.Unset = append(s.Unset, entry.Name)
			continue
		}
		s.Env = append(s.Env, Pair{Key: entry.Name, Value: entry.Value.Value, Range: entry.Range})
	}
	if m.elsewhere() {
		s.Tree = m.def.Content
	}
	if s.Run == "" && !v.failed["run"] && len(s.Packages) == 0 && !v.failed["packages"] {
		r.e.p.errorf(v.node.header, "setup %q needs `run` or `packages`", s.Label)
	}
	r.b.Setups = append(r.b.Setups, s)
}

func (r *boxReader) provision(v values, at diag.Range) {
	run, _ := get[Text](v, "run")
	env, _ := get[[]EnvVar](v, "env")
	p := &Provision{
		Label: v.node.label, Run: run, When: v.str("when"), Inputs: r.inputs(v, nil), User: v.str("user"), Env: env,
		Timeout: v.duration("timeout"), AfterHealthy: v.str("after") == "healthy", Range: at, RunRange: toRange(v.at("run")),
	}
	if p.When == "" {
		p.When = "changed"
	}
	if run.Value == "" && !v.failed["run"] {
		r.e.p.errorf(v.at("run"), "`run`: expected a script, which is empty here")
	}
	if p.When != "changed" && len(p.Inputs) > 0 {
		r.e.p.errorf(v.at("inputs"), "`inputs` goes with when = \"changed\" only: here nothing looks at them")
	}
	r.b.Provisioners = append(r.b.Provisioners, p)
}

// inputs makes patterns relative to the inside root, or to the definition's tree; one that leaves it is an error. m is the definition whose folder they
// start from; nil: the Envfile's.
func (r *boxReader) inputs(v values, m *module) []Input {
	var list []Input
	if m.elsewhere() && len(v.words("inputs")) > 0 && !r.takes(m, v.at("inputs"), "taken") {
		return nil
	}
	for _, w := range v.words("inputs") {
		name, err := r.e.host.of(m).inside(w.Name)
		if err != nil {
			r.e.p.errorf(w.at, "`inputs`: %s", tellable(err, w.quiet))
			continue
		}
		list = append(list, Input{Pattern: name, Written: w.Name, Range: w.Range})
	}
	return list
}

func (r *boxReader) healthcheck(v values, at diag.Range) {
	h := &Healthcheck{
		Interval: 30 * time.Second, Timeout: 30 * time.Second, Retries: 3,
		StartPeriod: v.duration("start_period"), Range: at,
	}
	if c, ok := get[*Command](v, "command"); ok {
		h.Command = c.Args
	}
	for name, field := range map[string]*time.Duration{"interval": &h.Interval, "timeout": &h.Timeout} {
		d, ok := get[time.Duration](v, name)
		if !ok {
			continue
		}
		if *field = d; d < time.Millisecond {
			r.e.p.errorf(v.at(name), "`%s`: expected at least 1ms", name)
		}
	}
	if n := v.integer("retries"); n != 0 {
		h.Retries = int(n)
	}
	r.b.Healthcheck = h
}
