package config

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/envyhq/envy/internal/diag"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// mark travels with a value through expressions.
type mark string

const (
	sensitive mark = "sensitive" // may stand only where it does not travel
	quiet     mark = "quiet"     // from a dotenv file: plain, but no message quotes it
	hostSized mark = "host"      // from host.cpus or host.memory: never forces a replacement
	own       mark = "own"       // of whoever runs envy, not of the project: plain, but it does not travel
)

// Load is Parse and Evaluate, with the problems of both in the order of the file. The Project is nil when there is an error.
func Load(ctx context.Context, v Values, layers ...Source) (*Project, diag.List) {
	file, list := ParseWith(ctx, v.Definitions, layers...)
	if file == nil {
		return nil, list
	}
	project, more := file.Evaluate(ctx, v)
	list = append(list, more...)
	list.Sort()
	if list.HasErrors() {
		return nil, list
	}
	return project, list
}

// Evaluate turns the Envfile into a Project under the given values. It reports what it finds itself; what Parse reported
// is not said again, but counts towards the limit. The Project is nil when there is an error, here or in Parse. Evaluation
// ends after five seconds, or when ctx does, with a diagnostic that names the expression.
func (f *Envfile) Evaluate(ctx context.Context, v Values) (*Project, diag.List) {
	ctx, cancel := context.WithTimeout(ctx, evaluationTime)
	defer cancel()
	if f.untrusted {
		return nil, nil
	}
	e := newEvaluation(ctx, f, v)
	project := e.run()
	list := e.p.list()
	if f.failed || list.HasErrors() {
		return nil, list
	}
	return project, list
}

// Name is the project's name, as far as that can be told of a file that may not be well: as written, else
// Values.DefaultName.
func (f *Envfile) Name(ctx context.Context, v Values) string {
	ctx, cancel := context.WithTimeout(ctx, evaluationTime)
	defer cancel()
	e := newEvaluation(ctx, f, v)
	e.variables()
	e.evalLocals(tierValues)
	pr := &Project{}
	e.project(pr)
	return pr.Name
}

// evaluation is one run of Evaluate.
type evaluation struct {
	file   *Envfile
	v      Values
	p      *problems
	over   func() error // see guard
	guard  *guard
	host   *hostFunctions
	funcs  map[string]function.Function
	vars   map[string]cty.Value
	locals map[string]cty.Value
	boxes  cty.Value // box.*; nil value before ports are known
	self   cty.Value // of the box at hand
	base   *hcl.EvalContext
	name   string // the project's
	named  bool
	cache  map[*attr]decoded
	gate   gateList
	late   bool // time is up: reported once
	// bound are values of definitions' variables and locals; those in boundSelf are the box at hand's.
	bound, boundSelf map[*binding]cty.Value
	wholes           map[wholeKey]cty.Value // of bound values
	checked          map[*module]bool
	places           map[string]Location // where paths of the host lead
	// secrets are strings that no message may quote.
	secrets map[string]bool
}

func newEvaluation(ctx context.Context, f *Envfile, v Values) *evaluation {
	e := &evaluation{
		file: f, v: v, p: newProblems(append(slices.Clip(f.sources), f.definitions...)), over: overWhen(ctx), guard: &f.guard,
		vars: map[string]cty.Value{}, locals: map[string]cty.Value{}, cache: map[*attr]decoded{}, secrets: map[string]bool{},
		bound: map[*binding]cty.Value{}, boundSelf: map[*binding]cty.Value{}, checked: map[*module]bool{}, wholes: map[wholeKey]cty.Value{},
		places: map[string]Location{},
	}
	e.p.named = f.named
	e.gate.entries = slices.Clone(f.asks.entries)
	f.guard.steps = 0
	e.p.limit = max(0, maxProblems-f.reported)
	for _, file := range v.VarFiles {
		e.p.sources[file.Name] = nil
	}
	e.host = &hostFunctions{e: e, reads: map[string]bool{}, files: map[string][]byte{}}
	e.funcs = functions(e.guard, e.host)
	return e
}

// run evaluates in the order that values need: variables, the project, what decides about boxes and ports, the rest.
func (e *evaluation) run() *Project {
	e.variables()
	e.evalLocals(tierValues)
	pr := &Project{Dir: e.v.Dir, File: e.file.sources[0].Name}
	e.project(pr)
	e.evalLocals(tierProject)
	plans := e.planBoxes()
	e.ports(plans)
	e.boxes, e.base = boxValues(plans), nil
	e.evalLocals(tierPorts)
	e.networks(pr)
	e.teamCache(pr)
	for _, plan := range plans {
		if e.stopped(plan.node) {
			break
		}
		pr.Boxes = append(pr.Boxes, e.box(pr, plan))
	}
	e.enterBox(cty.NilVal)
	if envy := e.file.root.find("envy", ""); envy != nil {
		pr.Message = e.decode(envy).str("message")
	}
	e.checkProject(pr)
	pr.Gate = e.gate.list(e.p)
	pr.Reads = keys(e.host.reads)
	return pr
}

