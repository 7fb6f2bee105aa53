package dockerfile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/envyhq/envy/internal/lazyre"
)

// Bases are the images of a build.
type Bases struct {
	Images   []Image // each name once, as they come in the file
	Problems []Problem

	text string
}

// Image is an image by the name under which the builder looks for it.
type Image struct {
	Reference string
	Platforms []string // of FROM --platform, as written; "" is that of the build
	Line      int      // of the first use

	places []place
}

// Problem is what was not understood for sure: the images there are unknown.
type Problem struct {
	Line int // 0: it is about the whole
	Text string
}

// place is a piece of the file.
type place struct{ from, to int }

// Read finds the images of the stages that target, "" for the last, is built from. args are the arguments of the build.
func Read(text, target string, args map[string]string) Bases {
	b := Bases{text: text}
	r := newReader(text)
	if frontend := cmp.Or(args["BUILDKIT_SYNTAX"], r.head.syntax); frontend != "" && !known(frontend) {
		b.problem(0, "it is for the frontend %s", shortened(frontend))
		return b
	}
	f := file{args: arguments{given: args, declared: map[string]argument{}, escape: r.head.escape}}
	for {
		in, ok, problem := r.read()
		if problem != "" {
			b.problem(in.line, "%s", problem)
			return b
		}
		if !ok {
			break
		}
		if f.take(in); len(f.stages) > maxStages || f.named > maxUses {
			b.problem(in.line, "there are too many stages, or places that name one")
			return b
		}
	}
	b.collect(f.uses(target))
	return b
}

// A file with more than these is left to the builder.
const (
	maxStages = 500
	maxUses   = 2000
)

// known reports a frontend that reads what this package does, at any registry.
func known(frontend string) bool {
	name, _, _ := strings.Cut(frontend, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name = name[:i]
	}
	name = "/" + name
	return strings.HasSuffix(name, "/docker/dockerfile") || strings.HasSuffix(name, "/docker/dockerfile-upstream")
}

func (b *Bases) problem(line int, format string, values ...any) {
	b.Problems = append(b.Problems, Problem{line, fmt.Sprintf(format, values...)})
}

// reference is a name that an image can have.
var reference = lazyre.New(`^[A-Za-z0-9]([A-Za-z0-9._:/@-]*[A-Za-z0-9_])?$`)

// collect puts uses of the same image together. One that cannot be written on in every place is unknown.
func (b *Bases) collect(uses []use) {
	unknown := map[string]bool{}
	for _, u := range uses {
		at, whole := u.in.place(u.token)
		switch {
		case u.problem != "":
			b.problem(u.in.line, "%s: %s", shortened(u.in.of(u.token)), u.problem)
			continue
		case len(u.name) > maxName || !reference.MatchString(u.name):
			b.problem(u.in.line, "%q is no image's name", shortened(u.name))
			continue
		case !whole:
			b.problem(u.in.line, "%s goes over more than one line", shortened(u.name))
			unknown[u.name] = true
		}
		i := slices.IndexFunc(b.Images, func(i Image) bool { return i.Reference == u.name })
		if i < 0 {
			i = len(b.Images)
			b.Images = append(b.Images, Image{Reference: u.name, Line: u.in.line})
		}
		image := &b.Images[i]
		image.places = append(image.places, at)
		if !slices.Contains(image.Platforms, u.platform) {
			image.Platforms = append(image.Platforms, u.platform)
		}
	}
	b.Images = slices.DeleteFunc(b.Images, func(i Image) bool { return unknown[i.Reference] })
	if more := len(b.Problems) - maxProblems; more > 0 {
		b.Problems = b.Problems[:maxProblems]
		b.problem(0, "and %d more", more)
	}
}

// maxProblems are told, each in so many letters.
const maxProblems = 10

func shortened(s string) string {
	if len(s) > 100 {
		return s[:100] + "…"
	}
	return s
}

// Pin is the file with digests behind the images' names, for which digest gives one ("" is none). Every instruction stays on
// its line.
func (b Bases) Pin(digest func(reference string) string) string {
	type edit struct {
		place
		text string
	}
	var edits []edit
	for _, i := range b.Images {
		if d := digest(i.Reference); d != "" {
			for _, p := range i.places {
				edits = append(edits, edit{p, i.Reference + "@" + d})
			}
		}
	}
	slices.SortFunc(edits, func(x, y edit) int { return cmp.Compare(x.from, y.from) })
	var out strings.Builder
	at := 0
	for _, e := range edits {
		out.WriteString(b.text[at:e.from] + e.text)
		at = e.to
	}
	out.WriteString(b.text[at:])
	return out.String()
}

// file is what was read of a Dockerfile.
type file struct {
	args   arguments
	stages []stage
	named  int // places in them that name an image or a stage
}

type stage struct {
	name string // lower case, "" for none
	base use
	from []use // of COPY and RUN
}

// use is a place that names an image or a stage.
type use struct {
	in       instruction
	token    token
	name     string // with arguments put in
	problem  string // why that is not known
	platform string
}

func (f *file) take(in instruction) {
	words := in.words()[1:]
	switch {
	case in.word == "FROM":
		f.from(in, words)
	case len(f.stages) == 0:
		if in.word == "ARG" {
			f.args.declare(in)
		}
	case in.word == "COPY":
		f.copies(in, words)
	case in.word == "RUN":
		f.mounts(in, words)
	}
}

