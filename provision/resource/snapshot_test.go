package resource

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestSnapshotNames(t *testing.T) {
	id, other := Identity{Checkout: "c", User: "1"}, Identity{Checkout: "d", User: "1"}
	whole := Owner{Snapshot: "before", SnapshotPart: SnapshotWhole, SnapshotRun: "r1"}
	again := whole
	again.SnapshotRun = "r2"
	if SnapshotVolumeName(id, whole) != SnapshotVolumeName(id, again) {
		t.Error("two saves of one name do not meet at one volume")
	}
	seen := map[string]Owner{}
	for _, x := range []struct {
		id Identity
		o  Owner
	}{
		{id, whole}, {other, whole}, {id, Owner{Snapshot: "after", SnapshotPart: SnapshotWhole}}, {id, Owner{SnapshotPart: SnapshotJournal}},
		{id, Owner{Box: "web", Index: 1, Volume: "data", SnapshotPart: SnapshotContent, SnapshotRun: "r"}},
		{id, Owner{Box: "web", Index: 2, Volume: "data", SnapshotPart: SnapshotContent, SnapshotRun: "r"}},
		{id, Owner{Box: "web", Index: 1, Volume: "data", SnapshotPart: SnapshotBackup, SnapshotRun: "r"}},
		{id, Owner{Volume: "data", SnapshotPart: SnapshotContent, SnapshotRun: "r"}},
	} {
		name := SnapshotVolumeName(x.id, x.o)
		if had, ok := seen[name]; ok {
			t.Errorf("%+v and %+v are both %s", had, x.o, name)
		}
		seen[name] = x.o
	}
}

func TestSavedLoss(t *testing.T) {
	saved := Loss{Count: 2, Bytes: 30, Largest: []string{"/b"}, Paths: []string{"/a", "/b"}}.Saved()
	got := saved.With(Loss{Count: 2, Bytes: 5, Largest: []string{"/c"}, Paths: []string{"/b", "/c"}})
	want := Loss{Count: 3, Bytes: 35, Largest: []string{"/b", "/c"}, Paths: []string{"/a", "/b", "/c"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("both together: %s", diff)
	}
	if l := (SavedLoss{Unknown: true}).With(Loss{}); !l.Unknown {
		t.Error("what was unknown is known")
	}
	var many Loss
	for i := range 3 * maxSavedPaths {
		many.Paths = append(many.Paths, strings.Repeat("x", i%7)+"/")
		many.Count++
	}
	if s := many.Saved(); len(s.Paths) != maxSavedPaths || s.Count != many.Count {
		t.Errorf("%d paths kept of %d, count %d", len(s.Paths), len(many.Paths), s.Count)
	}
}

func TestNewerSnapshotIsRefused(t *testing.T) {
	var newer *NewerSnapshotError
	if _, err := DecodeSnapshot[SnapshotManifest](`{"v":2,"boxes":7}`); !errors.As(err, &newer) || newer.Version != 2 {
		t.Errorf("error = %v", err)
	}
	for _, text := range []string{"", "{", "null", `{"v":0}`, `{"v":1,"boxes":5}`, strings.Repeat("x", MaxLabel+1)} {
		if m, err := DecodeSnapshot[SnapshotManifest](text); err == nil {
			t.Errorf("%.20q is decoded: %+v", text, m)
		}
	}
}

// FuzzDecodeSnapshot: what is read keeps its value when it is written again.
func FuzzDecodeSnapshot(f *testing.F) {
	f.Add(EncodeSnapshot(SnapshotManifest{Version: 1, Created: time.Unix(1, 0).UTC(), Boxes: []SnapshotMember{{"web", "web", 1, "i"}}, Volumes: []SnapshotCopy{{"web", 1, "data", "n"}}, Bytes: 7}))
	f.Add(EncodeSnapshot(SnapshotBox{Version: 1, Life: "l", Files: map[string]string{"/f": "h"}, Runs: map[string]Run{"p": {Hash: "h"}}, Lost: SavedLoss{Count: 1, Paths: []string{"/a"}}}))
	f.Add(EncodeSnapshot(RestoreJournal{Version: 1, Image: "i", Backups: []RestoreBackup{{"a", "b"}}, Ran: []RestoreRan{{ID: "x", Paused: true}}}))
	f.Add(`{"v":2}`)
	f.Fuzz(func(t *testing.T, text string) {
		again(t, text, DecodeSnapshot[SnapshotManifest], EncodeSnapshot[SnapshotManifest])
		again(t, text, DecodeSnapshot[SnapshotBox], EncodeSnapshot[SnapshotBox])
		again(t, text, DecodeSnapshot[RestoreJournal], EncodeSnapshot[RestoreJournal])
	})
}

func again[T any](t *testing.T, text string, decode func(string) (T, error), encode func(T) string) {
	t.Helper()
	v, err := decode(text)
	if err != nil {
		return
	}
	back, err := decode(encode(v))
	if err != nil {
		t.Fatalf("what was decoded does not encode to itself: %v", err)
	}
	if diff := cmp.Diff(v, back, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("round trip:\n%s", diff)
	}
}
