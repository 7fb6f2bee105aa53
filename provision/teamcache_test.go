package provision

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/driver/fake"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/recipe"
	"github.com/envyhq/envy/provision/resource"
)

const (
	teamRegistry = "registry.example.com/team/cache"
	cachedBox    = `
cache { registry = "` + teamRegistry + `" }
box "web" {
  image    = "debian:bookworm-slim"
  packages = ["git"]
}
`
)

// team is a project whose engine tells how often it built, and may show what it pulled as another image.
type team struct {
	*project
	builds, pulls int
	env           Env
	recipe        string // tag of the image
	full          string // that with the versions of its packages
	pushed        string // digest
	show          func(*resource.ImageFact)
	everywhere    bool // of images of the engine's too
	fail          func(fake.Call) error
}

// newTeam brings the box up once and pushes its image, which then leaves the engine.
func newTeam(t *testing.T) *team {
	t.Helper()
	c := &team{project: newProject(t)}
	c.engine = &showing{Engine: fake.Intercept(c.engine, c.hook), team: c}
	c.env = c.project.env()
	c.env.Team.Pushed = func(tag, digest string) {
		c.full, c.pushed = tag, digest
		c.recipe, _, _ = strings.Cut(tag, "-")
	}
	c.run(UpOptions{Push: true})
	if c.builds != 1 || c.pulls != 0 || c.pushed == "" || !strings.HasPrefix(c.recipe, "envy.local/recipe:") {
		t.Fatalf("first up: %d builds, %d pulls, %s pushed as %q", c.builds, c.pulls, c.recipe, c.pushed)
	}
	c.wants("the name on the way is gone", driver.NotFound, cacheName(teamRegistry, c.recipe))
	c.clear()
	return c
}

func (c *team) hook(ctx context.Context, call fake.Call, next func(context.Context) error) error {
	switch call.Method {
	case "Build":
		c.builds++
	case "Pull":
		c.pulls++
	}
	if c.fail != nil {
		if err := c.fail(call); err != nil {
			return err
		}
	}
	return next(ctx)
}

// showing tells another fact of what came from the cache.
type showing struct {
	driver.Engine
	team *team
}

func (s *showing) Image(ctx context.Context, ref, platform string) (resource.ImageFact, error) {
	fact, err := s.Engine.Image(ctx, ref, platform)
	if err == nil && s.team.show != nil && (s.team.everywhere || strings.HasPrefix(ref, teamRegistry)) {
		s.team.show(&fact)
	}
	return fact, err
}

func (c *team) run(o UpOptions) {
	c.t.Helper()
	if _, err := Up(c.t.Context(), c.env, c.load(cachedBox), o, yes); err != nil {
		c.t.Fatal(err)
	}
}

