package recipe

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/envyhq/envy/internal/lazyre"
	"github.com/envyhq/envy/provision/resource"
)

// Dockerfile is the name of the Dockerfile within a Recipe's contexts.
const Dockerfile = "Dockerfile"

// Input is what a recipe is made of.
type Input struct {
	From     string             // reference under which the engine has the base
	Base     resource.ImageFact // of the base: its BaseID and its USER
	Manager  string             // the base's package manager; needed with Packages
	Packages []string           // names, each with a version if its manager's way of writing one follows
	Versions map[string]string  // what is locked of them and of what comes with them; nil is whatever there is now
	Setups   []resource.SetupWanted
	Cache    Cache
}

// Cache says which package cache the package step may see. Whoever can write one is root in the images that are built
// from it, and its id is global to an engine: hence the secret (§9, Package step).
type Cache struct {
	Secret    string // the user's own
	Namespace string // "" for a base from a registry; the checkout's identity on top of a Dockerfile build
	Slot      int    // of this build among those that run at once: two that share a slot wait for each other
}

// ID is the id of the cache mount for a base and a manager.
func (c Cache) ID(baseID, manager string) string {
	return "envy-" + digest([]string{baseID, manager, c.Secret, c.Namespace}) + "-" + strconv.Itoa(c.Slot)
}

// NamespaceArg is the build argument that keeps the cache mounts of a Dockerfile's own RUN steps apart from those of
// other checkouts: BuildKit puts its value before every cache id.
const NamespaceArg = "BUILDKIT_CACHE_MOUNT_NS"

// Recipe is a build of one image. Its two forms have their steps on the same lines and give the same files; the classic
// one copies its scripts into a layer and removes them in a later one, since that builder cannot mount.
type Recipe struct {
	steps []step
	files []entry // below the Dockerfile, parents first

	buildkit, classic string
}

// step is one layer: packages or a setup.
type step struct {
	label string // "packages", "setup.NAME"
	dir   string // in the context
	user  string
	cache string // id; "" without one
}

// The places where a step finds its context. Under BuildKit it is mounted below /dev, a file system in memory in every
// build container, so that no mount point stays behind in the layer.
const (
	mounted = "/dev/envy"
	copied  = "/.envy-build"
)

var reference = lazyre.New(`^[A-Za-z0-9][A-Za-z0-9._:/@-]*$`)

// New makes the recipe. The package step comes first, straight on the base; then the setups as written.
func New(in Input) (*Recipe, error) {
	if !reference.MatchString(in.From) {
		return nil, fmt.Errorf("base image %q is not a reference", in.From)
	}
	if strings.ContainsAny(in.Base.User, "\r\n\x00") {
		return nil, fmt.Errorf("base image %s: its user holds a control character", in.From)
	}
	r := &Recipe{}
	if len(in.Packages) > 0 {
		if in.Cache.Secret == "" {
			return nil, fmt.Errorf("packages on %s: the package cache has no secret", in.From)
		}
		script, err := packageStep(in.Manager, in.Packages, in.Versions)
		if err != nil {
			return nil, err
		}
		r.steps = append(r.steps, step{label: "packages", dir: "packages", cache: in.Cache.ID(in.Base.BaseID, in.Manager)})
		r.files = append(r.files, directory("packages"), file("packages/step", 0o555, script))
	}
	if err := r.addSetups(in.Setups); err != nil {
		return nil, err
	}
	r.buildkit = render(in.From, in.Base.User, r.steps, mount)
	r.classic = render(in.From, in.Base.User, r.steps, copyIn)
	return r, nil
}

func (r *Recipe) addSetups(setups []resource.SetupWanted) error {
	if len(setups) > 0 {
		r.files = append(r.files, directory("setup"))
	}
	seen := map[string]bool{}
	for _, w := range setups {
		if !setupName.MatchString(w.Name) || seen[w.Name] {
			return fmt.Errorf("setup %q is not a name of its own", w.Name)
		}
		seen[w.Name] = true
		dir := "setup/" + w.Name
		files, err := setupFiles(dir, w)
		if err != nil {
			return err
		}
		r.steps = append(r.steps, step{label: "setup." + w.Name, dir: dir, user: w.User})
		r.files = append(r.files, files...)
	}
	return nil
}

