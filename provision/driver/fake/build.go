package fake

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/resource"
)

// Build implements driver.Images. It reads the Dockerfile of the context: FROM, with stages, COPY, ADD of files, RUN by the small
// shell (in which unknown programs and what it cannot parse succeed, since such scripts are written for a real one),
// ENV, ARG, USER, WORKDIR, LABEL, EXPOSE, VOLUME, ENTRYPOINT, CMD, HEALTHCHECK NONE. The image's identity is made of the
// base's, the context and the arguments, so that building again gives the same one.
func (e *Engine) Build(ctx context.Context, b driver.Build, sink event.Sink, parent string) error {
	stream, err := b.Context()
	if err != nil {
		return fmt.Errorf("build %s: context: %w", b.Tag, err)
	}
	files, err := readTar(stream)
	if err = errors.Join(err, stream.Close()); err != nil {
		return fmt.Errorf("build %s: %w", b.Tag, err)
	}
	dockerfile := files[path.Clean(b.Dockerfile)]
	if dockerfile == nil {
		return fail(driver.Invalid, "build", "image "+b.Tag, "Cannot locate specified Dockerfile: "+b.Dockerfile)
	}
	if sink == nil {
		sink = event.Discard{}
	}
	return e.do(ctx, "build", func(s *state, now time.Time) error {
		w := &builder{s: s, now: now, files: files, build: b, say: func(line string) {
			sink.Send(event.Event{Parent: parent, Kind: event.Output, Text: line})
		}}
		for _, bad := range s.BadBuilds {
			for _, f := range files {
				if strings.Contains(string(f.Content), bad) {
					return w.failed(instruction{line: 1, text: "RUN"}, "E: Unable to locate "+bad, 100)
				}
			}
		}
		return w.run(instructions(string(dockerfile.Content)))
	})
}

type builder struct {
	s     *state
	now   time.Time
	files map[string]*file // of the context
	build driver.Build
	say   func(line string)

	base  *image
	box   *box // the build container, with the layer so far
	fact  resource.ImageFact
	lines []string

	stages map[string]builder // that are done, by name
}

type instruction struct {
	line int
	word string // upper case
	rest string
	text string
}

// instructions joins continued lines and leaves out comments.
func instructions(text string) []instruction {
	var out []instruction
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		at, line := i+1, strings.TrimSpace(lines[i])
		for strings.HasSuffix(line, "\\") && i+1 < len(lines) {
			i++
			line = strings.TrimSuffix(line, "\\") + strings.TrimSpace(lines[i])
		}
		if line == "" || line[0] == '#' {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		out = append(out, instruction{line: at, word: strings.ToUpper(word), rest: strings.TrimSpace(rest), text: line})
	}
	return out
}

func (w *builder) run(list []instruction) error {
	for _, in := range list {
		w.say(in.text)
		if in.word == "FROM" && w.base != nil && w.build.Target != "" && strings.HasSuffix(w.stage(), " "+w.build.Target) {
			break
		}
		if err := w.do(in); err != nil {
			return err
		}
	}
	if w.base == nil {
		return fail(driver.Invalid, "build", "image "+w.build.Tag, "no build stage in current context")
	}
	w.finish()
	return nil
}

// stage is the FROM line of the stage that is being built.
func (w *builder) stage() string { return w.box.Name }

func (w *builder) failed(in instruction, output string, code int) error {
	w.say(output)
	part := ""
	if w.build.Locate != nil {
		part = w.build.Locate(in.line)
	}
	return &driver.BuildError{Step: in.text, Line: in.line, Part: part, Lines: slices.Concat(w.lines, strings.Split(strings.TrimSpace(output), "\n")),
		Err: fmt.Errorf("process %q did not complete successfully: exit code: %d", in.text, code)}
}