// clear takes the box and its image away.
func (c *team) clear() {
	c.t.Helper()
	scene, err := Look(c.t.Context(), c.env, c.id)
	if err == nil {
		_, err = Destroy(c.t.Context(), c.env, scene, ScopeOptions{}, yes)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	for _, tag := range []string{c.recipe, c.full} {
		if err := c.engine.RemoveImage(c.t.Context(), tag); err != nil {
			c.t.Fatal(err)
		}
	}
	c.builds, c.pulls = 0, 0
}

func (c *team) wants(what string, kind driver.Kind, ref string) {
	c.t.Helper()
	if _, err := c.engine.Image(c.t.Context(), ref, ""); kind < 0 && err != nil || kind >= 0 && !driver.Is(err, kind) {
		c.t.Errorf("%s: image %s: %v", what, ref, err)
	}
}

func (c *team) notes() string {
	var out []string
	for _, e := range c.sink.Events() {
		if e.Kind == event.Note {
			out = append(out, e.Text)
		}
	}
	return strings.Join(out, "\n")
}

func trusting(registry string) bool { return registry == teamRegistry }

func TestTeamCache(t *testing.T) {
	for name, tt := range map[string]struct {
		locked string // "right", "other" or ""
		trusts func(string) bool
		builds int
		pulls  int
		note   string
		plan   bool // says that the cache is asked
	}{
		"neither locked nor trusted":    {"", nil, 1, 0, "", false},
		"trusted":                       {"", trusting, 0, 1, "was taken from the team cache, " + teamRegistry + ":", true},
		"another registry is trusted":   {"", func(r string) bool { return !trusting(r) }, 1, 0, "", false},
		"locked":                        {"right", nil, 0, 1, teamRegistry + "@sha256:", true},
		"locked to what is not there":   {"other", nil, 1, 1, "the team cache does not have it", true},
		"the lock counts, not the user": {"other", trusting, 1, 1, "the team cache does not have it", true},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTeam(t)
			c.env.Team = TeamCache{Trusts: tt.trusts, Locked: func(tag string) string {
				switch {
				case tag != c.recipe || tt.locked == "":
					return ""
				case tt.locked == "right":
					return c.pushed
				}
				return "sha256:" + strings.Repeat("0", 64)
			}}
			p, err := MakePlan(t.Context(), c.env, c.load(cachedBox), UpOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if c.pulls+c.builds > 0 || strings.Contains(lines(p), "from the team cache, else built") != tt.plan {
				t.Errorf("%d pulls and builds of a plan:\n%s", c.pulls+c.builds, lines(p))
			}
			c.run(UpOptions{Plan: p})
			if c.builds != tt.builds || c.pulls != tt.pulls || !strings.Contains(c.notes(), tt.note) {
				t.Errorf("%d builds, %d pulls, want %d and %d\n%s", c.builds, c.pulls, tt.builds, tt.pulls, c.notes())
			}
			c.wants("the recipe's image", -1, c.recipe)
			c.wants("the name on the way is gone", driver.NotFound, cacheName(teamRegistry, c.recipe))
			c.wants("the digest on the way is gone", driver.NotFound, teamRegistry+"@sha256:"+strings.Repeat("0", 64))
			again, err := MakePlan(t.Context(), c.env, c.load(cachedBox), UpOptions{})
			if err != nil || !again.Empty() {
				t.Errorf("the plan after: %v\n%s", err, lines(again))
			}
		})
	}
}

// What the cache has counts only if it could have been built here; else it goes, and is built.
func TestTeamCacheMisfits(t *testing.T) {
	for name, tt := range map[string]struct {
		show func(*resource.ImageFact)
		text string
	}{
		"another recipe":   {func(f *resource.ImageFact) { f.Recipe = recipe.Label(resource.ImageSpec{Base: "x"}) }, "another recipe"},
		"no recipe":        {func(f *resource.ImageFact) { f.Recipe = "" }, "another recipe"},
		"another base":     {func(f *resource.ImageFact) { f.Layers[0] = "sha256:x" }, "another base"},
		"a base below":     {func(f *resource.ImageFact) { f.Layers = append([]string{"sha256:x"}, f.Layers...) }, "another base"},
		"no layers":        {func(f *resource.ImageFact) { f.Layers = nil }, "another base"},
		"another platform": {func(f *resource.ImageFact) { f.Arch = "s390x" }, "linux/s390x"},
		"an entrypoint":    {func(f *resource.ImageFact) { f.Entrypoint = []string{"/evil"} }, "entrypoint"},
		"a user":           {func(f *resource.ImageFact) { f.User = "nobody" }, "user"},
		"a variable":       {func(f *resource.ImageFact) { f.Env = append(f.Env, "LD_PRELOAD=/x") }, "environment"},
		"another PATH":     {func(f *resource.ImageFact) { f.Env = []string{"PATH=/evil"} }, "environment"},
		"a volume":         {func(f *resource.ImageFact) { f.Volumes = []string{"/x"} }, "volumes"},
		"a check":          {func(f *resource.ImageFact) { f.Healthcheck = &resource.HealthSpec{Command: []string{"x"}} }, "healthcheck"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTeam(t)
			c.env.Team.Trusts, c.show = trusting, func(f *resource.ImageFact) {
				f.Layers, f.Env = slices.Clone(f.Layers), slices.Clone(f.Env)
				tt.show(f)
			}
			c.run(UpOptions{})
			if c.builds != 1 || c.pulls != 1 || !strings.Contains(c.notes(), tt.text) {
				t.Errorf("%d builds, %d pulls\n%s", c.builds, c.pulls, c.notes())
			}
			c.wants("the misfit is gone", driver.NotFound, cacheName(teamRegistry, c.recipe))
			c.wants("the recipe's image", -1, c.recipe)
		})
	}
}

