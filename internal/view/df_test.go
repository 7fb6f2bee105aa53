package view

import "testing"

func someDisk() DiskJSON {
	size := int64(48_300_000)
	return DiskJSON{
		Projects: []DiskProject{
			{Project: "many", Path: "/src/many", Images: 75_000_000, Own: 1500, Boxes: []DiskBox{{"web-1", "debian:bookworm-slim", 1000}, {"web-2", "debian:bookworm-slim", 500}}},
			{Project: "shop", Path: "/src/evil\x1b[2J", Images: 121_000_000, Own: 6500, Volumes: size, Boxes: []DiskBox{{"db", "postgres:16", 6500}}, Data: []DiskVolume{{"shop-db.data", &size}, {"shop-db.logs", nil}}},
		},
		Images: []DiskImage{
			{"postgres:16", "sha256:0123456789abcdef0123", 1, 121_000_000, 46_000_000}, {"debian:bookworm-slim", "short", 2, 75_000_000, 0},
		},
		Program: 3_100_000,
		Total:   DiskTotal{Images: 121_000_000, Own: 8000, Volumes: 51_400_000, Sum: 172_408_000, Apart: 271_008_000},
	}
}

func TestDisk(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		golden string
		format Format
		color  bool
		disk   DiskJSON
		all    bool
	}{
		{"df.plain", Plain, false, someDisk(), false},
		{"df.verbose", Plain, false, someDisk(), true},
		{"df.color", Human, true, someDisk(), false},
		{"df.quiet", Quiet, false, someDisk(), false},
		{"df.json", JSON, false, someDisk(), false},
		{"df.empty", Plain, false, DiskJSON{}, true},
		{"df.empty.json", JSON, false, DiskJSON{}, false},
	} {
		t.Run(test.golden, func(t *testing.T) {
			v, out, err := shown(test.format, test.color, 0)
			if err := v.Disk(test.disk, test.all); err != nil {
				t.Fatal(err)
			}
			golden(t, test.golden, out.String())
			if err.Len() > 0 {
				t.Errorf("stderr %q", err)
			}
		})
	}
}