func (f *file) from(in instruction, words []token) {
	s := stage{base: use{in: in}}
	for len(words) > 0 && strings.HasPrefix(in.of(words[0]), "--") {
		if platform, ok := strings.CutPrefix(in.of(words[0]), "--platform="); ok {
			s.base.platform = platform
		}
		words = words[1:]
	}
	switch {
	case len(words) == 3 && strings.EqualFold(in.of(words[1]), "as"):
		s.name = strings.ToLower(in.of(words[2]))
	case len(words) != 1:
		s.base.problem = "it is no FROM with one image"
		s.base.token = token{0, len("FROM")}
	}
	if s.base.problem == "" {
		s.base.token = words[0]
		s.base.name, s.base.problem = f.args.expand(in.of(words[0]))
	}
	f.stages = append(f.stages, s)
}

// copies reads COPY --from=NAME.
func (f *file) copies(in instruction, words []token) {
	for _, w := range f.flags(in, words) {
		if strings.HasPrefix(in.of(w), "--from=") {
			f.add(in, token{w.from + len("--from="), w.to})
		}
	}
}

// mounts reads RUN --mount=…,from=NAME; the last one of a mount counts.
func (f *file) mounts(in instruction, words []token) {
	for _, w := range f.flags(in, words) {
		if !strings.HasPrefix(in.of(w), "--mount=") {
			continue
		}
		at, from := w.from+len("--mount="), token{}
		for _, field := range strings.Split(in.text[at:w.to], ",") {
			if key, value, ok := strings.Cut(field, "="); ok && strings.EqualFold(key, "from") {
				from = token{at + len(field) - len(value), at + len(field)}
			}
			at += len(field) + 1
		}
		f.add(in, from)
	}
}

// flags are the words in front of an instruction's own that begin with two dashes. With quotes in them it is not clear where
// they end.
func (f *file) flags(in instruction, words []token) []token {
	n := 0
	for n < len(words) && strings.HasPrefix(in.of(words[n]), "--") {
		flag := in.of(words[n])
		quoted := strings.ContainsAny(flag, `"'\`) || strings.IndexByte(flag, f.args.escape) >= 0 || strings.ContainsFunc(flag, notASCII)
		if n++; quoted && strings.Contains(strings.ToLower(in.text), "from") {
			f.put(use{in: in, token: words[n-1], problem: "it has quotes, escapes or other letters than ASCII's"})
			return nil
		}
	}
	return words[:n]
}

func notASCII(r rune) bool { return r > unicode.MaxASCII }

// add is a further use in the last stage; no arguments are put into those.
func (f *file) add(in instruction, t token) {
	u := use{in: in, token: t, name: in.of(t)}
	if u.name == "" {
		return
	}
	if strings.Contains(u.name, "$") {
		u.problem = "it has an expression that is left to the builder"
	}
	f.put(u)
}

func (f *file) put(u use) {
	s := &f.stages[len(f.stages)-1]
	s.from = append(s.from, u)
	f.named++
}

// stageOf is the last stage of a name among the first n, -1 for none.
func (f *file) stageOf(name string, n int) int {
	for i := n - 1; i >= 0 && name != ""; i-- {
		if f.stages[i].name == strings.ToLower(name) {
			return i
		}
	}
	return -1
}

// indexed is a stage by its name or number.
func (f *file) indexed(name string) (n int, ok bool) {
	if n = f.stageOf(name, len(f.stages)); n >= 0 {
		return n, true
	}
	n, err := strconv.Atoi(name)
	return n, err == nil
}

// uses are those of images in the stages that a target needs.
func (f *file) uses(target string) []use {
	last := len(f.stages) - 1
	if n, ok := f.indexed(target); target != "" && ok {
		last = n
	} else if target != "" {
		return nil // there is no such stage: the builder says so
	}
	needed := make([]bool, len(f.stages))
	open := []int{last}
	for len(open) > 0 {
		n := open[len(open)-1]
		if open = open[:len(open)-1]; n < 0 || n >= len(f.stages) || needed[n] {
			continue
		}
		needed[n] = true
		open = append(open, f.needs(n)...)
	}
	var out []use
	for n, s := range f.stages {
		if !needed[n] {
			continue
		}
		if s.base.problem != "" || s.base.name != emptyImage && f.stageOf(s.base.name, n) < 0 {
			out = append(out, s.base)
		}
		for _, u := range s.from {
			if _, own := f.indexed(u.name); u.problem != "" || !own && u.name != emptyImage {
				out = append(out, u)
			}
		}
	}
	return out
}

// emptyImage is the name of nothing.
const emptyImage = "scratch"

// needs are the stages that one is made from. Where a name is not known it may be any of those before.
func (f *file) needs(n int) []int {
	s := f.stages[n]
	var out []int
	if s.base.problem != "" {
		for i := range n {
			out = append(out, i)
		}
	}
	out = append(out, f.stageOf(s.base.name, n))
	for _, u := range s.from {
		i, ok := f.indexed(u.name)
		switch {
		case u.problem != "":
			for i := range f.stages {
				out = append(out, i)
			}
		case ok:
			out = append(out, i)
		}
	}
	return out
}

// String says where and what, for people.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.Text
	}
	return fmt.Sprintf("line %d: %s", p.Line, p.Text)
}