// A registry that does not answer costs a note; an engine that does not, and a caller who has enough, end the up.
func TestTeamCacheFails(t *testing.T) {
	broken := func(method string, kind driver.Kind) func(fake.Call) error {
		return func(c fake.Call) error {
			if c.Method == method && (strings.HasPrefix(c.Object, teamRegistry) || method == "TagImage" && !strings.Contains(c.Object, "-")) {
				return &driver.Error{Kind: kind, Op: "x", Text: "no luck"}
			}
			return nil
		}
	}
	for name, tt := range map[string]struct {
		fail func(fake.Call) error
		ends bool
	}{
		"no registry":      {broken("Pull", driver.NoRegistry), false},
		"denied":           {broken("Pull", driver.Denied), false},
		"full":             {broken("Pull", driver.NoSpace), false},
		"no engine":        {broken("Pull", driver.Unreachable), true},
		"inspect fails":    {broken("Image", driver.Failed), false},
		"tag fails":        {broken("TagImage", driver.Failed), false},
		"remove fails":     {broken("RemoveImage", driver.Conflict), false},
		"engine went away": {broken("TagImage", driver.Unreachable), true},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTeam(t)
			c.env.Team.Trusts, c.fail = trusting, tt.fail
			_, err := Up(t.Context(), c.env, c.load(cachedBox), UpOptions{}, yes)
			if (err != nil) != tt.ends || tt.ends && !driver.Is(err, driver.Unreachable) {
				t.Fatal(err)
			}
			if name == "denied" && !strings.Contains(c.notes(), "; docker login registry.example.com") {
				t.Error(c.notes())
			}
			if want := 1; !tt.ends && name != "remove fails" && (c.builds != want || !strings.Contains(c.notes(), "no luck")) {
				t.Errorf("%d builds\n%s", c.builds, c.notes())
			}
		})
	}
	c := newTeam(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("enough")
	c.env.Team.Trusts, c.fail = trusting, func(call fake.Call) error {
		if call.Method == "Pull" {
			cancel(stop)
			return stop
		}
		return nil
	}
	if _, err := Up(ctx, c.env, c.load(cachedBox), UpOptions{}, yes); !errors.Is(err, stop) || c.builds > 0 {
		t.Errorf("%v after %d builds", err, c.builds)
	}
}