func (e *evaluation) evalLocals(t tier) {
	for _, l := range e.file.locals {
		if e.late {
			break
		}
		if l.tier != t {
			continue
		}
		v, ok := e.valueIn(l.attr, l.attr.layers[0], e.localScope(l))
		if !ok {
			v = cty.DynamicVal
		}
		e.locals[l.attr.name] = v
	}
	e.base = nil
}

// localScope is what a local sees: of its kind only those that it reads, so that many cost no more than each.
func (e *evaluation) localScope(l *local) *hcl.EvalContext {
	read := map[string]cty.Value{}
	for _, name := range l.reads {
		if v, ok := e.locals[name]; ok {
			read[name] = v
		}
	}
	if l.whole {
		read = e.locals
	}
	child := e.scope().NewChild()
	child.Variables = map[string]cty.Value{"local": cty.ObjectVal(read)}
	return child
}

// project settles the project's name and checks `requires`.
func (e *evaluation) project(pr *Project) {
	pr.Name, pr.NameRange = e.v.DefaultName, diag.Range{File: pr.File}
	if envy := e.file.root.find("envy", ""); envy != nil {
		d := e.decodeSome(envy, "name", "requires", "bootstrap")
		pr.Bootstrap = d.flag("bootstrap", false)
		if name, ok := get[string](d, "name"); ok {
			pr.Name, pr.NameRange = name, toRange(envy.attrs["name"].at())
		} else {
			pr.NameRange = toRange(envy.header)
		}
		pr.Requires = d.str("requires")
		if pr.Requires != "" && e.v.Version != "" && !versionAllowed(pr.Requires, e.v.Version) {
			e.p.errorf(envy.attrs["requires"].at(), "this Envfile requires envy %s; this is %s", d.shown("requires", pr.Requires), e.v.Version)
		}
	}
	if e.v.Name != "" {
		pr.Name = e.v.Name
	}
	e.name, e.named, e.base = pr.Name, true, nil
}

// scope is what expressions see now.
func (e *evaluation) scope() *hcl.EvalContext {
	if e.base == nil {
		e.base = e.baseScope()
	}
	if e.self == cty.NilVal {
		return e.base
	}
	child := e.base.NewChild()
	child.Variables = map[string]cty.Value{"self": e.self}
	return child
}

func (e *evaluation) baseScope() *hcl.EvalContext {
	project := map[string]cty.Value{"dir": cty.StringVal(e.v.Dir)}
	if e.named {
		project["name"] = cty.StringVal(e.name)
	}
	h := e.v.Host
	vars := map[string]cty.Value{
		"var":     cty.ObjectVal(e.vars),
		"local":   cty.ObjectVal(e.locals),
		"project": cty.ObjectVal(project),
		"host": cty.ObjectVal(map[string]cty.Value{
			"uid": cty.NumberIntVal(int64(h.UID)), "gid": cty.NumberIntVal(int64(h.GID)),
			"os": cty.StringVal(h.OS), "arch": cty.StringVal(h.Arch),
			"cpus":   cty.NumberIntVal(int64(h.CPUs)).Mark(hostSized),
			"memory": cty.NumberIntVal(h.Memory).Mark(hostSized),
		}),
	}
	if e.boxes != cty.NilVal {
		vars["box"] = e.boxes
	}
	return &hcl.EvalContext{Variables: vars, Functions: e.funcs}
}

// value evaluates one expression; false: it failed here or before, and that is reported.
func (e *evaluation) value(a *attr, l layer) (cty.Value, bool) {
	if a.bad || e.timeUp(a, l.expr.Range()) {
		return cty.DynamicVal, false
	}
	return e.valueIn(a, l, e.scopeOf(l))
}