func (w *builder) do(in instruction) error {
	if w.base == nil && in.word != "FROM" && in.word != "ARG" {
		return w.failed(in, "no build stage in current context", 1)
	}
	list := func() []string {
		var words []string
		if json.Unmarshal([]byte(in.rest), &words) == nil {
			return words
		}
		return strings.Fields(in.rest)
	}
	switch in.word {
	case "FROM":
		return w.from(in)
	case "RUN":
		return w.runStep(in)
	case "COPY", "ADD":
		return w.copyStep(in)
	case "ENV":
		k, v, ok := strings.Cut(in.rest, "=")
		if !ok {
			k, v, _ = strings.Cut(in.rest, " ")
		}
		w.fact.Env = append(slices.DeleteFunc(w.fact.Env, func(e string) bool { return strings.HasPrefix(e, k+"=") }), k+"="+strings.Trim(v, `"'`))
	case "USER":
		w.fact.User = strings.Trim(in.rest, `"`)
	case "WORKDIR":
		w.fact.Workdir = clean("/"+w.fact.Workdir, in.rest)
		_ = w.s.mkdirs(w.box, w.fact.Workdir, w.now) // a file in the way is the run's trouble
	case "LABEL":
		k, v, _ := strings.Cut(in.rest, "=")
		w.fact.Labels[k] = strings.Trim(v, `"`)
	case "EXPOSE":
		for _, p := range list() {
			if !strings.Contains(p, "/") {
				p += "/tcp"
			}
			w.fact.ExposedPorts = append(w.fact.ExposedPorts, p)
		}
	case "VOLUME":
		w.fact.Volumes = append(w.fact.Volumes, list()...)
	case "ENTRYPOINT":
		w.fact.Entrypoint, w.fact.Cmd = w.argv(in.rest), nil
	case "CMD":
		w.fact.Cmd = w.argv(in.rest)
	case "HEALTHCHECK":
		w.fact.Healthcheck = nil
	}
	return nil
}

// argv is the exec form, or the shell form through sh.
func (w *builder) argv(text string) []string {
	var words []string
	if strings.HasPrefix(text, "[") && json.Unmarshal([]byte(text), &words) == nil {
		return words
	}
	return []string{"/bin/sh", "-c", text}
}

func (w *builder) from(in instruction) error {
	if w.base != nil {
		if w.stages == nil {
			w.stages = map[string]builder{}
		}
		if words := strings.Fields(w.stage()); len(words) > 2 {
			w.stages[words[len(words)-1]] = *w
		}
	}
	if strings.HasPrefix(in.rest, "--") { // it has one platform only
		_, in.rest, _ = strings.Cut(in.rest, " ")
	}
	ref, _, _ := strings.Cut(in.rest, " ")
	for k, v := range w.build.Args {
		ref = strings.NewReplacer("${"+k+"}", v, "$"+k, v).Replace(ref)
	}
	if done, ok := w.stages[ref]; ok {
		w.base, w.fact = done.base, done.fact
		w.start(in, maps.Clone(done.box.Layer))
		return nil
	}
	w.base = w.s.image(ref)
	if w.base == nil && !w.s.Offline {
		if w.base = w.s.fromRegistry(ref); w.base != nil {
			w.s.addImage(ref, w.base)
		}
	}
	if w.base == nil {
		return w.failed(in, ref+": not found", 1)
	}
	w.fact = w.base.Fact
	w.start(in, map[string]*file{})
	return nil
}

// start begins a stage with the files of another one.
func (w *builder) start(in instruction, layer map[string]*file) {
	w.fact.Env, w.fact.Volumes, w.fact.ExposedPorts = slices.Clone(w.fact.Env), slices.Clone(w.fact.Volumes), slices.Clone(w.fact.ExposedPorts)
	w.fact.Labels = maps.Clone(w.fact.Labels)
	if w.fact.Labels == nil {
		w.fact.Labels = map[string]string{}
	}
	w.box = &box{Name: in.rest, Hostname: "buildkitsandbox", ImageID: w.base.Fact.ID, Layer: layer, State: resource.StateRunning}
}

// runStep runs a RUN, with bind mounts of the context.
func (w *builder) runStep(in instruction) error {
	rest, mounts := in.rest, map[string]string{}
	for strings.HasPrefix(rest, "--") {
		var flag string
		flag, rest, _ = strings.Cut(rest, " ")
		options := map[string]string{}
		for _, o := range strings.Split(strings.TrimPrefix(flag, "--mount="), ",") {
			k, v, _ := strings.Cut(o, "=")
			options[k] = v
		}
		if options["type"] == "bind" {
			mounts[options["target"]] = options["source"]
		}
	}
	run := *w.box
	for target, source := range mounts {
		m := run.tmpfs(target)
		run.Spec.Mounts = append(run.Spec.Mounts, resource.MountSpec{Type: resource.MountTmpfs, Target: target})
		for name, f := range w.files {
			if below, ok := under("/"+name, path.Clean("/"+source)); ok {
				m[below] = f
			}
		}
	}
	run.Spec.Env = w.build.Args
	p := w.s.newProcess(&run, w.argv(rest), w.fact.User, w.fact.Workdir)
	for _, e := range w.fact.Env {
		k, v, _ := strings.Cut(e, "=")
		p.Env[k] = v
	}
	p.EOF = true
	if step := w.files["packages/step"]; step != nil && slices.Contains(slices.Collect(maps.Values(mounts)), "packages") {
		if problem := w.install(string(step.Content)); problem != "" {
			return w.failed(in, problem, 100)
		}
	}
	var out strings.Builder
	m := machine{s: w.s, b: &run, p: p, now: w.now, lenient: true, nested: true, emit: func(_ int, text string) { out.WriteString(text) }}
	m.run()
	if p.Code != 0 {
		return w.failed(in, out.String(), p.Code)
	}
	for line := range strings.Lines(out.String()) {
		w.say(strings.TrimSuffix(line, "\n"))
		w.lines = append(w.lines, strings.TrimSuffix(line, "\n"))
	}
	return nil
}