// What the registry itself says comes before a pull, which is then of exactly that.
func TestTeamCacheLooks(t *testing.T) {
	silent := func(f *resource.ImageFact) {
		*f = resource.ImageFact{ID: f.ID, Reference: f.Reference}
	}
	for name, tt := range map[string]struct {
		look   func(f *resource.ImageFact) (*resource.ImageFact, error)
		show   func(*resource.ImageFact)
		builds int
		pulls  int
		note   string
	}{
		"as it should be":  {func(f *resource.ImageFact) (*resource.ImageFact, error) { return f, nil }, nil, 0, 1, "was taken"},
		"engine is silent": {func(f *resource.ImageFact) (*resource.ImageFact, error) { return f, nil }, silent, 0, 1, "was taken"},
		"both silent":      {func(*resource.ImageFact) (*resource.ImageFact, error) { return nil, errors.New("x") }, silent, 1, 1, "another recipe"},
		"engine disagrees": {func(f *resource.ImageFact) (*resource.ImageFact, error) { return f, nil }, func(f *resource.ImageFact) { f.Recipe = "x" }, 1, 1, "another recipe"},
		"not there":        {func(*resource.ImageFact) (*resource.ImageFact, error) { return nil, nil }, nil, 1, 0, "does not have it"},
		"another":          {func(f *resource.ImageFact) (*resource.ImageFact, error) { f.Recipe = ""; return f, nil }, nil, 1, 0, "does not count: it was made by another recipe"},
		"cannot be asked":  {func(*resource.ImageFact) (*resource.ImageFact, error) { return nil, errors.New("x") }, nil, 0, 1, "was taken"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTeam(t)
			c.run(UpOptions{})
			made, err := c.engine.Image(t.Context(), c.recipe, "")
			if err != nil {
				t.Fatal(err)
			}
			c.clear()
			c.env.Team.Trusts, c.show = trusting, tt.show
			c.env.Team.Look = func(_ context.Context, ref, platform string) (*resource.ImageFact, string, error) {
				if ref != cacheName(teamRegistry, c.recipe) || platform != "linux/amd64" {
					t.Errorf("looks at %s for %s", ref, platform)
				}
				fact, err := tt.look(&made)
				return fact, c.pushed, err
			}
			c.run(UpOptions{})
			if c.builds != tt.builds || c.pulls != tt.pulls || !strings.Contains(c.notes(), tt.note) {
				t.Errorf("%d builds, %d pulls, want %d and %d\n%s", c.builds, c.pulls, tt.builds, tt.pulls, c.notes())
			}
			c.wants("the recipe's image", -1, c.recipe)
			c.wants("the digest on the way is gone", driver.NotFound, cacheName(teamRegistry, c.recipe))
		})
	}
}

// Where neither the lock nor the user's trust speaks for the cache, a signature must.
func TestTeamCacheSigned(t *testing.T) {
	unsigned := errors.New("nobody has signed it")
	for name, tt := range map[string]struct {
		signed error
		look   error
		trusts func(string) bool
		locked bool
		pulls  int
		asked  int
		note   string
	}{
		"signed":               {nil, nil, nil, false, 1, 1, "was taken from the team cache"},
		"not signed":           {unsigned, nil, nil, false, 0, 1, "does not count: nobody has signed it"},
		"trusted all the same": {unsigned, nil, trusting, false, 1, 0, "was taken from the team cache"},
		"locked all the same":  {unsigned, nil, nil, true, 1, 0, "was taken from the team cache"},
		"cannot be asked":      {nil, errors.New("not from here"), nil, false, 0, 0, "cannot be asked who signed"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTeam(t)
			c.run(UpOptions{})
			made, err := c.engine.Image(t.Context(), c.recipe, "")
			if err != nil {
				t.Fatal(err)
			}
			c.clear()
			asked := 0
			c.env.Team = TeamCache{
				Trusts: tt.trusts,
				Locked: func(string) string {
					if tt.locked {
						return c.pushed
					}
					return ""
				},
				Look: func(context.Context, string, string) (*resource.ImageFact, string, error) {
					return &made, c.pushed, tt.look
				},
				Signed: func(_ context.Context, ref, digest string) error {
					if asked++; ref != cacheName(teamRegistry, c.recipe) || digest != c.pushed {
						t.Errorf("asked for %s of %s", digest, ref)
					}
					return tt.signed
				},
			}
			c.run(UpOptions{})
			if c.pulls != tt.pulls || c.builds != 1-tt.pulls || asked != tt.asked || !strings.Contains(c.notes(), tt.note) {
				t.Errorf("%d builds, %d pulls, asked %d times\n%s", c.builds, c.pulls, asked, c.notes())
			}
		})
	}
}