func (e *evaluation) valueIn(a *attr, l layer, scope *hcl.EvalContext) (cty.Value, bool) {
	at := l.expr.Range()
	if a.bad || e.timeUp(a, at) {
		return cty.DynamicVal, false
	}
	e.guard.start(e.over)
	e.host.of(l.in)
	e.host.at, e.host.attr = at, a
	v, diags := l.expr.Value(scope)
	if err := e.guard.err; err != nil {
		e.refused(a, at, err)
		return cty.DynamicVal, false
	}
	if diags.HasErrors() {
		for _, d := range diags {
			e.addEvaluation(at, d)
		}
		return cty.DynamicVal, false
	}
	if err := size(v); err != nil {
		e.p.errorf(at, "`%s` %s", a.name, err)
		return cty.DynamicVal, false
	}
	if l.in == nil && e.file.personal(at.Filename) {
		v = v.Mark(own)
	}
	if v.IsWhollyKnown() {
		return v, true
	}
	if !e.p.failed() && !e.file.failed {
		// Only what failed is unknown; a value that comes out so by itself must not pass for one that is not written.
		e.p.errorf(at, "the value of `%s` cannot be told", a.name)
	}
	return v, false
}

// timeUp reports once that evaluation took too long.
func (e *evaluation) timeUp(a *attr, at hcl.Range) bool {
	err := e.over()
	if err != nil {
		e.refused(a, at, err)
	}
	return err != nil
}

// stopped reports that time is up, and says so once: for work between expressions.
func (e *evaluation) stopped(n *node) bool {
	err := e.over()
	if err != nil && !e.late {
		e.late = true
		e.p.errorf(n.header, "%s", err).detail = "in " + n.describe()
	}
	return err != nil
}

func (e *evaluation) refused(a *attr, at hcl.Range, err error) {
	if errors.Is(err, errSlow) || errors.Is(err, errInterrupted) || errors.Is(err, errSteps) {
		if e.late {
			return
		}
		e.late = true
	}
	e.p.errorf(at, "%s", err).detail = fmt.Sprintf("in the expression of `%s`", a.name)
}

// addEvaluation takes a finding of HCL's evaluation. What it says may hold a value (a missing key, say); functions are
// wrapped so that theirs do not quote what is secret.
func (e *evaluation) addEvaluation(at hcl.Range, d *hcl.Diagnostic) {
	if d.Subject != nil && d.Subject.Filename == at.Filename {
		at = *d.Subject
	}
	pr := e.p.add(&problem{at: at, summary: d.Summary, detail: d.Detail, warning: d.Severity != hcl.DiagError})
	if e.quotesSecret(d.Detail) {
		pr.detail = "what it says is not shown: it holds a value that is sensitive or from a dotenv file"
	}
}

// quotesSecret reports whether a message holds a value that none may show. Short ones count only where they stand in
// quotes, as values do.
func (e *evaluation) quotesSecret(message string) bool {
	for s := range e.secrets {
		if len(s) > 3 && strings.Contains(message, s) || strings.Contains(message, fmt.Sprintf("%q", s)) {
			return true
		}
	}
	return false
}

// boxValues is box.*: name and ports of each box, of the first of a counted one.
func boxValues(plans []*boxPlan) cty.Value {
	values := map[string]cty.Value{}
	for _, plan := range plans {
		if plan.index == 1 {
			values[plan.node.label] = cty.ObjectVal(map[string]cty.Value{
				"name": cty.StringVal(plan.name), "port": portValues(plan),
			})
		}
	}
	return cty.ObjectVal(values)
}

func portValues(plan *boxPlan) cty.Value {
	values := map[string]cty.Value{}
	for _, port := range plan.ports {
		values[port.Label] = cty.ObjectVal(map[string]cty.Value{
			"guest": cty.NumberIntVal(int64(port.Guest)), "host": cty.NumberIntVal(int64(port.Host)),
		})
	}
	return cty.ObjectVal(values)
}

// selfValue is self.*; without ports before they are known.
func selfValue(plan *boxPlan, ports bool) cty.Value {
	values := map[string]cty.Value{"name": cty.StringVal(plan.name), "index": cty.NumberIntVal(int64(plan.index))}
	if ports {
		values["port"] = portValues(plan)
	}
	return cty.ObjectVal(values)
}

// hasMark reports whether a mark is on the value or on anything inside it.
func hasMark(v cty.Value, m mark) bool {
	if v.Type().IsPrimitiveType() { // most are, and there are many
		return v.HasMark(m)
	}
	_, paths := v.UnmarkDeepWithPaths()
	for _, pm := range paths {
		if _, ok := pm.Marks[m]; ok {
			return true
		}
	}
	return false
}

// objectEntries lists the entries of an object or map, sorted by key; the marks of the whole go to each.
func objectEntries(v cty.Value) ([]string, map[string]cty.Value) {
	v, marks := v.Unmark()
	entries := map[string]cty.Value{}
	for it := v.ElementIterator(); it.Next(); {
		k, e := it.Element()
		k, keyMarks := k.Unmark()
		entries[k.AsString()] = e.WithMarks(marks, keyMarks)
	}
	names := keys(entries)
	sort.Strings(names)
	return names, entries
}