// install is a package manager whose mirror has everything, in one version: the step's words are "name" or "name=version".
// It writes down what it installed where the step does.
func (w *builder) install(script string) (problem string) {
	_, words, _ := strings.Cut(script, "\nset --")
	words, _, _ = strings.Cut(words, "\n")
	has := cmp.Or(w.s.Mirror, "1.0")
	var lines []string
	for _, word := range strings.Fields(strings.ReplaceAll(words, "'", "")) {
		name, version, pinned := strings.Cut(word, "=")
		if pinned && version != has {
			return fmt.Sprintf("E: Version '%s' for '%s' was not found", version, name)
		}
		lines = append(lines, name+" "+has+"\n")
	}
	slices.Sort(lines)
	file := &file{Content: []byte(strings.Join(lines, "")), Mode: 0o644, MTime: w.now}
	if err := w.s.putAll(w.box, "/usr/share/envy/packages", file); err != nil {
		return err.Error()
	}
	return ""
}

func (w *builder) copyStep(in instruction) error {
	words := slices.DeleteFunc(strings.Fields(in.rest), func(s string) bool { return strings.HasPrefix(s, "--") })
	if len(words) < 2 {
		return w.failed(in, in.word+" requires at least two arguments", 1)
	}
	target := clean("/"+w.fact.Workdir, words[len(words)-1])
	for _, source := range words[:len(words)-1] {
		found := false
		for name, f := range w.files {
			below, ok := under("/"+name, path.Clean("/"+source))
			if !ok {
				continue
			}
			found = true
			to := path.Join(target, below)
			if below == "/" && strings.HasSuffix(words[len(words)-1], "/") {
				to = path.Join(target, path.Base(name))
			}
			c := *f
			if err := w.s.putAll(w.box, to, &c); err != nil && !f.Dir {
				return w.failed(in, fmt.Sprintf("%s: %v", to, err), 1)
			}
		}
		if !found && !strings.Contains(in.rest, "--from") {
			return w.failed(in, source+": not found", 1)
		}
	}
	return nil
}

// finish makes the image, under the identity of all that went into it.
func (w *builder) finish() {
	maps.Copy(w.fact.Labels, w.build.Labels)
	text := w.base.Fact.BaseID
	for _, name := range slices.Sorted(maps.Keys(w.files)) {
		text += "\x00" + name + "\x00" + string(w.files[name].Content)
	}
	for _, k := range slices.Sorted(maps.Keys(w.build.Args)) {
		text += "\x00" + k + "=" + w.build.Args[k]
	}
	if f := w.box.Layer["/usr/share/envy/packages"]; f != nil {
		text += "\x00" + string(f.Content)
	}
	text += "\x00" + w.build.Target + w.build.Platform
	w.fact.ID, w.fact.BaseID, w.fact.Digests = "", "", nil
	w.fact.Layers = append(slices.Clone(w.base.Fact.Layers), "sha256:"+resource.Digest("layer "+text))
	w.fact.Recipe = w.fact.Labels[resource.LabelRecipe]
	made := &image{Fact: w.fact, Manager: w.base.Manager, Programs: w.base.Programs, Users: w.base.Users, Files: maps.Clone(w.base.Files), Created: w.now}
	for p, f := range w.box.Layer {
		if f.Gone {
			delete(made.Files, p)
			continue
		}
		made.Files[p] = f
		made.Fact.Size += int64(len(f.Content))
	}
	made.identify(text)
	w.s.addImage(w.build.Tag, made)
}