// What is pushed is signed; what was there before, by somebody else, is not, but replaced.
func TestPushSigned(t *testing.T) {
	c := newTeam(t)
	var signed []string
	var mine error
	c.env.Team.Find = func(context.Context, string) (string, error) { return "sha256:theirs", nil }
	c.env.Team.Signed = func(context.Context, string, string) error { return mine }
	c.env.Team.Sign = func(_ context.Context, ref, digest string) error {
		signed = append(signed, ref+"@"+digest)
		return nil
	}
	c.run(UpOptions{Push: true})
	if len(signed) > 0 || !strings.Contains(c.notes(), "is in the team cache already") {
		t.Errorf("signed %q\n%s", signed, c.notes())
	}
	mine = errors.New("nobody has signed it")
	c.run(UpOptions{Push: true})
	if want := []string{cacheName(teamRegistry, c.recipe) + "@" + c.pushed}; !slices.Equal(signed, want) {
		t.Errorf("signed %q, want %q", signed, want)
	}
	c.env.Team.Sign = func(context.Context, string, string) error { return errors.New("no luck") }
	if _, err := Up(t.Context(), c.env, c.load(cachedBox), UpOptions{Push: true}, yes); err == nil || !strings.Contains(err.Error(), "it was pushed, and is not signed: no luck") {
		t.Errorf("a signature that fails: %v", err)
	}
}

