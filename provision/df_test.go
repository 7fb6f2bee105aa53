package provision

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/driver/fake"
)

func imageOf(size int64, layers ...driver.LayerUse) driver.ImageUse {
	return driver.ImageUse{Size: size, Layers: layers}
}

func layer(id string, size int64) driver.LayerUse { return driver.LayerUse{ID: id, Size: size} }

func TestLayersAreCountedOnce(t *testing.T) {
	t.Parallel()
	base, top := layer("base", 70), layer("top", 5)
	for name, test := range map[string]struct {
		images map[string]driver.ImageUse
		total  int64
		alone  map[string]int64
	}{
		"none":              {nil, 0, nil},
		"one":               {map[string]driver.ImageUse{"a": imageOf(75, base, top)}, 75, map[string]int64{"a": 75}},
		"a shared base":     {map[string]driver.ImageUse{"a": imageOf(70, base), "b": imageOf(75, base, top)}, 75, map[string]int64{"a": 0, "b": 5}},
		"a layer elsewhere": {map[string]driver.ImageUse{"a": imageOf(75, base, top), "b": imageOf(5, top)}, 80, map[string]int64{"a": 75, "b": 5}},
		"copies beside the layers": {
			map[string]driver.ImageUse{"a": imageOf(100, base), "b": imageOf(107, base, top)}, 70 + 5 + 30 + 32, map[string]int64{"a": 30, "b": 37},
		},
		"layers without a size": {
			map[string]driver.ImageUse{"a": imageOf(70, layer("base", -1)), "b": imageOf(75, layer("base", -1), layer("top", -1))},
			75, map[string]int64{"a": 70, "b": 5},
		},
		"no layers": {map[string]driver.ImageUse{"a": imageOf(9), "b": imageOf(8)}, 17, map[string]int64{"a": 9, "b": 8}},
	} {
		book := newLayerBook(test.images)
		if got := book.total(); got != test.total {
			t.Errorf("%s: %d in all, want %d", name, got, test.total)
		}
		for id, want := range test.alone {
			if got := book.alone(test.images[id]); got != want {
				t.Errorf("%s: image %s alone is %d, want %d", name, id, got, want)
			}
		}
	}
}

func TestSpace(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.up(`box "web" {
  image = "debian:bookworm-slim"
  count = 20
  volume "data" { target = "/data" }
}
box "api" {
  image    = "debian:bookworm-slim"
  packages = ["git"]
}`, UpOptions{})
	if err := p.engine.(*fake.Engine).ByHand("write", "shop-web-3", "/big", "0123456789"); err != nil {
		t.Fatal(err)
	}
	if err := p.engine.(*fake.Engine).ByHand("write", "shop-web-4", "/data/big", "01234567"); err != nil {
		t.Fatal(err)
	}
	calls := &fake.Calls{}
	s, err := MeasureSpace(t.Context(), fake.Intercept(p.engine, calls.Hook), p.id, there)
	if err != nil || len(s.Projects) != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	if got, want := calls.String(), "DiskUse 1, Everywhere 1"; got != want {
		t.Errorf("calls %s, want %s", got, want)
	}
	web, err := p.engine.Image(t.Context(), "debian:bookworm-slim", "")
	if err != nil {
		t.Fatal(err)
	}
	x, api := s.Projects[0], s.Images[0]
	if diff := cmp.Diff(Shares{Images: api.Size, Boxes: x.Shares.Boxes, Volumes: 9}, x.Shares); diff != "" {
		t.Errorf("shares (-want +got):\n%s", diff)
	}
	if api.Boxes != 1 || s.Images[1].Boxes != 20 || s.Images[1].Size != web.Size || s.Images[1].Alone != 0 || api.Alone != api.Size-web.Size {
		t.Errorf("images %+v", s.Images)
	}
	if len(x.Boxes) != 21 || len(x.Volumes) != 20 || x.Volumes[0].Name != "shop-web-1.data" || x.Boxes[0].Name != "api" {
		t.Errorf("boxes %+v, volumes %+v", x.Boxes, x.Volumes)
	}
	if x.Boxes[3].Own < x.Boxes[2].Own+10 {
		t.Errorf("own layers %+v", x.Boxes)
	}
	if s.Apart != 20*web.Size+api.Size+x.Shares.Boxes || s.Total.Sum() != api.Size+x.Shares.Boxes+9 {
		t.Errorf("apart %d, together %d: %+v", s.Apart, s.Total.Sum(), s.Total)
	}
}
