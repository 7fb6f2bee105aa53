package apply

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// do is one driver operation. Short calls are not cut off by an interrupt, so that what the engine does and what envy
// believes stay one; long ones are (§5).
func (r *runner) do(ctx context.Context, s plan.Step) error {
	switch s.Op {
	case plan.OpPull, plan.OpLoad, plan.OpBuild, plan.OpBuildLayers, plan.OpProvision, plan.OpWaitHealthy, plan.OpWaitExit, plan.OpCopyIn, plan.OpCopyVolume:
		return r.long(ctx, s)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.shortLimit(s))
	defer cancel()
	switch s.Op {
	case plan.OpClaim, plan.OpCreateNetwork, plan.OpRemoveNetwork, plan.OpCreateVolume, plan.OpRemoveVolume, plan.OpConnect, plan.OpDisconnect,
		plan.OpRemoveImage:
		return r.surroundings(ctx, s)
	}
	return r.box(ctx, s)
}

// shortLimit bounds calls that an engine answers by itself. A stop waits for the box; an engine's own limit is there.
func (r *runner) shortLimit(s plan.Step) time.Duration {
	if s.Op == plan.OpStop {
		return 5 * r.o.Answer
	}
	return r.o.Answer
}

// long are the operations that an interrupt cancels.
func (r *runner) long(ctx context.Context, s plan.Step) error {
	switch s.Op {
	case plan.OpPull:
		_, err := r.engine.Pull(ctx, s.Image.Reference, s.Image.Spec.Platform, r.o.Sink, taskID(s))
		return err
	case plan.OpLoad:
		return r.host.Load(ctx, *s.Image, taskID(s))
	case plan.OpBuild, plan.OpBuildLayers:
		return r.build(ctx, s)
	case plan.OpProvision:
		return r.provision(ctx, s)
	case plan.OpCopyIn:
		return r.copyIn(ctx, s)
	case plan.OpCopyVolume:
		_, err := r.engine.CopyVolume(ctx, driver.VolumeCopy(*s.VolumeCopy))
		return err
	}
	limit := r.limit(s)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, &TimeoutError{Limit: limit})
	defer cancel()
	err := r.wait(ctx, s)
	var check *driver.ScriptError
	switch ended := ctx.Err() != nil; {
	case err == nil:
		return nil
	case errors.As(err, &check) && s.Op == plan.OpWaitHealthy && (ended || r.nearlyOver(ctx)):
		return &TimeoutError{Limit: limit, Output: check.Output}
	case ended:
		return context.Cause(ctx)
	}
	return r.ended(ctx, s, err)
}

// EndedError is a box whose command ended while it was waited for.
type EndedError struct {
	Code int
	OOM  bool // the engine's memory limit ended it
}

func (e *EndedError) Error() string {
	if e.OOM {
		return fmt.Sprintf("its command was ended for want of memory (exit code %d)", e.Code)
	}
	return fmt.Sprintf("its command ended with exit code %d", e.Code)
}

// ended tells of a box that is gone rather than of the wait that noticed it.
func (r *runner) ended(ctx context.Context, s plan.Step, err error) error {
	if s.Op != plan.OpWaitHealthy {
		return err
	}
	d, derr := r.engine.Detail(ctx, r.id(s.Target))
	if derr != nil || d.Running || d.Finished.IsZero() {
		return err
	}
	return &EndedError{Code: d.ExitCode, OOM: d.OOM}
}

// nearlyOver: a driver gives up a little before its context does, to bring the check's output back.
func (r *runner) nearlyOver(ctx context.Context) bool {
	end, ok := ctx.Deadline()
	return ok && time.Until(end) < time.Second
}

// TimeoutError says that a box was not ready in time. Output is what its healthcheck said last.
type TimeoutError struct {
	Limit  time.Duration
	Output string
}

func (e *TimeoutError) Error() string { return fmt.Sprintf("not ready after %s", e.Limit) }

func (r *runner) wait(ctx context.Context, s plan.Step) error {
	if s.Op == plan.OpWaitHealthy {
		return r.engine.WaitHealthy(ctx, r.id(s.Target), *s.Health)
	}
	code, err := r.engine.WaitExit(ctx, r.id(s.Target))
	if err == nil && code != 0 {
		return &driver.ScriptError{Code: code}
	}
	return err
}