// An image under the name of the lock's versions must have them.
func TestTeamCacheVersions(t *testing.T) {
	c := newTeam(t)
	c.run(UpOptions{})
	p := c.load(cachedBox)
	versions := map[string]string{"git": "1:0.0-locked"}
	p.Lock.SetPackages(PackageKey(p.Config.Boxes[0]), "linux/amd64", versions)
	name := cacheName(teamRegistry, c.recipe+"-"+recipe.VersionsID(versions))
	err := c.engine.TagImage(t.Context(), c.recipe, name)
	if err == nil {
		_, err = c.engine.PushImage(t.Context(), name, event.Discard{}, "x")
	}
	if err == nil {
		err = c.engine.RemoveImage(t.Context(), name)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.clear()
	c.env.Team.Trusts = trusting
	// Then it is built, for which the mirror lacks that version.
	_, err = Up(t.Context(), c.env, p, UpOptions{}, yes)
	if _, ok := errors.AsType[*driver.BuildError](err); !ok || c.builds != 1 || c.pulls != 1 || !strings.Contains(c.notes(), "other versions of packages than the lock") {
		t.Errorf("%d builds, %d pulls, %v\n%s", c.builds, c.pulls, err, c.notes())
	}
	c.wants("the misfit is gone", driver.NotFound, name)
}

func TestPush(t *testing.T) {
	c := newTeam(t)
	var asked []string
	found := ""
	pushes := 0
	c.fail = func(call fake.Call) error {
		if call.Method == "PushImage" {
			pushes++
		}
		return nil
	}
	c.env.Team.Find = func(_ context.Context, ref string) (string, error) {
		asked = append(asked, ref)
		return found, nil
	}
	c.run(UpOptions{Push: true})
	found = "sha256:x"
	c.run(UpOptions{Push: true}) // nothing to do for the boxes
	// With the versions that were just found, and without; then there is no lock that knows them.
	names := []string{cacheName(teamRegistry, c.full), cacheName(teamRegistry, c.recipe), cacheName(teamRegistry, c.recipe)}
	if diff := cmp.Diff(names, asked); diff != "" || pushes != 2 {
		t.Errorf("%d pushes; asked for %s", pushes, diff)
	}
	if !strings.Contains(c.notes(), "is in the team cache already") {
		t.Error(c.notes())
	}
	c.env.Team.Find = func(context.Context, string) (string, error) { return "", errors.New("not from here") }
	c.run(UpOptions{Push: true})
	if pushes != 3 {
		t.Errorf("%d pushes, want 3", pushes)
	}
	c.fail = func(call fake.Call) error {
		if call.Method == "PushImage" {
			return &driver.Error{Kind: driver.Denied, Op: "push", Text: "no luck"}
		}
		return nil
	}
	out, err := Up(t.Context(), c.env, c.load(cachedBox), UpOptions{Push: true}, yes)
	if !driver.Is(err, driver.Denied) || out == nil || out.Scene == nil {
		t.Errorf("a push that fails: %v, %+v", err, out)
	}
	c.wants("the name on the way is gone", driver.NotFound, cacheName(teamRegistry, c.recipe))
	if _, err := Up(t.Context(), c.env, c.load(strings.Replace(cachedBox, "cache {", "volume \"x\" {}\n#", 1)), UpOptions{Push: true}, yes); err == nil {
		t.Error("a push to no cache")
	}
}

// What the cache had already enters the lock where it is the image that is here, and nothing else does.
func TestPushRecognizes(t *testing.T) {
	for name, tt := range map[string]struct {
		there  func(f *resource.ImageFact) (*resource.ImageFact, error)
		locked bool
		want   bool
	}{
		"the same":          {func(f *resource.ImageFact) (*resource.ImageFact, error) { return f, nil }, false, true},
		"silent, by its id": {func(f *resource.ImageFact) (*resource.ImageFact, error) { return f, nil }, false, true},
		"silent":            {func(f *resource.ImageFact) (*resource.ImageFact, error) { return f, nil }, false, false},
		"locked already":    {func(f *resource.ImageFact) (*resource.ImageFact, error) { return f, nil }, true, false},
		"another layer": {func(f *resource.ImageFact) (*resource.ImageFact, error) {
			f.Layers = append(f.Layers[:1:1], "x")
			return f, nil
		}, false, false},
		"a layer more": {func(f *resource.ImageFact) (*resource.ImageFact, error) {
			f.Layers = append(slices.Clone(f.Layers), "x")
			return f, nil
		}, false, false},
		"no layers":        {func(f *resource.ImageFact) (*resource.ImageFact, error) { f.Layers = nil; return f, nil }, false, false},
		"another command":  {func(f *resource.ImageFact) (*resource.ImageFact, error) { f.Cmd = []string{"x"}; return f, nil }, false, false},
		"another recipe":   {func(f *resource.ImageFact) (*resource.ImageFact, error) { f.Recipe = "x"; return f, nil }, false, false},
		"another platform": {func(f *resource.ImageFact) (*resource.ImageFact, error) { f.Arch = "x"; return f, nil }, false, false},
		"gone":             {func(*resource.ImageFact) (*resource.ImageFact, error) { return nil, nil }, false, false},
		"not asked":        {func(*resource.ImageFact) (*resource.ImageFact, error) { return nil, errors.New("x") }, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTeam(t)
			c.run(UpOptions{})
			c.pushed = ""
			c.everywhere = true
			if strings.HasPrefix(name, "silent") {
				c.show = func(f *resource.ImageFact) {
					if f.Recipe != "" {
						*f = resource.ImageFact{ID: "sha256:id", Reference: f.Reference}
					}
				}
			}
			c.env.Team.Find = func(context.Context, string) (string, error) { return "sha256:index", nil }
			c.env.Team.Look = func(_ context.Context, _, platform string) (*resource.ImageFact, string, error) {
				here, err := c.engine.Image(t.Context(), c.recipe, "")
				if err != nil || platform != here.OS+"/"+here.Arch {
					t.Errorf("asked for %q: %v", platform, err)
				}
				fact, err := tt.there(&here)
				if name == "silent, by its id" {
					return fact, "sha256:id", err
				}
				return fact, "sha256:manifest", err
			}
			c.env.Team.Locked = func(string) string {
				if tt.locked {
					return "sha256:locked"
				}
				return ""
			}
			c.run(UpOptions{Push: true})
			if got := c.pushed != ""; got != tt.want {
				t.Errorf("it is heard of as %q", c.pushed)
			}
			if said := strings.Contains(c.notes(), "is another build"); strings.HasPrefix(name, "silent") && said {
				t.Error(c.notes())
			}
			if strings.HasPrefix(name, "another") && !strings.Contains(c.notes(), "is another build than the one here") {
				t.Error(c.notes())
			}
		})
	}
}

// A push that finds nothing to push says so.
func TestPushWithoutAnImage(t *testing.T) {
	c := newTeam(t)
	c.run(UpOptions{})
	c.fail = func(call fake.Call) error {
		if call.Method == "Image" && strings.HasPrefix(call.Object, "envy.local/recipe:") {
			return &driver.Error{Kind: driver.NotFound}
		}
		return nil
	}
	c.run(UpOptions{Push: true})
	if !strings.Contains(c.notes(), "is not on the engine, and so not pushed") {
		t.Error(c.notes())
	}
}
