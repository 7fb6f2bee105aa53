package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/provision/resource"
)

// restoreOf is a world with two boxes, of which a snapshot has one with its volume; web, which shares it, stands beside it.
func restoreOf(t *testing.T) (*world, Input, Restoration) {
	w := newWorld(t)
	volume := func(s *resource.BoxSpec) {
		s.Mounts = []resource.MountSpec{{Type: resource.MountVolume, Name: "data", Target: "/data", Shared: true}}
	}
	db, web := wantBox("db", "debian:12", spec(volume)), wantBox("web", "debian:12", spec(volume))
	db.Spec.Meta.Order, web.Spec.Meta.Order = 1, 2
	web.DependsOn = []resource.Key{db.Key}
	w.up(db, web)
	in := Input{
		Desired: w.desired(db, web), Observed: w.observed, Images: w.images, Options: Options{Only: []resource.Key{db.Key}},
		Answers: Answers{Losses: map[string]*resource.Loss{}, Asked: map[Question]bool{{Kind: AskNames}: true}},
	}
	for _, b := range w.observed.Boxes {
		in.Answers.Asked[Question{Kind: AskLoss, Box: b.ID}] = true
	}
	return w, in, Restoration{
		Snapshot: "before", Run: "0a1b2c3d",
		Boxes: map[resource.Key]RestoredBox{db.Key: {Image: "image", Data: resource.SnapshotBox{
			Life: "life", Image: resource.ImageSpec{Reference: "debian:12", Base: "base-debian-12"},
		}}},
		Volumes: []resource.SnapshotCopy{{Volume: "data", Name: "copy"}},
	}
}

// stepLines are steps as text, each with what comes before it where that is not the one above.
func stepLines(p *Plan) []string {
	var out []string
	for i, s := range p.Steps {
		line := fmt.Sprintf("%s %s", s.Op, s.Address)
		if s.Name != "" && s.Op != OpCreateBox {
			line += " " + s.Name
		}
		if len(s.Needs) != min(i, 1) || i > 0 && s.Needs[0] != i {
			line += fmt.Sprint(" needs ", s.Needs)
		}
		out = append(out, strings.NewReplacer(
			resource.SnapshotVolumeName(resource.Identity{Checkout: "c0", User: "1000"}, resource.Owner{SnapshotPart: resource.SnapshotJournal}), "JOURNAL",
			resource.SnapshotVolumeName(resource.Identity{Checkout: "c0", User: "1000"}, resource.Owner{Volume: "data", SnapshotRun: "0a1b2c3d", SnapshotPart: resource.SnapshotBackup}), "BACKUP",
		).Replace(line))
	}
	return out
}

// TestRestoreOrder: what volumes hold lies aside before the journal is there, and nothing is overwritten before that.
func TestRestoreOrder(t *testing.T) {
	_, in, r := restoreOf(t)
	got, journal := Restore(in, r)
	if got.Plan == nil || len(got.Plan.Problems) > 0 {
		t.Fatalf("%+v", got)
	}
	want := []string{
		"create-box box.db", "stop box.web", "stop box.db", "recheck-loss box.db",
		"create-volume volume.BACKUP BACKUP", "copy-volume volume.BACKUP BACKUP", "create-volume volume.JOURNAL JOURNAL",
		"copy-volume volume.shop.data shop.data", "start box.db", "start box.web", "remove-volume volume.JOURNAL JOURNAL",
		"rename box.db shop-db.old", "rename box.db shop-db", "remove box.db", "remove-volume volume.BACKUP BACKUP",
	}
	if diff := cmp.Diff(want, stepLines(got.Plan)); diff != "" {
		t.Errorf("steps: %s", diff)
	}
	c := got.Plan.Steps[0].Create
	if c.Life != "life" || c.Image != "image" || c.Labels[resource.LabelSnapshot] != "before" || cmp.Diff([]string{"/data"}, c.Kept) != "" {
		t.Errorf("the box: %+v", c)
	}
	if c.Labels[resource.LabelSpecHash] != in.Observed.Boxes[0].SpecHash {
		t.Error("a box whose Envfile is the same is another than is wanted")
	}
	if len(journal.Ran) != 2 || journal.Ran[0].Box != "db" || len(journal.Backups) != 1 || len(journal.Fresh) != 1 {
		t.Errorf("journal: %+v", journal)
	}
}

func TestRestoreProblems(t *testing.T) {
	w, in, r := restoreOf(t)
	fresh := *w.box("", "shop-db")
	fresh.ID, fresh.Name = "f", "shop-db.new"
	in.Observed.Boxes = append(in.Observed.Boxes, fresh)
	if got, _ := Restore(in, r); len(got.Plan.Problems) != 1 || !strings.Contains(got.Plan.Problems[0].Summary, "not finished") {
		t.Errorf("%+v", got.Plan.Problems)
	}
	_, in, r = restoreOf(t)
	in.Desired.Boxes[1].Spec.NetworkMode = "box:db"
	if got, _ := Restore(in, r); len(got.Plan.Problems) != 1 || !strings.Contains(got.Plan.Problems[0].Summary, "shares the network") {
		t.Errorf("%+v", got.Plan.Problems)
	}
	_, in, r = restoreOf(t)
	run := in.Observed.Boxes[1]
	run.ID, run.Name, run.Owner.Run = "r", "shop-web.run-0a1b2c", "0a1b2c"
	in.Observed.Boxes = append(in.Observed.Boxes, run)
	if got, _ := Restore(in, r); len(got.Plan.Problems) != 1 || !strings.Contains(got.Plan.Problems[0].Summary, "throw-away") {
		t.Errorf("%+v", got.Plan.Problems)
	}
}

