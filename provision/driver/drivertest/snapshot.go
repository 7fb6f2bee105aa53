package drivertest

import (
	"context"
	"slices"
	"strings"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

func snapshotTests() []test {
	return []test{
		{"commit", testCommit},
		{"commit keeps no configuration", testCommitConfiguration},
		{"life of a record", testLife},
		{"volumes that are kept", testKeptVolumes},
		{"copy of a volume", testCopyVolume},
		{"copy of everything", testCopyEverything},
		{"copy is ended", testCopyEnded},
		{"observed apart", testSnapshotVolumes},
		{"nothing to keep", testNothingToKeep},
	}
}

// committed is an image of a box, under a name of the test's own.
func (b *bench) committed(id, tag string) (ref string, c driver.Committed) {
	b.Helper()
	ref = resource.SnapshotReference(b.project, "web", tag, "0a1b2c3d")
	labels := b.labels(resource.Owner{Box: "web", Index: 1, Snapshot: tag, SnapshotPart: resource.SnapshotImage, SnapshotRun: "0a1b2c3d"})
	c, err := b.d.CommitBox(b.ctx, driver.Commit{ID: id, Reference: ref, Labels: labels})
	b.must(err)
	b.keep(&b.images, ref)
	return ref, c
}

// from makes a box of an image that was committed.
func from(ref, life string) func(*driver.NewBox) {
	return func(n *driver.NewBox) { n.Image, n.Life = ref, life }
}

func testCommit(b *bench) {
	volume := b.volume("data")
	id := b.up("web", withVolume(volume, "/data", false))
	b.holds(id, "mkdir -p /made/deep; echo x > /made/deep/file; chmod 750 /made/deep; echo y > /data/inside")
	if b.ImageFile != "" {
		b.holds(id, "rm "+b.ImageFile)
	}
	b.must(b.d.PauseBox(b.ctx, id))
	ref, c := b.committed(id, "one")
	b.wantState(id, resource.StatePaused)
	b.must(b.d.UnpauseBox(b.ctx, id))
	fact, err := b.d.Image(b.ctx, ref, "")
	b.must(err)
	if fact.ID != c.ImageID || c.Own < 2 {
		b.Errorf("image %s, inspected %s; %d bytes of its own", c.ImageID, fact.ID, c.Own)
	}
	if n := len(b.fact.Layers); len(fact.Layers) != n+1 || !slices.Equal(fact.Layers[:n], b.fact.Layers) {
		b.Errorf("layers %v are not one on top of %v", fact.Layers, b.fact.Layers)
	}
	b.must(b.d.RemoveBox(b.ctx, id))
	again := b.up("web", from(ref, ""))
	b.want(again, "cat /made/deep/file", "x")
	b.holds(again, "test ! -e /data/inside")
	if b.ImageFile != "" {
		b.holds(again, "test ! -e "+b.ImageFile)
	}
	b.wantKind("an image that a box is made of", b.d.RemoveImage(b.ctx, ref), driver.Conflict)
	b.must(b.d.RemoveBox(b.ctx, again))
	b.must(b.d.RemoveImage(b.ctx, ref))
	left, err := b.d.OwnedImages(b.ctx, b.id)
	b.must(err)
	if len(left) > 0 {
		b.Errorf("images that are left: %+v", left)
	}
}

// testCommitConfiguration: neither values of the box's environment nor its labels are in the image, and a box that is made
// of it has what it is given and nothing besides.
func testCommitConfiguration(b *bench) {
	id := b.up("web", func(n *driver.NewBox) {
		n.Spec.Env = resource.StrMap{"PLAIN": "plainly", "GONE": "gone"}
		n.Secrets = map[string]string{"PASSWORD": "hunter2"}
		n.Spec.Labels = resource.StrMap{"mine": "labelled"}
	})
	ref, _ := b.committed(id, "two")
	fact, err := b.d.Image(b.ctx, ref, "")
	b.must(err)
	for _, text := range append(slices.Clone(fact.Env), fact.Labels["mine"]) {
		if strings.Contains(text, "plainly") || strings.Contains(text, "hunter2") || strings.Contains(text, "labelled") {
			b.Errorf("the image keeps %q", text)
		}
	}
	if fact.Labels[resource.LabelSnapshot] != "two" || fact.Labels[resource.LabelSpec] != "" {
		b.Errorf("labels %v", fact.Labels)
	}
	b.must(b.d.RemoveBox(b.ctx, id))
	again := b.up("web", from(ref, "a life"), func(n *driver.NewBox) { n.Spec.Env = resource.StrMap{"PLAIN": "anew"} })
	b.want(again, "echo $PLAIN", "anew")
	if b.RealInside {
		b.want(again, "env | grep -c -e GONE -e PASSWORD || true", "0")
	}
}

func testLife(b *bench) {
	id := b.up("web")
	b.must(b.d.WriteFiles(b.ctx, id, []resource.FileContent{{Target: "/etc/app.conf", Hash: "h1", Content: []byte("one\n")}}))
	b.must(b.d.Release(b.ctx, id, []string{"/made"}))
	life := b.detail(id).Life
	if life == "" {
		b.Fatal("the box has no life")
	}
	ref, _ := b.committed(id, "three")
	b.must(b.d.RemoveBox(b.ctx, id))
	again := b.up("web", from(ref, life))
	if r := b.record(again); r.Files["/etc/app.conf"] != "h1" || !r.Released {
		b.Errorf("the record of a box that lives on: %+v", r)
	}
	if got := b.detail(again).Life; got != life {
		b.Errorf("life %q after %q", got, life)
	}
	b.must(b.d.RemoveBox(b.ctx, again))
	other := b.up("web", from(ref, ""))
	if r := b.record(other); len(r.Files) > 0 || r.Released {
		b.Errorf("the record of another box: %+v", r)
	}
}

// testKeptVolumes: an empty volume gets what the image has there, or nothing.
func testKeptVolumes(b *bench) {
	id := b.up("web")
	b.holds(id, "mkdir -p /data; chmod 711 /data; echo x > /data/file")
	ref, _ := b.committed(id, "five")
	b.must(b.d.RemoveBox(b.ctx, id))
	for volume, kept := range map[string][]string{b.volume("one"): nil, b.volume("two"): {"/data"}} {
		id := b.up("web", from(ref, ""), withVolume(volume, "/data", false), func(n *driver.NewBox) { n.Kept = kept })
		want := "file"
		if kept != nil {
			want = ""
		}
		b.want(id, "ls /data", want)
		if b.RealInside && kept != nil {
			b.want(id, "stat -c %a /data", "755")
		}
		b.must(b.d.RemoveBox(b.ctx, id))
	}
}

func (b *bench) copyVolume(from, to string) int64 {
	b.Helper()
	n, err := b.d.CopyVolume(b.ctx, driver.VolumeCopy{From: from, To: to, Image: b.Image})
	b.must(err)
	return n
}

func testCopyVolume(b *bench) {
	one, two := b.volume("one"), b.volume("two")
	mount := func(n *driver.NewBox) {
		withVolume(one, "/one", false)(n)
		withVolume(two, "/two", false)(n)
	}
	id := b.up("web", mount)
	b.holds(id, "mkdir -p /one/deep; echo x > /one/deep/file; echo old > /two/stale; mkdir /two/deep; echo old > /two/deep/other")
	b.must(b.d.StopBox(b.ctx, id, 0))
	for range 2 {
		if n := b.copyVolume(one, two); n < 2 {
			b.Errorf("%d bytes were copied", n)
		}
	}
	b.start(id)
	b.want(id, "cat /two/deep/file; cat /one/deep/file", "x\nx")
	b.holds(id, "test ! -e /two/stale; test ! -e /two/deep/other")
	b.holds(id, "echo changed > /two/deep/file")
	b.want(id, "cat /one/deep/file", "x")
	b.holds(id, "rm /one/deep/file; rmdir /one/deep || true")
	b.must(b.d.StopBox(b.ctx, id, 0))
	b.copyVolume(one, two)
	b.start(id)
	b.holds(id, "test ! -e /two/deep/file")
}

// testCopyEverything: what only a real file system has.
func testCopyEverything(b *bench) {
	if !b.RealInside {
		b.Skip("the files of the engine's boxes have nothing more to them")
	}
	one, two := b.volume("one"), b.volume("two")
	id := b.up("web", func(n *driver.NewBox) {
		withVolume(one, "/one", false)(n)
		withVolume(two, "/two", false)(n)
	})
	b.holds(id, `cd /one && mkdir -p a/b && echo hello > a/b/file && chown 1234:5678 a/b/file && chmod 6751 a/b/file && chmod 1777 a &&
		ln a/b/file hard && ln -s a/b/file soft && ln -s /nowhere dangling && chown -h 7:8 dangling && mkfifo pipe && mknod dev c 1 3 &&
		dd if=/dev/zero of=sparse bs=1 count=1 seek=33554431 2>/dev/null && touch -d '2001-02-03 04:05:06' a/b/file a/b a . && chown 11:12 /one`)
	b.copyVolume(one, two)
	describe := func(dir string) string {
		out, code := b.exec(id, `cd `+dir+` && find . | sort | while read f; do stat -c '%n %f %u:%g %h %y %t:%T %s' "$f"
			if [ -L "$f" ]; then readlink "$f"; elif [ -f "$f" ]; then md5sum < "$f"; fi; done`)
		if code != 0 {
			b.Errorf("exit code %d: %s", code, out)
		}
		return out
	}
	if first, second := describe("/one"), describe("/two"); first != second || strings.Count(first, "\n") < 12 {
		b.Errorf("the volume:\n%s\nits copy:\n%s", first, second)
	}
	b.want(id, "[ $(stat -c %i /two/hard) = $(stat -c %i /two/a/b/file) ] && [ $(stat -c %b /two/sparse) -lt 2048 ] && echo right", "right")
}

// testCopyEnded: when the caller gives up, nothing goes on copying, and the next copy is whole.
func testCopyEnded(b *bench) {
	one, two := b.volume("one"), b.volume("two")
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	if _, err := b.d.CopyVolume(ctx, driver.VolumeCopy{From: one, To: two, Image: b.Image}); err == nil {
		b.Error("a copy that nobody waits for succeeds")
	}
	b.copyVolume(one, two)
	b.must(b.d.RemoveVolume(b.ctx, two)) // nothing holds it
	b.must(b.d.RemoveVolume(b.ctx, one))
}

func testSnapshotVolumes(b *bench) {
	data := b.volume("data")
	owner := resource.Owner{Volume: "data", Snapshot: "four", SnapshotRun: "0a1b2c3d", SnapshotPart: resource.SnapshotContent}
	name := resource.SnapshotVolumeName(b.id, owner)
	labels := b.labels(owner)
	labels[resource.LabelSnapshotData] = "data"
	_, err := b.d.CreateVolume(b.ctx, driver.NewVolume{Name: name, Labels: labels})
	b.must(err)
	b.keep(&b.volumes, name)
	stranger := b.project + "-stranger"
	_, err = b.d.CreateVolume(b.ctx, driver.NewVolume{Name: stranger, Labels: labels})
	b.must(err)
	b.keep(&b.volumes, stranger)
	seen := b.observe()
	if len(seen.Volumes) != 1 || seen.Volumes[0].Name != data {
		b.Errorf("volumes: %+v", seen.Volumes)
	}
	if len(seen.Snapshots) != 1 || seen.Snapshots[0].Name != name || seen.Snapshots[0].Data != "data" || seen.Snapshots[0].Owner.Snapshot != "four" {
		b.Errorf("volumes of snapshots: %+v", seen.Snapshots)
	}
	if !slices.Contains(seen.Strangers, stranger) {
		b.Errorf("strangers: %v", seen.Strangers)
	}
}

func testNothingToKeep(b *bench) {
	one := b.volume("one")
	_, err := b.d.CommitBox(b.ctx, driver.Commit{ID: b.project + "-none", Reference: resource.SnapshotReference(b.project, "web", "none", "0")})
	b.wantKind("a commit of no box", err, driver.NotFound)
	id := b.create(b.newBox("web"))
	_, err = b.d.CommitBox(b.ctx, driver.Commit{ID: id, Reference: "A B"})
	b.wantKind("a commit under no name", err, driver.Invalid)
	for _, c := range []driver.VolumeCopy{{From: one, To: b.project + ".none", Image: b.Image}, {From: b.project + ".none", To: one, Image: b.Image}} {
		_, err = b.d.CopyVolume(b.ctx, c)
		b.wantKind("a copy of no volume", err, driver.NotFound)
	}
	two := b.volume("two")
	_, err = b.d.CopyVolume(b.ctx, driver.VolumeCopy{From: one, To: two, Image: b.project + ":none"})
	b.wantKind("a copy with no image", err, driver.NotFound)
	for _, v := range b.observe().Volumes {
		if v.Name == b.project+".none" {
			b.Error("a volume was made that nobody asked for")
		}
	}
}
