package provision

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/recipe"
	"github.com/envyhq/envy/provision/resource"
)

// TeamCache decides which images of the team's cache count; which registry that is, the Envfile says. Whatever is nil
// knows of nothing, and then no image counts.
type TeamCache struct {
	// Locked gives the digest that the lock has for the image of a recipe, by its tag on engines; "" for none.
	Locked func(tag string) string
	// Trusts reports whether the user's own configuration trusts a registry. What is not locked counts only then.
	Trusts func(registry string) bool
	// Signed is nil where a key that the user's own configuration names signed the image with a digest, or the index that the
	// reference means and that lists it; else it says why not. Such an image counts too. Nil itself: there are no keys.
	Signed func(ctx context.Context, ref, digest string) error
	// Sign signs what was pushed, under its reference with the digest. Nil: it is not signed.
	Sign func(ctx context.Context, ref, digest string) error
	// Look gives what a registry says of the image under a reference, of "os/architecture" where there are several, and
	// the digest of that one; nil for nothing. Where it fails, or is nil, the engine says what it pulled: on some that
	// is nothing, if they had the lower layers already.
	Look func(ctx context.Context, ref, platform string) (fact *resource.ImageFact, digest string, err error)
	// Find gives the digest of what a registry has under a reference; "" for nothing. It is asked before a push, since what is
	// there already stays; an error is as if there were nothing.
	Find func(ctx context.Context, ref string) (string, error)
	// Pushed hears of an image that was put there, with its tag on engines and its digest in the registry.
	Pushed func(tag, digest string)
}

// offered is where the team's cache would have the image of a recipe, "" where nothing of it would count. The tag may not
// be known yet.
func (g *planning) offered(tag string) string {
	c, team := g.project.Config.Cache, g.env.Team
	if c == nil {
		return ""
	}
	if tag != "" && team.Locked != nil {
		if digest := team.Locked(tag); digest != "" {
			return c.Registry + "@" + digest
		}
	}
	if team.Signed == nil && !g.trusts(c.Registry) {
		return ""
	}
	return cacheName(c.Registry, tag)
}

func (g *planning) trusts(registry string) bool {
	return g.env.Team.Trusts != nil && g.env.Team.Trusts(registry)
}

// unsigned says why an image does not count, though it fits: neither the lock nor the user's trust in the registry vouches
// for it, and no key of the user's does. digest is "" where the registry could not be read, which then speaks for nothing.
func (g *planning) unsigned(ctx context.Context, w resource.ImageWanted, digest string) string {
	if strings.Contains(w.Cached, "@") || g.trusts(g.project.Config.Cache.Registry) {
		return ""
	}
	if digest == "" {
		return "the team cache cannot be asked who signed what it has"
	}
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	if err := g.env.Team.Signed(ctx, w.Cached, digest); err != nil {
		return "what the team cache has does not count: " + err.Error()
	}
	return ""
}

// cacheName is the recipe's hash under the registry's name.
func cacheName(registry, tag string) string {
	if tag == "" {
		return registry
	}
	return registry + ":" + tag[strings.LastIndexByte(tag, ':')+1:]
}

// Cached implements apply.Host: it pulls the image, looks whether it is what would have been built, and only then gives it
// the name that boxes are made from. What does not fit is removed.
func (h *hostSteps) Cached(ctx context.Context, w resource.ImageWanted) (bool, error) {
	base := h.g.images[w.Reference]
	if w.Cached == "" || w.Tag == "" || base == nil {
		return false, nil
	}
	t := h.g.begin("cache", w.Tag)
	why, err := h.g.take(ctx, w, *base, t.id)
	t.cause = why
	took := t.end(err)
	switch {
	case err != nil:
		return false, err
	case why != "":
		h.g.note("%s is built here: %s", w.Tag, why)
		return false, nil
	}
	h.g.note("%s was taken from the team cache, %s, in %s", w.Tag, w.Cached, took.Round(time.Millisecond))
	return true, nil
}

// lookLimit bounds looking into a registry before the engine is told to pull or to push.
const lookLimit = 10 * time.Second

// lookAhead reads what the registry says of an image before anything is pulled: under which reference to pull exactly that, or
// why not to. checked is false where it could not be read, which is the engine's to find out then.
func (g *planning) lookAhead(ctx context.Context, w resource.ImageWanted, base resource.ImageFact) (ref string, checked bool, why string) {
	if g.env.Team.Look == nil {
		return w.Cached, false, g.unsigned(ctx, w, "")
	}
	looking, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	fact, digest, err := g.env.Team.Look(looking, w.Cached, base.OS+"/"+base.Arch)
	switch {
	case err != nil:
		return w.Cached, false, g.unsigned(ctx, w, "")
	case fact == nil:
		return "", false, "the team cache does not have it"
	}
	if why := misfit(*fact, base, w.Spec); why != "" {
		return "", false, "what the team cache has does not count: " + why
	}
	if why := g.unsigned(ctx, w, digest); why != "" {
		return "", false, why
	}
	return g.project.Config.Cache.Registry + "@" + digest, true, ""
}

