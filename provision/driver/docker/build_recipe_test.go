package docker

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/recipe"
	"github.com/envyhq/envy/provision/resource"
)

// debianImage is made by .ci/images.
const debianImage = "debian:bookworm-slim"

// buildRecipe builds a recipe on an image of the engine under a tag of the test's own.
func buildRecipe(t *testing.T, e *Engine, kit bool, in recipe.Input) (tag string, r *recipe.Recipe, rec *event.Recorder, err error) {
	t.Helper()
	if in.Base, err = e.Image(t.Context(), in.From, ""); err != nil {
		t.Fatal(err)
	}
	if r, err = recipe.New(in); err != nil {
		t.Fatal(err)
	}
	tag, rec = imageTag(t, e, "recipe"), &event.Recorder{}
	err = e.build(t.Context(), driver.Build{
		Tag: tag, Dockerfile: recipe.Dockerfile, Context: r.Context, Classic: r.Classic, Locate: r.Locate,
		Labels: map[string]string{resource.LabelRecipe: recipe.Label(resource.ImageSpec{Base: in.Base.BaseID, Packages: in.Packages})},
	}, kit, rec, "image.x")
	return tag, r, rec, err
}

// sameConfig compares all that an image says of itself, but for envy's label.
func sameConfig(t *testing.T, before, after resource.ImageFact) {
	t.Helper()
	for _, f := range []*resource.ImageFact{&before, &after} {
		f.ID, f.BaseID, f.Reference, f.Recipe, f.Digests, f.Labels, f.Size = "", "", "", "", nil, nil, 0
		f.Layers = nil
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the image's configuration (-before +after):\n%s", diff)
	}
}

func output(rec *event.Recorder) string {
	var lines []string
	for _, e := range rec.Events() {
		if e.Kind == event.Output {
			lines = append(lines, e.Text)
		}
	}
	return strings.Join(lines, "\n")
}

// oddBase is an image whose configuration would be in a recipe's way.
func oddBase(t *testing.T, e *Engine, user string) string {
	t.Helper()
	tag := imageTag(t, e, "odd")
	err := e.Build(t.Context(), driver.Build{Tag: tag, Context: contextOf(map[string]string{
		"Dockerfile": from + "USER " + user + "\nWORKDIR /srv\nSHELL [\"/bin/false\"]\n" +
			"ENTRYPOINT [\"/bin/entry\", \"a b\"]\nCMD [\"c\"]\nENV GREETING=hello\nEXPOSE 80\nSTOPSIGNAL SIGINT\n",
	})}, event.Discard{}, "image.x")
	if err != nil {
		t.Fatal(err)
	}
	return tag
}

const awkwardValue = "it's \"$HOME\" `id` \\\n second line"

func setupsInput(base string) recipe.Input {
	return recipe.Input{From: base, Setups: []resource.SetupWanted{
		{
			Name: "first", Env: resource.StrMap{"VALUE": awkwardValue},
			Script: "printf %s \"$VALUE\" >/value; cat in/a.txt >/input; id -u >/uid; echo $GREETING >/greeting; in/tool >/tool; mkdir /home/nobody; chown nobody /home/nobody\n" +
				"echo x >in/a.txt || echo read-only >/writes\n",
			Inputs: []resource.InputFile{
				{Path: "in/a.txt", Mode: 0o644, Content: []byte("input\n")},
				{Path: "in/tool", Mode: 0o755, Content: []byte("#!/bin/sh\necho ran\n")},
			},
		},
		{
			Name: "second", User: "nobody",
			Script: "#!/bin/ash -eu\nid -u >/home/nobody/uid; echo \"${VALUE:-none}\" >/home/nobody/value; ls >/home/nobody/ls\n",
		},
	}}
}

