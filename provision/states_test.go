package provision

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/envyhq/envy/internal/pagetest"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/driver/fake"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

//go:generate go test -run TestStates . -update

var update = flag.Bool("update", false, "write the tables of docs/states.md")

// TestStates does what a command does to a box in each state, on the fake engine, and holds docs/states.md to it.
func TestStates(t *testing.T) {
	states := []resource.State{
		resource.StateAbsent, resource.StateCreated, resource.StateRunning, resource.StatePaused, resource.StateRestarting,
		resource.StateExited, resource.StateDead,
	}
	rows := []string{"| command | absent | created | running | paused | restarting | exited | dead |", "|---|---|---|---|---|---|---|---|"}
	for _, c := range stateCommands() {
		row := "| `" + c.name + "` |"
		for _, s := range states {
			p := boxIn(t, s)
			row += " " + c.does(p) + " |"
			if unsettled := p.unsettled(); c.settles && unsettled != "" {
				t.Errorf("after %s of a box that was %s there is more to do:\n%s", c.name, s, unsettled)
			}
		}
		rows = append(rows, row)
	}
	pagetest.Hold(t, "../docs/states.md", map[string]string{"states": strings.Join(rows, "\n") + "\n"}, *update)
}

// loopingBox has a restart policy, so that a command that ends is tried again; the others idle.
const (
	idleBox = `box "web" {
  image = "debian:bookworm-slim"
}`
	loopingBox = `box "web" {
  image   = "debian:bookworm-slim"
  command = ["sleep", "infinity"]
  restart = "always"
}`
)

// stateCase is a project with one box.
type stateCase struct {
	*project
	text string // its Envfile
}

// boxIn gives a project whose box web is in a state, which it reached as it does in life.
func boxIn(t *testing.T, s resource.State) *stateCase {
	t.Helper()
	p := &stateCase{newProject(t), idleBox}
	// A clock that stands: what waits to be tried again waits for ever.
	engine := fake.New(fake.Options{Images: fake.Stock(), Clock: func() time.Time { return time.Unix(1e9, 0) }})
	p.engine = engine
	var hand []string
	switch s {
	case resource.StateCreated:
		p.neverStarted(engine)
	case resource.StatePaused:
		hand = []string{"pause", "shop-web"}
	case resource.StateRestarting:
		p.text, hand = loopingBox, []string{"exit", "shop-web", "1"}
	case resource.StateExited:
		hand = []string{"stop", "shop-web"}
	case resource.StateDead:
		hand = []string{"dead", "shop-web"}
	}
	if s != resource.StateCreated && s != resource.StateAbsent {
		p.up(p.text, UpOptions{})
	}
	if hand != nil {
		if err := engine.ByHand(hand...); err != nil {
			t.Fatal(err)
		}
	}
	if got := Status(p.look(), p.load(p.text))[0].State; got != s {
		t.Fatalf("the box is %s, not %s", got, s)
	}
	return p
}

// neverStarted makes a box that could not be started.
func (p *stateCase) neverStarted(engine *fake.Engine) {
	failure := errors.New("no")
	p.engine = fake.Intercept(engine, fake.Fail(1, fake.Method("StartBox"), failure))
	if _, err := Up(p.t.Context(), p.env(), p.load(p.text), UpOptions{}, yes); !errors.Is(err, failure) {
		p.t.Fatalf("up: %v", err)
	}
	p.engine = engine
}

func (p *project) look() *Scene {
	p.t.Helper()
	scene, err := Look(p.t.Context(), p.env(), p.id)
	if err != nil {
		p.t.Fatal(err)
	}
	return scene
}

// unsettled is the plan that is left; "" for none.
func (p *stateCase) unsettled() string {
	left, err := MakePlan(p.t.Context(), p.env(), p.load(p.text), UpOptions{})
	if err != nil {
		return err.Error()
	}
	if left.Empty() {
		return ""
	}
	return lines(left)
}

// stateCommand is a command and what it does to the box of a project, in the words of the page.
type stateCommand struct {
	name    string
	does    func(*stateCase) string
	settles bool // up has nothing to do behind it
}