// take gives why an image is not taken; "" once it is there under its tag.
func (g *planning) take(ctx context.Context, w resource.ImageWanted, base resource.ImageFact, task string) (why string, err error) {
	ref, checked, why := g.lookAhead(ctx, w, base)
	if why != "" {
		return why, nil
	}
	engine := g.env.Engine
	switch _, err := engine.Pull(ctx, ref, w.Spec.Platform, g.env.Sink, task); {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case driver.Is(err, driver.Unreachable):
		return "", err
	case driver.Is(err, driver.NotFound):
		return "the team cache does not have it", nil
	case driver.Is(err, driver.Denied):
		host, _, _ := strings.Cut(ref, "/")
		return "the team cache refuses: " + err.Error() + "; docker login " + host, nil
	case err != nil:
		return "the team cache cannot be used: " + err.Error(), nil
	}
	defer func() { g.dropName(ctx, ref) }()
	fact, err := engine.Image(ctx, ref, "")
	if err == nil {
		// The containerd store says nothing of an image whose lower layers it did not need to fetch.
		silent := checked && fact.Arch == "" && len(fact.Layers) == 0
		if why := misfit(fact, base, w.Spec); why != "" && !silent {
			return "what the team cache has does not count, and was removed: " + why, nil
		}
		var versions map[string]string
		if w.Versions != nil {
			versions, err = g.installed(ctx, fact.ID)
		}
		if err == nil && recipe.VersionsID(versions) != w.VersionsID {
			return "what the team cache has does not count, and was removed: it has other versions of packages than the lock", nil
		}
	}
	if err == nil {
		err = engine.TagImage(ctx, fact.ID, w.Tag)
	}
	if err != nil && ctx.Err() == nil && !driver.Is(err, driver.Unreachable) {
		return "what the team cache has cannot be used: " + err.Error(), nil
	}
	return "", err
}

// dropName takes away a name that was of use only on the way, and an image that has no other one.
func (g *planning) dropName(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := g.env.Engine.RemoveImage(ctx, name); err != nil {
		g.env.Sink.Send(event.Event{Kind: event.Warning, Subject: "image." + name, Text: err.Error()})
	}
}

// misfit says why an image cannot be one that the recipe makes of the base: its layers must lie on the base's, and its
// label and configuration be those that a build gives. What is in its own layers nobody can tell: that is why it counts
// only by the lock or the user's word.
func misfit(fact, base resource.ImageFact, spec resource.ImageSpec) string {
	n := len(base.Layers)
	switch {
	case fact.Recipe != recipe.Label(spec):
		return "it was made by another recipe"
	case fact.OS != base.OS || fact.Arch != base.Arch:
		return fmt.Sprintf("it is for %s/%s", fact.OS, fact.Arch)
	case n == 0 || len(fact.Layers) < n || !slices.Equal(fact.Layers[:n], base.Layers):
		return "it was made on another base"
	}
	if what := otherConfig(fact, base); what != "" {
		return "its " + what + " is not the base's"
	}
	return ""
}

// otherConfig names what an image says otherwise than its base.
func otherConfig(fact, base resource.ImageFact) string {
	health := func(h *resource.HealthSpec) string { return fmt.Sprintf("%+v", *cmp.Or(h, &resource.HealthSpec{})) }
	for _, c := range []struct {
		what string
		same bool
	}{
		{"user", fact.User == base.User || asRoot(fact.User) && asRoot(base.User)},
		{"entrypoint", slices.Equal(fact.Entrypoint, base.Entrypoint)},
		{"command", slices.Equal(fact.Cmd, base.Cmd)},
		{"environment", sameEnv(fact.Env, base.Env)},
		{"working directory", fact.Workdir == base.Workdir},
		{"list of volumes", slices.Equal(fact.Volumes, base.Volumes)},
		{"list of ports", slices.Equal(fact.ExposedPorts, base.ExposedPorts)},
		{"stop signal", fact.StopSignal == base.StopSignal},
		{"shell", slices.Equal(fact.Shell, base.Shell)},
		{"healthcheck", health(fact.Healthcheck) == health(base.Healthcheck)},
	} {
		if !c.same {
			return c.what
		}
	}
	return ""
}

// asRoot: a build puts the base's user back, and "" cannot be written.
func asRoot(user string) bool { return user == "" || user == "0" || user == "root" }

// sameEnv lets pass the PATH that builders give a base without one.
func sameEnv(env, base []string) bool {
	const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	has := slices.ContainsFunc(base, func(e string) bool { return strings.HasPrefix(e, "PATH=") })
	if !has {
		env = slices.DeleteFunc(slices.Clone(env), func(e string) bool { return e == path })
	}
	return slices.Equal(slices.Sorted(slices.Values(env)), slices.Sorted(slices.Values(base)))
}