func (r *runner) build(ctx context.Context, s plan.Step) error {
	if s.Op == plan.OpBuildLayers {
		there, err := r.host.Cached(ctx, *s.Image)
		if there || err != nil {
			r.mu.Lock()
			r.taken[s.ID] = there
			r.mu.Unlock()
			return err
		}
	}
	make := r.host.Layers
	if s.Op == plan.OpBuild {
		make = r.host.Build
	}
	b, err := make(ctx, *s.Image)
	if err != nil {
		return err
	}
	err = r.engine.Build(ctx, b, r.o.Sink, taskID(s))
	var failed *driver.BuildError
	if errors.As(err, &failed) && b.Locate != nil {
		failed.Part = b.Locate(failed.Line)
	}
	return err
}

// provision runs a script; sensitive values are taken out of what it prints.
func (r *runner) provision(ctx context.Context, s plan.Step) error {
	out := &redactor{to: r.output(s), secrets: s.Secrets}
	err := r.engine.Provision(ctx, r.id(s.Target), *s.Script, out)
	var script *driver.ScriptError
	if errors.As(err, &script) {
		script.Output = redact(script.Output, s.Secrets)
	}
	if flushErr := out.flush(); err == nil {
		err = flushErr
	}
	return err
}

func (r *runner) output(s plan.Step) io.Writer {
	if r.o.Output == nil {
		return io.Discard
	}
	return r.o.Output(s.Address.String())
}

func (r *runner) copyIn(ctx context.Context, s plan.Step) error {
	stream, err := r.host.Archive(*s.Copy)
	if err != nil {
		return err
	}
	defer stream.Close()
	return r.engine.CopyIn(ctx, r.id(s.Target), stream, s.Copy.Target)
}

// surroundings are the operations on networks and volumes.
func (r *runner) surroundings(ctx context.Context, s plan.Step) error {
	switch s.Op {
	case plan.OpClaim, plan.OpCreateVolume:
		owner, err := r.engine.CreateVolume(ctx, driver.NewVolume{Name: s.Volume.Name, Labels: s.Volume.Labels})
		if err != nil {
			return err
		}
		if mine := resource.OwnerOf(s.Volume.Labels); owner.Checkout != mine.Checkout || owner.User != mine.User {
			return &LostClaimError{Name: s.Name, Owner: owner}
		}
		return nil
	case plan.OpRemoveVolume:
		return r.engine.RemoveVolume(ctx, s.Name)
	case plan.OpRemoveImage:
		return r.engine.RemoveImage(ctx, s.Name)
	case plan.OpCreateNetwork:
		n := s.Network
		id, err := r.engine.CreateNetwork(ctx, driver.NewNetwork{Name: n.Name, Internal: n.Internal, IPv6: n.IPv6, Subnets: n.Subnets, Labels: n.Labels})
		if err == nil {
			r.mu.Lock()
			r.networks[n.Label] = id
			r.mu.Unlock()
		}
		return err
	case plan.OpRemoveNetwork:
		return r.engine.RemoveNetwork(ctx, s.Network.ID)
	case plan.OpDisconnect:
		return r.engine.Disconnect(ctx, s.Network.ID, r.id(s.Target))
	}
	join := driver.Join{Aliases: s.Network.Join.Aliases, IP: s.Network.Join.IP}
	return r.engine.Connect(ctx, r.network(s.Network.Label, s.Network.ID), r.id(s.Target), join)
}