// Text is the Dockerfile for BuildKit.
func (r *Recipe) Text() string { return r.buildkit }

// ClassicText is the Dockerfile for a builder without mounts.
func (r *Recipe) ClassicText() string { return r.classic }

// Context gives a fresh tar stream for BuildKit.
func (r *Recipe) Context() (io.ReadCloser, error) { return r.context(r.buildkit), nil }

// Classic gives a fresh tar stream for the classic builder.
func (r *Recipe) Classic() (io.ReadCloser, error) { return r.context(r.classic), nil }

func (r *Recipe) context(dockerfile string) io.ReadCloser {
	return newStream(append([]entry{file(Dockerfile, 0o444, dockerfile)}, r.files...))
}

// block is how many lines a step has in either Dockerfile, and first the line of the first one.
const (
	block = 6
	first = 2
)

// Locate names the step that a line of either Dockerfile belongs to: "packages", "setup.NAME", or "" for none.
func (r *Recipe) Locate(line int) string {
	if i := (line - first) / block; line >= first && i < len(r.steps) {
		return r.steps[i].label
	}
	return ""
}

// A form writes one step's instructions, at most block-1 lines, and says which user the build is left with.
type form func(s step, user string) (lines []string, now string)

// render writes a Dockerfile in which each step has its own block of lines. The image's USER, the only thing of its
// configuration that steps touch, is put back at the end.
func render(from, user string, steps []step, f form) string {
	lines := []string{"FROM " + from}
	now := user
	for _, s := range steps {
		var own []string
		own, now = f(s, now)
		lines = append(lines, "# "+s.label)
		lines = append(lines, own...)
		for (len(lines)-first+1)%block != 0 {
			lines = append(lines, "")
		}
	}
	if now != user {
		lines = append(lines, "USER "+dockerWord(user))
	}
	return strings.Join(lines, "\n") + "\n"
}

// mount runs a step from bind mounts, which are read-only unless they say otherwise.
func mount(s step, user string) (lines []string, now string) {
	lines, now = become(s.user, user)
	target := mounted + "/" + s.label
	run := "RUN --mount=type=bind,source=" + s.dir + ",target=" + target
	args := []string{"/bin/sh", target + "/step"}
	if s.cache != "" {
		run += " --mount=type=cache,id=" + s.cache + ",target=" + mounted + "/cache,sharing=locked"
		args = append(args, mounted+"/cache")
	}
	return append(lines, run+" "+argv(args...)), now
}

// copyIn runs a step from a copy and removes it, in the same layer where the step runs as root.
func copyIn(s step, user string) (lines []string, now string) {
	switching, now := become(s.user, user)
	lines = append([]string{"COPY " + s.dir + " " + copied}, switching...)
	if isRoot(now) {
		args := ""
		if s.cache != "" {
			args = " " + copied + "/cache"
		}
		script := fmt.Sprintf("/bin/sh %[1]s/step%[2]s && rm -rf %[1]s", copied, args)
		return append(lines, "RUN "+argv("/bin/sh", "-c", script)), now
	}
	lines = append(lines, "RUN "+argv("/bin/sh", copied+"/step"), "USER 0",
		"RUN "+argv("/bin/sh", "-c", "rm -rf "+copied))
	return lines, "0"
}

// become gives the instruction, if any, by which the build runs as wanted ("" is root).
func become(wanted, user string) (lines []string, now string) {
	switch {
	case wanted == user || isRoot(wanted) && isRoot(user):
		return nil, user
	case isRoot(wanted):
		return []string{"USER 0"}, "0"
	}
	return []string{"USER " + dockerWord(wanted)}, wanted
}

func isRoot(user string) bool {
	switch user {
	case "", "0", "root", "0:0", "root:root":
		return true
	}
	return false
}

// argv is the exec form, which needs no SHELL of the image's. Its words are ours and need no escapes.
func argv(words ...string) string { return `["` + strings.Join(words, `", "`) + `"]` }

var plainWord = lazyre.New(`^[A-Za-z0-9_.:-]+$`)

// dockerWord writes text so that a Dockerfile's own expansion gives it back, the empty one too.
func dockerWord(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`).Replace(s) + `"`
}