func TestSetups(t *testing.T) {
	e := openImages(t)
	trees := map[string][]string{}
	for _, user := range []string{"nobody", `""`} {
		base := oddBase(t, e, user)
		for name, kit := range builders(t, e) {
			t.Run(name+" on "+user, func(t *testing.T) {
				tag, _, rec, err := buildRecipe(t, e, kit, setupsInput(base))
				if err != nil {
					t.Fatalf("%v\n%s", err, output(rec))
				}
				built := imageFiles(t, e, tag)
				want := map[string]string{
					"/value": awkwardValue, "/input": "input\n", "/uid": "0\n", "/greeting": "hello\n", "/tool": "ran\n",
					"/home/nobody/uid": "65534\n", "/home/nobody/value": "none\n", "/home/nobody/ls": "",
				}
				if kit {
					want["/writes"] = "read-only\n"
				}
				for file, text := range want {
					if got, ok := built[file[1:]]; got.text != text || !ok {
						t.Errorf("%s holds %q, want %q", file, got.text, text)
					}
				}
				before, err := e.Image(t.Context(), base, "")
				if err != nil {
					t.Fatal(err)
				}
				after, err := e.Image(t.Context(), tag, "")
				if err != nil {
					t.Fatal(err)
				}
				sameConfig(t, before, after)
				trees[name] = slices.DeleteFunc(built.tree(), func(l string) bool { return strings.HasPrefix(l, "writes ") })
				for _, left := range []string{".envy-build", "dev/envy"} {
					if _, ok := built[left]; ok {
						t.Errorf("%s is left in the image", left)
					}
				}
			})
		}
	}
	if _, ok := trees["buildkit"]; ok {
		if diff := cmp.Diff(trees["buildkit"], trees["classic"]); diff != "" {
			t.Errorf("the two builders differ (-buildkit +classic):\n%s", diff)
		}
	}
}

func TestFailingSetupIsLocated(t *testing.T) {
	e := openImages(t)
	in := recipe.Input{From: oddBase(t, e, "nobody"), Setups: []resource.SetupWanted{
		{Name: "good", Script: "true"},
		{Name: "bad", Script: "echo the reason >&2\nfalse\necho not reached", User: "nobody"},
		{Name: "later", Script: "true"},
	}}
	for name, kit := range builders(t, e) {
		t.Run(name, func(t *testing.T) {
			_, r, rec, err := buildRecipe(t, e, kit, in)
			var failed *driver.BuildError
			if !errors.As(err, &failed) {
				t.Fatalf("%v is no BuildError", err)
			}
			if !slices.ContainsFunc(rec.Events(), func(e event.Event) bool { return e.Kind == event.Start && e.Text == "setup.bad" }) {
				t.Errorf("no task is called setup.bad: %s", told(rec))
			}
			if got := r.Locate(failed.Line); got != "setup.bad" {
				t.Errorf("line %d is %q, want setup.bad", failed.Line, got)
			}
			if diff := cmp.Diff([]string{"the reason"}, failed.Lines); diff != "" {
				t.Errorf("last lines (-want +got):\n%s", diff)
			}
		})
	}
}

func openDebian(t *testing.T) *Engine {
	t.Helper()
	e := openImages(t)
	if _, err := e.Image(t.Context(), debianImage, ""); err != nil {
		withoutEngine(t, err)
	}
	return e
}

// ownDebian is an image of Debian that no run before this one built on: the classic builder would take its layers for
// the ones that it is asked for.
func ownDebian(t *testing.T, e *Engine) string {
	t.Helper()
	tag := imageTag(t, e, "debian")
	err := e.Build(t.Context(), driver.Build{Tag: tag, Context: contextOf(map[string]string{
		"Dockerfile": "FROM " + debianImage + "\nLABEL run=" + randomHex(8) + "\n",
	})}, event.Discard{}, "image.x")
	if err != nil {
		t.Fatal(err)
	}
	return tag
}

func aptInput(base, secret string, packages ...string) recipe.Input {
	return recipe.Input{From: base, Manager: recipe.APT, Packages: packages, Cache: recipe.Cache{Secret: secret}}
}

