package timing

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// Report is where the time went. Times are since the command began.
type Report struct {
	Total  time.Duration
	Phases []Phase // in the order in which they were done last
	Steps  []Step  // in the order they began
	Hits   []Hits  // images that were there already
}

// Phase is a part of the command: reading, observing, planning, applying.
type Phase struct {
	Name  string
	Began time.Duration
	Took  time.Duration
}

// Step is one piece of work.
type Step struct {
	Subject  string // an address: box.web
	Op       string // what was done, as in plans; of a part, what the build calls it
	Began    time.Duration
	Took     time.Duration
	Waited   time.Duration // from when it could have begun: for others, of which only so many run at once
	Result   Result
	Critical bool // on the chain that ended last: a quicker one would have ended the command sooner
	Cache    Cache
	Why      string // of Cache
	Parts    []Step // of a build

	parts []*task
}

// Result is how a step ended.
type Result string

// The results. A step that was still under way has none.
const (
	Done    Result = "done"
	Failed  Result = "failed"
	Skipped Result = "skipped"
)

// Cache says whether the result was there already.
type Cache string

// The words for it; "" where that is no question.
const (
	Hit  Cache = "hit"
	Miss Cache = "miss"
)

// Hits is an image that a box was made from without anything being done for it.
type Hits struct{ Subject, Why string }

// Report says where the time went until now.
func (r *Recorder) Report() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endPhase()
	r.chain()
	out := Report{Total: r.since.Sub(r.began), Phases: slices.Clone(r.phases), Hits: r.hits()}
	for _, t := range r.tasks {
		s := t.Step
		r.judge(t, &s)
		s.Parts, s.parts = partsOf(s), nil
		out.Steps = append(out.Steps, s)
	}
	return out
}

// partsOf are the parts of a build, with whether the engine's build cache had them.
func partsOf(s Step) []Step {
	var out []Step
	anew := false
	for _, t := range s.parts {
		p := t.Step
		switch {
		case !isInstruction(p.Op):
			p.Cache = "" // a base, or what envy has no part in
		case p.Cache == Hit:
			p.Why = "in the engine's build cache"
		case p.Result == Done:
			p.Cache, p.Why = Miss, "not in the engine's build cache"
			if anew && s.Op == string(plan.OpBuildLayers) { // they stand on one another
				p.Why = "what it stands on was made anew"
			}
			anew = true
		}
		out = append(out, p)
	}
	return out
}

// isInstruction reports whether a part makes a layer: of a recipe, or of a Dockerfile.
func isInstruction(text string) bool {
	word, _, _ := strings.Cut(text, " ")
	return text == "packages" || strings.HasPrefix(text, "setup.") || slices.Contains([]string{"RUN", "COPY", "ADD", "WORKDIR"}, word)
}

// judge says whether the result of a step was there already, and why not.
func (r *Recorder) judge(t *task, s *Step) {
	switch plan.Op(s.Op) {
	case plan.OpPull:
		s.Cache, s.Why = Miss, "not on the engine"
	case plan.OpLoad:
		s.Cache, s.Why = Miss, "the archive's image is not on the engine"
	case plan.OpBuild:
		if s.Cache, s.Why = Miss, "no image of this context is on the engine"; r.rebuild {
			s.Why = "--build"
		}
	case plan.OpBuildLayers:
		cause := r.causes[s.Subject]
		switch {
		case s.Cache == Hit:
			s.Why = "taken from the team cache"
		case cause != "":
			s.Cache, s.Why = Miss, "no image of this recipe is on the engine; "+cause
		default:
			s.Cache, s.Why = Miss, "no image of this recipe is on the engine"
		}
	case plan.OpProvision:
		s.Cache, s.Why = Miss, cmp.Or(r.reason(t), "the box is new")
	}
}

// reason is the plan's for running a provisioner in a box that was there.
func (r *Recorder) reason(t *task) string {
	if t.plan == 0 {
		return ""
	}
	for _, c := range r.plans[t.plan-1].Changes {
		if c.Address.Kind == resource.KindProvision && c.Address.String() == t.Subject {
			return c.Reason
		}
	}
	return ""
}

// hits are the images of boxes that were made, which no step made or fetched.
func (r *Recorder) hits() []Hits {
	done := map[string]bool{}
	for _, t := range r.tasks {
		done[t.Subject] = true
	}
	var out []Hits
	for _, p := range r.plans {
		for _, s := range p.Steps {
			if s.Op != plan.OpCreateBox || s.Create == nil || s.Create.Image == "" {
				continue
			}
			subject := resource.Address{Kind: resource.KindImage, Name: s.Create.Image}.String()
			if done[subject] {
				continue
			}
			done[subject] = true
			h := Hits{Subject: subject, Why: "on the engine"}
			if s.Create.Spec.Image.Derived() {
				h.Why = "its recipe's image is on the engine"
			}
			out = append(out, h)
		}
	}
	return out
}

// group is work of which nothing begins before all else of it could: the steps of one plan, or what a phase does outside of plans.
type group struct {
	plan  *plan.Plan
	tasks []*task
	steps map[int]*task // of a plan, by id
}

// chain marks, in each group, the steps that ended last one after the other, and says what each waited for beside those that
// it needs.
func (r *Recorder) chain() {
	type key struct {
		plan  int
		phase string
	}
	groups := map[key]*group{}
	for _, t := range r.tasks {
		t.Critical = false
		if t.Result == Skipped || t.plan == 0 && t.phase == Applying {
			continue // a part of some step's work
		}
		k := key{plan: t.plan}
		if t.plan == 0 {
			k.phase = t.phase
		}
		if groups[k] == nil {
			groups[k] = &group{steps: map[int]*task{}}
			if t.plan > 0 {
				groups[k].plan = r.plans[t.plan-1]
			}
		}
		groups[k].tasks = append(groups[k].tasks, t)
		groups[k].steps[t.step] = t
	}
	for _, g := range groups {
		g.mark()
	}
}

// Applying is the phase in which the steps of plans run.
const Applying = "apply"

func (t *task) ended() time.Duration { return t.Began + t.Took }

func (g *group) mark() {
	for _, t := range g.tasks {
		if before := g.before(t); before != nil {
			t.Waited = max(t.Began-before.ended(), 0)
		} else {
			t.Waited = t.Began - g.tasks[0].Began
		}
	}
	last := slices.MaxFunc(g.tasks, func(a, b *task) int { return cmp.Compare(a.ended(), b.ended()) })
	for t := last; t != nil && !t.Critical; t = g.before(t) {
		t.Critical = true
	}
}

// before is what a task could not begin without: of the steps that it needs the one that ended last. Outside of plans it is
// whatever ended last before it.
func (g *group) before(t *task) *task {
	var found *task
	later := func(o *task) {
		if o != nil && o != t && (found == nil || o.ended() > found.ended()) {
			found = o
		}
	}
	if g.plan != nil && t.step >= 1 && t.step <= len(g.plan.Steps) {
		for _, n := range g.plan.Steps[t.step-1].Needs {
			later(g.steps[n])
		}
		return found
	}
	for _, o := range g.tasks {
		if o.ended() <= t.Began {
			later(o)
		}
	}
	return found
}