// push puts the images with packages and setups that are on the engine into the team's cache. What it has already is left
// as it is. Failures are the caller's to hear of: it was asked for.
func (g *planning) push(ctx context.Context) error {
	c := g.project.Config.Cache
	if c == nil {
		return errors.New("there is no team cache to push to: the Envfile has no cache block")
	}
	var errs []error
	done := map[string]bool{}
	for _, i := range g.desired.Images {
		if i.Tag == "" || done[i.Tag] {
			continue
		}
		done[i.Tag] = true
		if _, err := g.env.Engine.Image(ctx, i.Tag, ""); driver.Is(err, driver.NotFound) {
			if len(g.options.Only) == 0 { // else it may be of a box that was not asked for
				g.note("%s is not on the engine, and so not pushed; envy up --recreate BOX builds it", i.Tag)
			}
			continue
		} else if err != nil {
			return err
		}
		// Under the recipe alone too, for whoever has no lock of its packages yet.
		names := []string{cacheName(c.Registry, i.Tag), cacheName(c.Registry, recipe.Tag(i.Spec))}
		for _, name := range slices.Compact(names) {
			if err := g.pushOne(ctx, i.Tag, name); err != nil {
				errs = append(errs, fmt.Errorf("push %s: %w", i.Tag, err))
				break
			}
		}
	}
	return errors.Join(errs...)
}

func (g *planning) pushOne(ctx context.Context, tag, name string) error {
	if find := g.env.Team.Find; find != nil {
		asking, cancel := context.WithTimeout(ctx, lookLimit)
		digest, err := find(asking, name)
		cancel()
		if err == nil && digest != "" && g.signedAlready(ctx, name, digest) { // whom this machine does not reach the engine may: then the push tells
			g.note("%s is in the team cache already, %s@%s", tag, name, digest)
			g.recognize(ctx, tag, name)
			return nil
		}
	}
	if err := g.env.Engine.TagImage(ctx, tag, name); err != nil {
		return err
	}
	defer g.dropName(ctx, name)
	t := g.begin("push", tag)
	digest, err := g.env.Engine.PushImage(ctx, name, g.env.Sink, t.id)
	took := t.end(err)
	if err != nil {
		return err
	}
	g.note("%s was pushed to the team cache, %s@%s, in %s", tag, name, digest, took.Round(time.Millisecond))
	if g.env.Team.Pushed != nil {
		g.env.Team.Pushed(tag, digest)
	}
	if g.env.Team.Sign == nil {
		return nil
	}
	if err := g.env.Team.Sign(ctx, name, digest); err != nil {
		return fmt.Errorf("it was pushed, and is not signed: %w", err)
	}
	g.note("%s is signed in the team cache, %s", tag, digest)
	return nil
}

// signedAlready: what is in the cache may stay there. Whoever signs what they push replaces what none of their keys signed by
// what they have here; nobody signs what somebody else put there.
func (g *planning) signedAlready(ctx context.Context, name, digest string) bool {
	team := g.env.Team
	if team.Sign == nil || team.Signed == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	return team.Signed(ctx, name, digest) == nil
}

// recognize hears of an image that the team's cache had already as of one that was pushed, where it is the very one that is here:
// then the digest stands for what was built or taken by this user, whoever put it there. Else it is nobody's to vouch for.
func (g *planning) recognize(ctx context.Context, tag, name string) {
	team := g.env.Team
	if team.Look == nil || team.Pushed == nil || team.Locked != nil && team.Locked(tag) != "" {
		return
	}
	here, err := g.env.Engine.Image(ctx, tag, "")
	if err != nil {
		return
	}
	asking, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	there, digest, err := team.Look(asking, name, here.OS+"/"+here.Arch)
	switch {
	case err != nil || there == nil || digest == "":
		return
	case here.ID == digest: // with the containerd store, where ids are digests of manifests
		team.Pushed(tag, digest)
		return
	case len(here.Layers) == 0: // that store again, of what it took
		return
	}
	same := there.Recipe == here.Recipe && there.OS == here.OS && there.Arch == here.Arch && otherConfig(*there, here) == ""
	if !same || !slices.Equal(there.Layers, here.Layers) {
		g.note("the lock has no digest of it: what the team cache has is another build than the one here")
		return
	}
	team.Pushed(tag, digest)
}

func (g *planning) note(format string, args ...any) { g.env.note(format, args...) }

func (e Env) note(format string, args ...any) {
	e.Sink.Send(event.Event{Kind: event.Note, Text: fmt.Sprintf(format, args...)})
}

// imageTask is what is done with an image beside a plan's steps.
type imageTask struct {
	sink    event.Sink
	now     func() time.Time
	id      string
	text    string
	subject string
	began   time.Time
	cause   string // why it had no use
}

func (g *planning) begin(what, tag string) imageTask {
	t := imageTask{sink: g.env.Sink, now: g.env.Now, id: what + "-" + tag, text: what, subject: "image." + tag}
	if t.now == nil {
		t.now = time.Now
	}
	t.began = t.now()
	t.sink.Send(event.Event{ID: t.id, Kind: event.Start, Subject: t.subject, Text: what})
	return t
}

// end tells how long it took.
func (t imageTask) end(err error) time.Duration {
	took := t.now().Sub(t.began)
	e := event.Event{ID: t.id, Kind: event.Done, Subject: t.subject, Text: t.text, Elapsed: took, Cause: t.cause}
	if err != nil {
		e.Kind, e.Text = event.Failed, err.Error()
	}
	t.sink.Send(e)
	return took
}
