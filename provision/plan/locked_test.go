package plan

import (
	"strings"
	"testing"

	"github.com/envyhq/envy/provision/resource"
)

const (
	digest1 = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	digest2 = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
)

// TestLockedImages: what an image is locked to decides which one a box is made from. It replaces a box only where the content
// is another one, or where nobody can tell because the image is gone and was not the locked one.
func TestLockedImages(t *testing.T) {
	lockTo := func(digest, base string) func(*world) {
		return func(w *world) {
			w.locks = map[string]string{"debian:12": digest}
			delete(w.images, "debian:12@"+digest)
			if base != "" {
				w.images["debian:12@"+digest] = &resource.ImageFact{ID: "sha256:" + base, BaseID: base}
			}
		}
	}
	none := func(*world) {}
	for _, tt := range []struct {
		name          string
		before, after func(*world)
		want          string // of the plan's text; "" is that there is nothing to do
	}{
		{"locked after it was made", none, lockTo(digest1, "base-debian-12"), ""},
		{"locked to another content after it was made", none, lockTo(digest1, "base-other"), "base-debian-12 → base-other (the tag moved)"},
		{"the image is gone", lockTo(digest1, "base-1"), lockTo(digest1, ""), ""},
		{"the tag moved", lockTo(digest1, "base-1"), func(w *world) { w.images["debian:12"].BaseID = "base-2" }, ""},
		{"upgraded", lockTo(digest1, "base-1"), lockTo(digest2, "base-2"), "sha256:111111111111 → sha256:222222222222 (locked)"},
		{"upgraded, and not there yet", lockTo(digest1, "base-1"), lockTo(digest2, ""), "sha256:111111111111 → sha256:222222222222 (locked)"},
		{"upgraded to the same content", lockTo(digest1, "base-1"), lockTo(digest2, "base-1"), ""},
		{"made unlocked, and the image is gone", none, lockTo(digest1, ""), "image.digest"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			tt.before(w)
			w.up(wantBox("web", "debian:12"))
			tt.after(w)
			p := w.plan(Options{}, wantBox("web", "debian:12"))
			if text := draw(p); tt.want == "" && !p.Empty() || !strings.Contains(text, tt.want) {
				t.Errorf("want %q:\n%s", tt.want, text)
			}
		})
	}
}

// TestLockedImagesAreCreatedByDigest: the container and the pull name the locked image, and the plan says so.
func TestLockedImagesAreCreatedByDigest(t *testing.T) {
	w := newWorld(t)
	w.locks = map[string]string{"debian:12": digest1}
	p := w.plan(Options{}, wantBox("web", "debian:12"))
	if text := draw(p); !strings.Contains(text, "image debian:12 @ sha256:111111111111 (locked)") || !strings.Contains(text, "as it is locked") {
		t.Error(text)
	}
	for _, s := range p.Steps {
		if s.Op == OpPull && s.Image.Reference != "debian:12@"+digest1 || s.Op == OpCreateBox && s.Create.Image != "debian:12@"+digest1 {
			t.Errorf("%s of %+v", s.Op, s)
		}
	}
}