// Two recipes on one base share what was downloaded, and nothing of it is in either image.
func TestPackagesOnDebian(t *testing.T) {
	e := openDebian(t)
	if manager, err := e.PackageManager(t.Context(), debianImage); err != nil || manager != recipe.APT {
		t.Fatalf("package manager %q, %v", manager, err)
	}
	base := ownDebian(t, e)
	before, err := e.Image(t.Context(), base, "")
	if err != nil {
		t.Fatal(err)
	}
	secret := randomHex(8)
	trees := map[string][]string{}
	for name, kit := range builders(t, e) {
		first, _, rec, err := buildRecipe(t, e, kit, aptInput(base, secret, "hello", "ed"))
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, output(rec))
		}
		if !strings.Contains(output(rec), "Need to get") || strings.Contains(output(rec), "Need to get 0 B") {
			t.Errorf("%s: the first build downloads nothing:\n%s", name, output(rec))
		}
		after, err := e.Image(t.Context(), first, "")
		if err != nil {
			t.Fatal(err)
		}
		sameConfig(t, before, after)
		built := imageFiles(t, e, first)
		trees[name] = built.tree()
		for file := range built {
			switch {
			case strings.HasPrefix(file, "var/lib/apt/lists/") && strings.Contains(file, "Packages"),
				strings.HasSuffix(file, ".deb"), strings.HasSuffix(file, "pkgcache.bin"), strings.HasPrefix(file, ".envy"):
				t.Errorf("%s: %s is left in the image", name, file)
			}
		}
		if _, ok := built["usr/bin/hello"]; !ok {
			t.Errorf("%s: hello is not installed", name)
		}
	}
	if _, ok := trees["buildkit"]; !ok {
		return
	}
	if diff := cmp.Diff(trees["buildkit"], trees["classic"]); diff != "" {
		t.Errorf("the two builders differ (-buildkit +classic):\n%s", diff)
	}
	_, _, rec, err := buildRecipe(t, e, true, aptInput(base, secret, "ed", "hello"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(output(rec), "Need to get 0 B") {
		t.Errorf("the second recipe downloads again:\n%s", output(rec))
	}
}

func TestPackageThatIsNotThere(t *testing.T) {
	e := openDebian(t)
	in := aptInput(debianImage, "s", "hello", "no-such-package-of-ours", "two words")
	in.Setups = []resource.SetupWanted{{Name: "later", Script: "true"}}
	_, r, _, err := buildRecipe(t, e, builders(t, e)["buildkit"], in)
	var failed *driver.BuildError
	if !errors.As(err, &failed) {
		t.Fatalf("%v is no BuildError", err)
	}
	if got := r.Locate(failed.Line); got != "packages" {
		t.Errorf("line %d is %q, want packages", failed.Line, got)
	}
	for _, want := range []string{"Unable to locate package no-such-package-of-ours", "Unable to locate package two words"} {
		if text := strings.Join(failed.Lines, "\n"); !strings.Contains(text, want) {
			t.Errorf("the last lines do not say %q:\n%s", want, text)
		}
	}
}

// A manager that no image here has gets its package names whole, through either builder: a stand-in writes down what it
// is called with. What each manager is called with is tested in package recipe.
func TestOtherManager(t *testing.T) {
	e := openImages(t)
	names := []string{"plain=1.2*", "two words", "it's", "$HOME", `back\slash`}
	base := imageTag(t, e, "apk")
	err := e.Build(t.Context(), driver.Build{Tag: base, Context: contextOf(map[string]string{
		"Dockerfile":  from + "COPY bin/manager /sbin/apk\n",
		"bin/manager": "#!/bin/sh\n[ \"$1\" != info ] || exit 0\nfor a; do [ \"$a\" != -- ] || seen=1; [ -z \"$seen\" ] || printf '%s\\n' \"$a\"; done >/called\n",
	})}, event.Discard{}, "image.x")
	if err != nil {
		t.Fatal(err)
	}
	for name, kit := range builders(t, e) {
		tag, _, rec, err := buildRecipe(t, e, kit, recipe.Input{
			From: base, Manager: recipe.APK, Packages: names, Cache: recipe.Cache{Secret: "s"},
		})
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, output(rec))
		}
		want := "--\n" + strings.Join(names, "\n") + "\n"
		if got := imageFiles(t, e, tag)["called"].text; got != want {
			t.Errorf("%s: called with %q, want %q", name, got, want)
		}
	}
}