func stateCommands() []stateCommand {
	up := func(o UpOptions) func(*stateCase) string {
		return func(p *stateCase) string {
			out, err := Up(p.t.Context(), p.env(), p.load(p.text), o, yes)
			if err != nil {
				return err.Error()
			}
			return inWords(out.Plan)
		}
	}
	scope := func(do func(*stateCase, *Scene) (*Outcome, error)) func(*stateCase) string {
		return func(p *stateCase) string {
			out, err := do(p, p.look())
			if err != nil {
				return err.Error()
			}
			return inWords(out.Plan)
		}
	}
	return []stateCommand{
		{"up", up(UpOptions{}), true},
		{"up --recreate", up(UpOptions{Recreate: true}), true},
		{"reload", up(UpOptions{Restart: true}), true},
		{"halt", scope(func(p *stateCase, s *Scene) (*Outcome, error) {
			return Halt(p.t.Context(), p.env(), s, ScopeOptions{}, yes)
		}), false},
		{"suspend", scope(func(p *stateCase, s *Scene) (*Outcome, error) {
			return Suspend(p.t.Context(), p.env(), s, ScopeOptions{}, yes)
		}), false},
		{"resume", scope(func(p *stateCase, s *Scene) (*Outcome, error) {
			return Resume(p.t.Context(), p.env(), s, ScopeOptions{}, yes)
		}), false},
		{"destroy", scope(func(p *stateCase, s *Scene) (*Outcome, error) {
			return Destroy(p.t.Context(), p.env(), s, ScopeOptions{}, yes)
		}), false},
		{"provision", provisionOnce, false},
		{"ssh, exec", execTrue, false},
		{"run", runTrue, false},
		{"logs", showLogs, false},
		{"port", showPorts, false},
		{"cp", copyBoth, false},
		{"top", showUse, false},
	}
}

// inWords says what a plan does to the box itself.
func inWords(p *plan.Plan) string {
	words := map[plan.Op]string{
		plan.OpCreateBox: "makes", plan.OpStart: "starts", plan.OpStop: "stops", plan.OpRemove: "removes", plan.OpPause: "pauses", plan.OpUnpause: "unpauses",
	}
	if slices.ContainsFunc(p.Changes, func(c plan.Change) bool { return c.Action == plan.Replace }) {
		return "replaces"
	}
	var did []string
	for _, s := range p.Steps {
		if w := words[s.Op]; w != "" && s.Address.Kind == resource.KindBox {
			did = append(did, w)
		}
	}
	if len(did) == 0 {
		return "nothing"
	}
	return strings.Join(did, ", ")
}

// refusal says how a command ends that cannot do its work in this state.
func refusal(err error) string {
	var state *StateError
	var none *NoBoxError
	switch {
	case errors.As(err, &state):
		return fmt.Sprintf("error: `%s`", state.Hint)
	case errors.As(err, &none):
		return "error: `envy up web`" // the command line knows the Envfile's name of it
	}
	return err.Error()
}

func provisionOnce(p *stateCase) string {
	text := strings.TrimSuffix(p.text, "}") + "provision \"deps\" { run = \"true\" }\n}"
	if _, err := RunProvisioners(p.t.Context(), p.env(), p.load(text), nil, nil); err != nil {
		return refusal(err)
	}
	return "runs them"
}

func execTrue(p *stateCase) string {
	boxes, err := p.look().Select([]string{"web"})
	if err == nil {
		_, err = Exec(p.t.Context(), p.env(), boxes[0], driver.Exec{Argv: []string{"true"}}, driver.Streams{Out: io.Discard, Err: io.Discard})
	}
	if err != nil {
		return refusal(err)
	}
	return "runs it"
}

func runTrue(p *stateCase) string {
	before := p.states()
	code, err := RunBox(p.t.Context(), p.env(), p.load(p.text), "web", RunOptions{
		ID: "abc123", Command: []string{"true"}, Streams: driver.Streams{Out: io.Discard, Err: io.Discard},
	}, yes)
	if err != nil || code != 0 {
		return fmt.Sprint(code, err)
	}
	if after := p.states(); after != before {
		return "makes it " + after
	}
	return "runs it"
}

func (p *stateCase) states() string {
	var out []string
	for _, b := range p.look().Boxes {
		out = append(out, string(b.State))
	}
	return strings.Join(out, ", ")
}

func showPorts(p *stateCase) string {
	if _, err := p.look().Select([]string{"web"}); err != nil {
		return refusal(err)
	}
	return "shows them"
}

func showLogs(p *stateCase) string {
	boxes, err := p.look().Select([]string{"web"})
	if err == nil {
		err = Logs(p.t.Context(), p.env(), boxes[0], driver.LogOptions{Tail: -1}, io.Discard, io.Discard)
	}
	if err != nil {
		return refusal(err)
	}
	return "shows them"
}

func copyBoth(p *stateCase) string {
	boxes, err := p.look().Select([]string{"web"})
	if err != nil {
		return refusal(err)
	}
	var packed bytes.Buffer
	at := NewBoxPath("/etc")
	if err := CopyOut(p.t.Context(), p.env(), boxes[0], at, "", &packed); err != nil {
		return err.Error()
	}
	if _, err := CopyIn(p.t.Context(), p.env(), boxes[0], "/srv/copy", []string{"."}, &packed); err != nil {
		return err.Error()
	}
	return "copies"
}

func showUse(p *stateCase) string {
	boxes, err := p.look().Select([]string{"web"})
	if err != nil {
		return refusal(err)
	}
	use, err := Measure(p.t.Context(), p.env(), boxes, true)
	switch {
	case err != nil:
		return err.Error()
	case !use[0].Running:
		return "shows its state"
	case len(use[0].Processes) == 0:
		return "shows no process"
	}
	return "shows it"
}