// TestUndoOrder: the journal goes last but for what it speaks of, and a copy that is not whole is never copied back.
func TestUndoOrder(t *testing.T) {
	w, in, r := restoreOf(t)
	_, journal := Restore(in, r)
	id := resource.Identity{Checkout: "c0", User: "1000"}
	for _, o := range []resource.Owner{
		{SnapshotPart: resource.SnapshotJournal, SnapshotRun: r.Run}, {Volume: "data", SnapshotPart: resource.SnapshotBackup, SnapshotRun: r.Run},
		{Snapshot: "before", SnapshotPart: resource.SnapshotWhole, SnapshotRun: "other"},
	} {
		w.observed.Snapshots = append(w.observed.Snapshots, resource.SnapshotVolume{Name: resource.SnapshotVolumeName(id, o), Owner: o})
	}
	fresh := *w.box("", "shop-db")
	fresh.ID, fresh.Name, fresh.Owner.SnapshotRun = "f", "shop-db.new", r.Run
	w.observed.Boxes = append(w.observed.Boxes, fresh)
	for i := range w.observed.Boxes {
		w.observed.Boxes[i].State = resource.StateExited
	}
	want := []string{
		"remove box.db", "copy-volume volume.shop.data shop.data", "start box.db", "start box.web",
		"remove-volume volume.JOURNAL JOURNAL", "remove-volume volume.BACKUP BACKUP",
	}
	if diff := cmp.Diff(want, stepLines(UndoRestore(w.observed, "shop", r.Run, *journal, true))); diff != "" {
		t.Errorf("with a journal: %s", diff)
	}
	volumes := w.observed.Volumes
	w.observed.Volumes = nil // somebody removed it
	made := UndoRestore(w.observed, "shop", r.Run, *journal, true).Steps[1]
	if made.Op != OpCreateVolume || made.Name != "shop.data" || made.Volume.Labels[resource.LabelVolume] != "data" || made.Volume.Labels[resource.LabelSnapshotPart] != "" {
		t.Errorf("a volume that is gone: %+v", made)
	}
	w.observed.Volumes = volumes
	want = append(want[:1:1], want[2:]...)
	if diff := cmp.Diff(want, stepLines(UndoRestore(w.observed, "shop", r.Run, *journal, false))); diff != "" {
		t.Errorf("without: %s", diff)
	}
}

// TestSnapshotsInPlans: nothing is planned beside an unfinished restore, leavings go, and destroy keeps what is whole.
func TestSnapshotsInPlans(t *testing.T) {
	w := newWorld(t)
	web := wantBox("web", "debian:12")
	w.up(web)
	part := func(name string, part resource.SnapshotPart, run string) resource.SnapshotVolume {
		return resource.SnapshotVolume{Name: name + "-" + string(part), Owner: resource.Owner{Snapshot: name, SnapshotPart: part, SnapshotRun: run}}
	}
	w.observed.Snapshots = []resource.SnapshotVolume{
		part("a", resource.SnapshotWhole, "1"), part("a", resource.SnapshotContent, "1"), part("b", resource.SnapshotContent, "2"),
	}
	if diff := cmp.Diff([]string{"remove-volume volume.b-content b-content"}, stepLines(w.plan(Options{}, web))); diff != "" {
		t.Errorf("leavings: %s", diff)
	}
	p := Destroy(Scope{Observed: w.observed, Project: "shop"}).Plan
	if diff := cmp.Diff([]string{"a"}, p.KeptSnapshots); diff != "" || strings.Contains(strings.Join(stepLines(p), "\n"), "a-whole") {
		t.Errorf("kept: %s", diff)
	}
	p = Destroy(Scope{Observed: w.observed, Project: "shop", Volumes: true, Images: []SnapshotImage{{"a", []string{"i:1"}}}}).Plan
	order := strings.Join(stepLines(p), "\n")
	whole, image, content := strings.Index(order, "a-whole"), strings.Index(order, "remove-image snapshot.a i:1"), strings.Index(order, "a-content")
	if whole < 0 || image < whole || content < whole || !strings.Contains(order, "b-content") || !strings.Contains(order, "shop.envy") {
		t.Errorf("destroy with volumes:\n%s", order)
	}
	w.observed.Snapshots = append(w.observed.Snapshots, part("a", resource.SnapshotJournal, "3"))
	if p := w.plan(Options{}, web); len(p.Problems) != 1 {
		t.Errorf("beside an unfinished restore: %+v", p.Problems)
	}
	w.observed.Boxes[0].Owner.Snapshot = "a"
	if r := DeleteSnapshot(Scope{Observed: w.observed, Project: "shop"}, "a"); len(r.Plan.Problems) != 1 {
		t.Errorf("deletion of what a box runs from: %+v", r.Plan.Problems)
	}
}
