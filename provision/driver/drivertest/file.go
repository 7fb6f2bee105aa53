package drivertest

import (
	"context"
	"slices"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

func fileTests() []test {
	return []test{
		{"written and recorded", testWriteFiles},
		{"taken away", testTakeAway},
		{"changes", testChanges},
		{"stat", testStat},
		{"size", testSize},
	}
}

func testWriteFiles(b *bench) {
	id := b.up("web")
	write := func(content, hash string) {
		b.Helper()
		b.must(b.d.WriteFiles(b.ctx, id, []resource.FileContent{
			{Target: "/etc/deep/app.conf", Hash: hash, Content: []byte(content)},
			{Target: "/usr/local/bin/tool", Mode: "0755", Owner: "root", Hash: "tool", Content: []byte("#!/bin/sh\necho tool\n")},
		}))
	}
	write("one\n", "h1")
	b.want(id, "cat /etc/deep/app.conf", "one")
	b.holds(id, "test -x /usr/local/bin/tool; test ! -x /etc/deep/app.conf")
	write("two\n", "h2")
	b.want(id, "cat /etc/deep/app.conf", "two")
	for range 2 { // running, then stopped
		files := b.record(id).Files
		if files["/etc/deep/app.conf"] != "h2" || files["/usr/local/bin/tool"] != "tool" {
			b.Errorf("recorded files: %v", files)
		}
		b.must(b.d.StopBox(b.ctx, id, 0))
	}
}

func testTakeAway(b *bench) {
	id := b.up("web")
	files := []resource.FileContent{
		{Target: "/etc/plain.conf", Hash: "h", Content: []byte("as written\n")},
		{Target: "/etc/edited.conf", Hash: "h", Content: []byte("as written\n")},
	}
	b.must(b.d.WriteFiles(b.ctx, id, files))
	b.holds(id, "echo mine > /etc/edited.conf")
	for i := range files {
		files[i] = resource.FileContent{Target: files[i].Target, Remove: true}
	}
	for range 2 {
		b.must(b.d.WriteFiles(b.ctx, id, files))
	}
	b.holds(id, "test ! -e /etc/plain.conf")
	b.want(id, "cat /etc/edited.conf", "mine")
	if left := b.record(id).Files; len(left) != 0 {
		b.Errorf("recorded files: %v", left)
	}
}

func (b *bench) changes(id string) []driver.Change {
	b.Helper()
	c, err := b.d.Changes(b.ctx, id)
	b.must(err)
	if !slices.IsSortedFunc(c, func(x, y driver.Change) int { return compare(x.Path, y.Path) }) {
		b.Errorf("changes are not sorted: %v", c)
	}
	return c
}

func compare(x, y string) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

func testChanges(b *bench) {
	volume := b.volume("data")
	id := b.up("web", withVolume(volume, "/data", false))
	b.holds(id, "mkdir -p /made/deep; echo x > /made/deep/file; echo x > /top; echo x > /data/inside")
	if b.ImageFile != "" {
		b.holds(id, "rm "+b.ImageFile)
	}
	for range 2 { // running, then stopped
		got := map[string]driver.Change{}
		for _, c := range b.changes(id) {
			got[c.Path] = c
		}
		for _, p := range []string{"/made/deep/file", "/top"} {
			if c, ok := got[p]; !ok || c.Kind != driver.Added || c.Deleted {
				b.Errorf("change of %s: %+v, %t", p, c, ok)
			}
		}
		for _, p := range []string{"/made", "/made/deep", "/data", "/data/inside"} {
			if c, ok := got[p]; ok {
				b.Errorf("a directory or a volume's file is a change: %+v", c)
			}
		}
		if c := got[b.ImageFile]; b.ImageFile != "" && (c.Kind != driver.Removed || !c.Deleted) {
			b.Errorf("removed file: %+v", c)
		}
		b.must(b.d.StopBox(b.ctx, id, 0))
	}
}

func testStat(b *bench) {
	id := b.up("web")
	b.holds(id, "mkdir -p /made; echo 12345 > /made/file")
	for _, when := range []string{"running", "stopped"} {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		stats, complete, err := b.d.Stat(ctx, id, []string{"/made", "/made/file", "/none"})
		cancel()
		b.must(err)
		if !complete || len(stats) != 3 {
			b.Fatalf("%s: complete %t, %+v", when, complete, stats)
		}
		if s := stats["/made/file"]; !s.Exists || s.Dir || s.Size != 6 || time.Since(s.MTime).Abs() > time.Hour {
			b.Errorf("%s: file %+v", when, s)
		}
		if s := stats["/made"]; !s.Exists || !s.Dir {
			b.Errorf("%s: directory %+v", when, s)
		}
		if s := stats["/none"]; s.Exists {
			b.Errorf("%s: missing path %+v", when, s)
		}
		b.must(b.d.StopBox(b.ctx, id, 0))
	}
	if stats, complete, err := b.d.Stat(b.ctx, id, nil); err != nil || !complete || len(stats) != 0 {
		b.Errorf("stat of nothing: %v, %t, %v", stats, complete, err)
	}
}

func testSize(b *bench) {
	id := b.up("web")
	b.holds(id, "echo 0123456789 > /file")
	rw, root, err := b.d.Size(b.ctx, id)
	b.must(err)
	if rw < 11 || root < rw {
		b.Errorf("sizes: %d of its own, %d with the image", rw, root)
	}
}