// network is the id of a network: known when the plan was made, or made since.
func (r *runner) network(label, id string) string {
	if id != "" {
		return id
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.networks[label]
}

// box are the operations on one container.
func (r *runner) box(ctx context.Context, s plan.Step) error {
	id := r.id(s.Target)
	switch s.Op {
	case plan.OpCreateBox:
		return r.create(ctx, s)
	case plan.OpStart:
		r.mu.Lock()
		r.report.Started = append(r.report.Started, id)
		r.mu.Unlock()
		return r.start(ctx, s.Address.Box, id, s.Restart)
	case plan.OpStop:
		if s.Timeout < 0 {
			return r.engine.KillBox(ctx, id, "KILL")
		}
		return r.engine.StopBox(ctx, id, time.Duration(s.Timeout)*time.Second)
	case plan.OpRemove:
		return r.engine.RemoveBox(ctx, id)
	case plan.OpRename:
		return r.engine.RenameBox(ctx, id, s.Name)
	case plan.OpPause:
		return r.engine.PauseBox(ctx, id)
	case plan.OpUnpause:
		return r.engine.UnpauseBox(ctx, id)
	case plan.OpLimit:
		return r.engine.LimitBox(ctx, id, driver.Limits(*s.Limits))
	case plan.OpWriteFiles:
		return r.engine.WriteFiles(ctx, id, s.Files)
	case plan.OpRelease:
		return r.release(ctx, id, s.Diff)
	case plan.OpRecheckLoss:
		return r.recheck(ctx, id, s)
	}
	panic(fmt.Sprintf("apply: step of unknown kind %q", s.Op))
}

// start starts a box whose paths still lead where they led.
func (r *runner) start(ctx context.Context, box, id, restart string) error {
	if err := r.host.Check(box, id); err != nil {
		return err
	}
	return r.engine.StartBox(ctx, id, restart)
}

func (r *runner) create(ctx context.Context, s plan.Step) error {
	c := s.Create
	if err := r.host.Prepare(c.Wanted.Replica(), c.Spec); err != nil {
		return err
	}
	nets := make(map[string]driver.NetworkRef, len(c.Networks))
	for label, name := range c.Networks {
		nets[label] = driver.NetworkRef{ID: r.network(label, c.NetIDs[label]), Name: name}
	}
	id, err := r.engine.CreateBox(ctx, driver.NewBox{
		Name: s.Target.Name, Hostname: c.Wanted.Hostname, Image: c.Image, Fact: c.Fact, Spec: c.Spec, Labels: c.Labels,
		Secrets: c.Wanted.Secrets, Volumes: c.Volumes, Networks: nets, Aliases: c.Aliases, Peer: r.peer(c.Peer), Gate: c.Gate,
		GitSafe: c.GitSafe, Life: c.Life, Kept: c.Kept,
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.ids[s.Target.Name] = id
	r.mu.Unlock()
	return nil
}

func (r *runner) peer(t plan.Target) string {
	if t == (plan.Target{}) {
		return ""
	}
	return r.id(t)
}

// release records which paths the first provisioners changed, and lets the command start.
func (r *runner) release(ctx context.Context, id string, diff bool) error {
	if !diff {
		return r.engine.Release(ctx, id, nil)
	}
	changes, err := r.engine.Changes(ctx, id)
	if err != nil {
		return err
	}
	paths := make([]string, len(changes))
	for i, c := range changes {
		paths[i] = c.Path
	}
	return r.engine.Release(ctx, id, paths)
}

func (r *runner) recheck(ctx context.Context, id string, s plan.Step) error {
	now, err := Loss(ctx, r.engine, id, 2*time.Minute)
	if err != nil {
		return err
	}
	if plan.More(*s.Loss, now) {
		return &MoreLostError{Box: s.Address.Box, Loss: now}
	}
	return nil
}

// Loss looks at what a box changed on its own. Looking takes at most limit; what was not reached makes it "at least".
// A record that cannot be read makes it unknown.
func Loss(ctx context.Context, e driver.Inspector, id string, limit time.Duration) (resource.Loss, error) {
	rec, err := e.Record(ctx, id)
	if err != nil {
		return resource.Loss{}, err
	}
	if !rec.Known {
		return resource.Loss{Unknown: true}, nil
	}
	detail, err := e.Detail(ctx, id)
	if err != nil {
		return resource.Loss{}, err
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	changes, err := e.Changes(limited, id)
	if err != nil {
		if limited.Err() != nil && ctx.Err() == nil {
			return resource.Loss{Unknown: true}, nil
		}
		return resource.Loss{}, err
	}
	changed := make([]plan.Changed, len(changes))
	for i, c := range changes {
		changed[i] = plan.Changed{Path: c.Path, Deleted: c.Deleted}
	}
	candidates := plan.Candidates(changed, rec, detail.Mounts)
	paths := make([]string, 0, len(candidates))
	for _, c := range candidates {
		if !c.Deleted {
			paths = append(paths, c.Path)
		}
	}
	stats, complete, err := e.Stat(limited, id, paths)
	if err != nil {
		return resource.Loss{}, err
	}
	looked := make(map[string]plan.Looked, len(stats))
	for p, s := range stats {
		if s.Exists {
			looked[p] = plan.Looked{Dir: s.Dir, Size: s.Size, MTime: s.MTime}
		}
	}
	return plan.Lost(candidates, looked, complete, rec), nil
}
