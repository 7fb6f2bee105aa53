package plan

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"

	"github.com/envyhq/envy/provision/resource"
)

// Diff compares what is desired with what was observed. It returns questions as long as it needs a closer look at
// something, all of them at once, and asks nothing about a box that needs no action. It never fails: what is wrong with
// the world stands in the plan's Problems. Same input, same plan.
func Diff(in Input) Result {
	p := newPlanner(in)
	p.unfinishedRestore()
	p.claim()
	p.networks()
	for _, w := range in.Desired.Boxes {
		if p.selected[w.Key] || p.follows(w) {
			p.box(w)
		}
	}
	p.removed()
	if in.Options.Only == nil {
		p.staleNetworks()
	}
	p.leftovers()
	p.leavings()
	p.kept()
	p.portClashes()
	p.crowdedNetworks()
	switch {
	case p.stale:
		return Result{Stale: true}
	case len(p.questions) > 0:
		return Result{Questions: p.questions}
	}
	specs := map[string]*resource.BoxSpec{}
	for _, n := range p.now {
		maps.Copy(specs, n.specs)
	}
	return Result{Plan: p.plan, Specs: specs}
}

// planner is the state of one Diff.
type planner struct {
	in        Input
	plan      *Plan
	questions []Question
	selected  map[resource.Key]bool
	now       map[resource.Key]*boxNow
	images    map[string]*imageState
	wanted    map[resource.Key]resource.BoxWanted
	specs     map[resource.Key]hashedSpec
	secrets   map[string][]string // replica → sensitive values
	nets      map[string]*netState
	volumes   map[string]volumeState // address → name and the step that makes it
	claimStep int
	ready     map[resource.Key]int    // the step after which dependents may start; 0: now
	touched   map[resource.Key]bool   // (re)started or made anew by this plan
	remade    map[resource.Key]string // replaced or created: name of the new container
	starting  []starting
	stopped   map[string]int // stops planned ahead, by container id
	down      *wayDown[resource.Key]
	stale     bool
}

// starting is a box that this plan starts, for the check of its ports.
type starting struct {
	w       resource.BoxWanted
	instead []string // ids of containers that hold its ports now and give them up
}

type netState struct {
	wanted resource.NetworkWanted
	id     string // "" when it is made by this plan
	name   string
	step   int
}

type volumeState struct {
	name string
	step int
}

func newPlanner(in Input) *planner {
	p := &planner{
		in: in, plan: &Plan{Version: Version, Project: in.Desired.Identity.Project},
		now: map[resource.Key]*boxNow{}, images: map[string]*imageState{}, wanted: map[resource.Key]resource.BoxWanted{},
		nets: map[string]*netState{}, volumes: map[string]volumeState{}, ready: map[resource.Key]int{},
		touched: map[resource.Key]bool{}, remade: map[resource.Key]string{}, specs: map[resource.Key]hashedSpec{},
		secrets: map[string][]string{}, stopped: map[string]int{},
	}
	p.down = p.restarts()
	for _, w := range in.Desired.Boxes {
		p.wanted[w.Key] = w
		p.secrets[w.Replica()] = SecretsOf(w)
	}
	for _, i := range in.Desired.Images {
		p.images[i.ID] = &imageState{wanted: i, fact: in.Images[i.Reference]}
	}
	p.selected = Selection(in.Desired.Boxes, in.Options.Only)
	p.group()
	return p
}

// Selection is the boxes that an up is about: the named ones and what they depend on, or all that start by themselves.
func Selection(boxes []resource.BoxWanted, only []resource.Key) map[resource.Key]bool {
	out := map[resource.Key]bool{}
	byKey := map[resource.Key]resource.BoxWanted{}
	var visit func(k resource.Key)
	visit = func(k resource.Key) {
		w, ok := byKey[k]
		if !ok || out[k] {
			return
		}
		out[k] = true
		for _, d := range w.DependsOn {
			visit(d)
		}
	}
	for _, w := range boxes {
		byKey[w.Key] = w
	}
	for _, w := range boxes {
		if only == nil && w.Autostart || slices.Contains(only, w.Key) {
			visit(w.Key)
		}
	}
	return out
}

// told reports whether a flag is about this box: with names given, flags are about those boxes and not about what they
// depend on.
func (p *planner) told(w resource.BoxWanted, flag bool) bool {
	only := p.in.Options.Only
	return flag && (only == nil || slices.Contains(only, w.Key))
}

// follows: a box that stands and shares the network of one that this plan restarts or replaces has none any more until
// it is restarted or replaced itself, asked for or not (§2, network_mode).
func (p *planner) follows(w resource.BoxWanted) bool {
	peer, ok := p.peer(w)
	return ok && p.now[w.Key] != nil && (p.touched[peer] || p.remade[peer] != "")
}

