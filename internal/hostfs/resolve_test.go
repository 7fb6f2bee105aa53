package hostfs

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestResolve(t *testing.T) {
	t.Parallel()
	base := tempDir(t)
	write(t, base, map[string]string{
		"home/shop/Envfile":       "",
		"home/shop/data/f":        "",
		"home/shop/in":            "-> data",
		"home/shop/in-absolute":   "-> " + filepath.Join(base, "home/shop/data"),
		"home/shop/out":           "-> ../keys",
		"home/shop/data/sneaky":   "-> ../out",
		"home/shop/broken":        "-> ../keys/none/deeper",
		"home/keys/id":            "",
		"home/shop-beside/":       "",
		"home/shop/data/back-out": "-> ../../shop/data/f",
	})
	shop, home := filepath.Join(base, "home/shop"), filepath.Join(base, "home")
	c := open(t, shop, home)
	for _, test := range []struct {
		path, real string
		zone       Zone
		rel        string
		exists     bool
		links      []string
	}{
		{".", "home/shop", Inside, ".", true, nil},
		{"data/f", "home/shop/data/f", Inside, "data/f", true, nil},
		{"in/f", "home/shop/data/f", Inside, "data/f", true, []string{"in"}},
		{"in-absolute", "home/shop/data", Inside, "data", true, []string{"in-absolute"}},
		{"data/back-out", "home/shop/data/f", Inside, "data/f", true, []string{"data/back-out"}},
		{"in/..", "home/shop", Inside, ".", true, []string{"in"}},
		{"new/folder", "home/shop/new/folder", Inside, "new/folder", false, nil},
		{"out/id", "home/keys/id", Outside, "", true, []string{"out"}},
		{"out/..", "home", Outside, "", true, []string{"out"}},
		{"data/sneaky", "home/keys", Outside, "", true, []string{"data/sneaky", "out"}},
		{"broken", "home/keys/none/deeper", Outside, "", false, []string{"broken"}},
		{"..", "home", Outside, "", true, nil},
		{"../shop-beside", "home/shop-beside", Outside, "", true, nil},
		{"~", "home", Outside, "", true, nil},
		{"~/keys", "home/keys", Outside, "", true, nil},
		{"~/shop/data", "home/shop/data", Inside, "data", true, nil},
		{filepath.Join(base, "home/shop"), "home/shop", Inside, ".", true, nil},
	} {
		t.Run(test.path, func(t *testing.T) {
			p, err := c.Resolve(test.path)
			must(t, err)
			var links []string
			for _, l := range test.links {
				links = append(links, filepath.Join(shop, l))
			}
			want := Place{Real: filepath.Join(base, test.real), Zone: test.zone, Rel: test.rel, Exists: test.exists, Links: links}
			got := Place{Real: p.Real, Zone: p.Zone, Rel: p.Rel, Exists: p.Exists, Links: p.Links}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if info, err := os.Stat(p.Base); err != nil || !strings.HasPrefix(p.Real, p.Base) {
				t.Errorf("base %s of %s: %v, %v", p.Base, p.Real, info, err)
			}
		})
	}
	for _, bad := range []string{"data/f/x", "none/../data"} {
		if p, err := c.Resolve(bad); err == nil {
			t.Errorf("%s: resolved to %s", bad, p.Real)
		}
	}
}

func TestPlaceNoticesASwap(t *testing.T) {
	t.Parallel()
	base := tempDir(t)
	write(t, base, map[string]string{"shop/Envfile": "", "shop/data/": "", "keys/": ""})
	c := open(t, filepath.Join(base, "shop"), "/nonexistent")
	before, err := c.Resolve("data")
	must(t, err)
	again, err := c.Resolve("data")
	must(t, err)
	if !before.Same(again) {
		t.Error("nothing changed, yet the places differ")
	}
	must(t, os.Remove(filepath.Join(base, "shop/data")))
	write(t, base, map[string]string{"shop/data": "-> ../keys"})
	after, err := c.Resolve("data")
	must(t, err)
	if before.Same(after) {
		t.Error("a swapped link was not noticed")
	}
}

// Whatever tree of links there is, resolve agrees with the standard library, and what it calls inside can be opened
// through the root as the same file, what it calls outside cannot.
func TestResolveProperty(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		base := tempDir(t)
		names := []string{"a", "b", "c"}
		dirs := []string{"in", "in/a", "in/b", "in/a/c", "out", "out/a"}
		for _, d := range dirs {
			must(t, os.MkdirAll(filepath.Join(base, d), 0o755))
			must(t, os.WriteFile(filepath.Join(base, d, "f"), []byte(d), 0o644))
		}
		for i := range 12 {
			dir := dirs[rng.IntN(len(dirs))]
			target := randomPath(rng, names)
			if rng.IntN(3) == 0 {
				target = filepath.Join(base, dirs[rng.IntN(len(dirs))], target)
			}
			must(t, os.Symlink(target, filepath.Join(base, dir, fmt.Sprint("l", i))))
			names = append(names, fmt.Sprint("l", i))
		}
		inside := tree(t, filepath.Join(base, "in"))
		for range 150 {
			checkResolve(t, inside, randomPath(rng, names))
		}
	}
}

func randomPath(rng *rand.Rand, names []string) string {
	parts := make([]string, 1+rng.IntN(4))
	for i := range parts {
		parts[i] = names[rng.IntN(len(names))]
		if rng.IntN(4) == 0 {
			parts[i] = ".."
		}
	}
	if rng.IntN(2) == 0 {
		parts = append(parts, "f")
	}
	return strings.Join(parts, "/")
}

func checkResolve(t *testing.T, inside *Tree, rel string) {
	t.Helper()
	r, err := resolve(inside.dir + "/" + rel)
	want, wantErr := filepath.EvalSymlinks(inside.dir + "/" + rel)
	if wantErr == nil && (err != nil || r.info == nil || r.real != want) {
		t.Fatalf("%s: resolved to %q (%v), want %q", rel, r.real, err, want)
	}
	if wantErr != nil && err == nil && r.info != nil {
		t.Fatalf("%s: resolved to %q, want %v", rel, r.real, wantErr)
	}
	if err != nil || r.info == nil || !r.info.Mode().IsRegular() {
		return
	}
	_, isInside := r.relativeTo(inside.info)
	if prefixed := strings.HasPrefix(r.real, inside.dir+"/"); prefixed != isInside {
		t.Fatalf("%s: %s inside %v", rel, r.real, isInside)
	}
	if filepath.ToSlash(filepath.Clean(rel)) != rel { // cleaning changes what ".." means
		return
	}
	data, err := inside.ReadFile(rel, 0)
	expected, _ := os.ReadFile(r.real)
	if isInside && (err != nil || string(data) != string(expected)) {
		t.Fatalf("%s: read %q, %v, want %q", rel, data, err, expected)
	}
	if !isInside && err == nil {
		t.Fatalf("%s: read %q from outside", rel, data)
	}
}
