package provision

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// RunOptions are the flags of run.
type RunOptions struct {
	ID      string // six hex digits that name the box
	Command []string
	TTY     bool
	User    string
	Cwd     string // where the caller stands
	Env     map[string]string
	Streams driver.Streams
	Timeout time.Duration
}

// LeftBehindError is a failure after which a throw-away box is there, or may be; the next up or destroy takes it away.
type LeftBehindError struct{ Err error }

func (e *LeftBehindError) Error() string { return e.Err.Error() }

// Unwrap gives the failure.
func (e *LeftBehindError) Unwrap() error { return e.Err }

// RunBox runs a command in a new, throw-away box: same image, env, mounts and networks as the box, without its ports,
// aliases, healthcheck, restart policy and provisioners. What the box depends on is brought up. It gives the command's
// exit code; the box goes with its client. Error: *LeftBehindError where it does not.
func RunBox(ctx context.Context, env Env, p *Project, box string, o RunOptions, confirm Confirm) (int, error) {
	out, err := Up(ctx, env, p, UpOptions{Boxes: []string{box}, Timeout: o.Timeout, around: true}, confirm)
	if err != nil {
		return 0, err
	}
	q := *p // with what that settled: it is part of which image was built
	if p, q.from = &q, map[string]string{}; out != nil {
		for _, i := range out.bases {
			q.from[i.Reference] = fromDigest(i)
		}
	}
	g, err := observe(ctx, env, p, UpOptions{Boxes: []string{box}})
	if err != nil {
		return 0, err
	}
	key := g.options.Only[0]
	c, err := plan.ThrowAway(plan.Input{
		Desired: g.desired, Observed: g.observed, Images: g.images, Answers: g.answers, Options: g.options,
	}, key, o.ID)
	if err != nil {
		return 0, err
	}
	name := resource.BoxName(g.project.Identity.Project, c.Wanted.Replica()) + ".run-" + o.ID
	steps := newHostSteps(g)
	if err := steps.Prepare(c.Wanted.Replica(), c.Spec); err != nil {
		return 0, err
	}
	nets := map[string]driver.NetworkRef{}
	for label, n := range c.Networks {
		nets[label] = driver.NetworkRef{ID: c.NetIDs[label], Name: n}
	}
	// Engines answer to a hostname as to any alias, so the box's own would be shared.
	id, err := env.Engine.CreateBox(context.WithoutCancel(ctx), driver.NewBox{
		Name: name, Hostname: "run-" + o.ID, Image: c.Image, Fact: c.Fact, Spec: c.Spec, Labels: c.Labels, Secrets: c.Wanted.Secrets,
		Volumes: c.Volumes, Networks: nets, Peer: cmp.Or(c.Peer.ID, c.Peer.Name), GitSafe: c.GitSafe,
		Run: &driver.Override{Command: o.Command, TTY: o.TTY, Size: o.Streams.Size, Stdin: o.Streams.In != nil, User: o.User, Dir: WorkdirOf(c.Spec, o.Cwd), Env: o.Env},
	})
	if driver.Is(err, driver.Unreachable) {
		return 0, &LeftBehindError{err} // who knows how far it got
	}
	if err != nil {
		return 0, err
	}
	code := 0
	if err = steps.check(c.Wanted.Replica(), c.Spec); err == nil { // it is started now
		code, err = env.Engine.Attach(ctx, id, o.Streams)
	}
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if failed := env.Engine.RemoveBox(clean, id); failed != nil {
		return code, &LeftBehindError{cmp.Or(err, fmt.Errorf("remove the throw-away box: %w", failed))}
	}
	return code, err
}