// boxNow is the containers that stand for one box.
type boxNow struct {
	final *resource.BoxObserved // under its final name, plain or with in-place digits
	fresh *resource.BoxObserved // .new
	old   *resource.BoxObserved // .old
	extra []*resource.BoxObserved
	runs  []*resource.BoxObserved // throw-away boxes
	specs map[string]*resource.BoxSpec
	bad   bool // a label that cannot be read or is newer: reported, and the box is left alone
}

func (p *planner) group() {
	boxes := slices.Clone(p.in.Observed.Boxes)
	sort.Slice(boxes, func(i, j int) bool { return boxes[i].Name < boxes[j].Name })
	for i := range boxes {
		b := &boxes[i]
		n := p.now[b.Key()]
		if n == nil {
			n = &boxNow{specs: map[string]*resource.BoxSpec{}}
			p.now[b.Key()] = n
		}
		_, suffix, _ := resource.SplitName(b.Name)
		switch {
		case b.Owner.Run != "":
			n.runs = append(n.runs, b)
			continue
		case suffix == resource.SuffixNew && n.fresh == nil:
			n.fresh = b
		case suffix == resource.SuffixOld && n.old == nil:
			n.old = b
		case suffix != resource.SuffixNew && suffix != resource.SuffixOld && n.final == nil:
			n.final = b
		default:
			n.extra = append(n.extra, b)
		}
		p.decode(n, b)
	}
}

func (p *planner) decode(n *boxNow, b *resource.BoxObserved) {
	if want, ok := p.hashed(b.Key()); ok && want.hash == b.SpecHash {
		n.specs[b.ID] = &want.spec // equal fingerprints: nothing to read
		return
	}
	spec, err := resource.DecodeSpec(b.Spec)
	if err == nil {
		n.specs[b.ID] = spec
		return
	}
	n.bad = true
	var newer *resource.NewerSpecError
	if errors.As(err, &newer) {
		p.problem(Problem{
			Summary: fmt.Sprintf("box %q was made by a newer envy", b.Name), Detail: err.Error(),
			Hint: "upgrade envy, or remove the box with the envy that made it", Refused: true,
		})
		return
	}
	p.problem(Problem{
		Summary: fmt.Sprintf("the label of box %q cannot be read", b.Name), Detail: err.Error(),
		Hint: fmt.Sprintf("look at it with: docker inspect %s", b.Name),
	})
}

// hashedSpec is a wanted spec with its fingerprint.
type hashedSpec struct {
	spec resource.BoxSpec
	hash string
}

// hashed gives the wanted spec of a box; not ok where none is wanted or its image is not there.
func (p *planner) hashed(k resource.Key) (hashedSpec, bool) {
	if h, ok := p.specs[k]; ok {
		return h, h.spec.Image.Base != ""
	}
	w, ok := p.wanted[k]
	if !ok {
		return hashedSpec{}, false
	}
	h := hashedSpec{spec: p.specOf(w)}
	if h.spec.Image.Base != "" {
		h.hash = h.spec.Hash()
	}
	p.specs[k] = h
	return h, h.spec.Image.Base != ""
}

func (p *planner) problem(x Problem) { p.plan.Problems = append(p.plan.Problems, x) }

func (p *planner) note(text string) { p.plan.Notes = append(p.plan.Notes, text) }

// ask puts a question, once, and reports whether its answer is there already.
func (p *planner) ask(q Question) bool {
	if p.in.Answers.has(q) {
		return true
	}
	if !slices.Contains(p.questions, q) {
		p.questions = append(p.questions, q)
	}
	return false
}

// step adds a step and gives its id. Needs of 0 ("nothing") are dropped.
func (p *planner) step(s Step) int {
	s.ID = len(p.plan.Steps) + 1
	s.Needs = compactNeeds(s.Needs)
	s.Secrets = p.secrets[s.Address.Box]
	p.plan.Steps = append(p.plan.Steps, s)
	return s.ID
}

func compactNeeds(needs []int) []int {
	var out []int
	for _, n := range needs {
		if n != 0 && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	sort.Ints(out)
	return out
}

func (p *planner) change(c Change) { p.plan.Changes = append(p.plan.Changes, c) }

// claim takes the project's name before anything else bears it (§6).
func (p *planner) claim() {
	id := p.in.Desired.Identity
	name := resource.ClaimName(id.Project)
	for _, v := range p.in.Observed.Volumes {
		if v.Name == name && v.Owner.Volume == resource.ClaimVolume {
			return
		}
	}
	if len(p.selected) == 0 {
		return
	}
	p.claimStep = p.step(Step{
		Op: OpClaim, Address: resource.Address{Kind: resource.KindVolume, Name: name}, Name: name,
		Volume: &VolumeArgs{Name: name, Labels: p.labels(resource.Owner{Volume: resource.ClaimVolume})},
	})
}

// labels is the full set for an object of this project.
func (p *planner) labels(o resource.Owner) map[string]string {
	o.Version = p.in.Desired.Version
	return p.in.Desired.Identity.Labels(o)
}
