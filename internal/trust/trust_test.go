package trust

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	ssh    = Entry{"share", `box "a" shares /home/u/.ssh, outside the project (read)`}
	root   = Entry{"privileged", `box "a" is privileged`}
	public = Entry{"public port", `box "a" publishes port "80" (80/tcp) on 0.0.0.0`}
	noon   = time.Date(2026, 1, 2, 12, 0, 0, 5, time.FixedZone("x", 3600))
)

// The digest is what CI was told to accept: it may never come out otherwise.
func TestDigest(t *testing.T) {
	if got, want := Digest([]Entry{ssh, root}), "d7d058f502886205386234c4a18884eba903cfbc"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if Digest([]Entry{ssh, root}) != Digest([]Entry{root, ssh, root}) {
		t.Error("the order or a double counts")
	}
	seen := map[string]string{}
	for _, list := range [][]Entry{
		nil, {ssh}, {root}, {ssh, root}, {{"share", root.What}}, {{"", ""}}, {{"a", "bc"}}, {{"ab", "c"}}, {{"a", "b"}, {"c", "d"}}, {{"a", "bc"}, {"", "d"}},
	} {
		d := Digest(list)
		if len(d) != DigestLength {
			t.Errorf("%d digits", len(d))
		}
		if other, ok := seen[d]; ok {
			t.Errorf("%v and %s have one digest", list, other)
		}
		seen[d] = fmt.Sprint(list)
	}
}

func TestTrusts(t *testing.T) {
	r := Record{}.With([]Entry{ssh, root}, noon).With([]Entry{root, public}, noon)
	for name, tc := range map[string]struct {
		entries []Entry
		want    bool
	}{
		"nothing":               {nil, true},
		"the same":              {[]Entry{root, ssh}, true},
		"less":                  {[]Entry{ssh}, true},
		"another":               {[]Entry{public}, true},
		"never together":        {[]Entry{ssh, public}, false},
		"more":                  {[]Entry{ssh, root, public}, false},
		"the kind is different": {[]Entry{{"socket", ssh.What}}, false},
		"the text is different": {[]Entry{{ssh.Kind, strings.Replace(ssh.What, "read", "read and write", 1)}}, false},
	} {
		if got := r.Trusts(tc.entries); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if (Record{}).Trusts([]Entry{ssh}) {
		t.Error("nothing was accepted, and yet it is trusted")
	}
	if !r.Knows(public) || r.Knows(Entry{"public port", "x"}) {
		t.Error("what was accepted once is not told from what is new")
	}
}

func TestWith(t *testing.T) {
	r := Record{User: 1000, Path: "/home/u/shop/Envfile"}.With([]Entry{ssh}, noon)
	before := r
	r = r.With([]Entry{root, ssh, root}, noon)
	want := Record{User: 1000, Path: "/home/u/shop/Envfile", Lists: []List{{
		Digest: Digest([]Entry{root, ssh}), Accepted: time.Date(2026, 1, 2, 11, 0, 0, 0, time.UTC), Entries: []Entry{root, ssh},
	}}}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
	if len(before.Lists[0].Entries) != 1 {
		t.Error("the record before was changed")
	}
	for i := range 2 * maxLists {
		r = r.With([]Entry{{"share", fmt.Sprint(i)}}, noon)
	}
	if len(r.Lists) != maxLists || r.Trusts([]Entry{ssh}) || !r.Trusts([]Entry{{"share", fmt.Sprint(2*maxLists - 1)}}) {
		t.Errorf("%d lists", len(r.Lists))
	}
}

func TestDecode(t *testing.T) {
	r := Record{User: 1000, Path: "/home/u/shop/Envfile"}.With([]Entry{ssh, root}, noon)
	data, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(data)
	if err != nil || cmp.Diff(r, again) != "" {
		t.Errorf("%v %s", err, cmp.Diff(r, again))
	}
	text := string(data)
	for name, bad := range map[string]string{
		"nothing":            "",
		"cut off":            text[:len(text)-10],
		"no JSON":            "trust me",
		"two":                text + text,
		"a tail":             text + "x",
		"another format":     strings.Replace(text, format, "envy.plan", 1),
		"a newer version":    strings.Replace(text, `"version": 1`, `"version": 2`, 1),
		"an entry changed":   strings.Replace(text, "/home/u/.ssh", "/", 1),
		"a digest changed":   strings.Replace(text, r.Lists[0].Digest, strings.Repeat("0", DigestLength), 1),
		"wrong types":        strings.Replace(text, `"user": 1000`, `"user": "root"`, 1),
		"too large":          strings.Repeat(" ", MaxBytes) + text,
		"nested without end": strings.Repeat("[", 1<<20),
	} {
		if _, err := Decode([]byte(bad)); err == nil {
			t.Errorf("%s is read", name)
		}
	}
	if _, err := (Record{}).With([]Entry{{"share", strings.Repeat("x", MaxBytes)}}, noon).Encode(); err == nil {
		t.Error("what is too long to be read again is written")
	}
}

// Whatever was accepted is trusted after it was kept, and each part of it; one entry more is not.
func TestProperty(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // cases of a test
	entry := func() Entry { return Entry{fmt.Sprint("k", random.IntN(3)), fmt.Sprint("w", random.IntN(6))} }
	for range 300 {
		var r Record
		var last []Entry
		for range 1 + random.IntN(4) {
			last = nil
			for range 1 + random.IntN(5) {
				last = append(last, entry())
			}
			r = r.With(last, noon)
		}
		data, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if r, err = Decode(data); err != nil {
			t.Fatal(err)
		}
		if !r.Trusts(last) || !r.Trusts(last[:random.IntN(len(last)+1)]) || r.Trusts(append(last, Entry{"new", "new"})) {
			t.Fatalf("%v: %s", last, data)
		}
	}
}

// FuzzDecode: no bytes end the process, and what is read is whole and can be kept again.
func FuzzDecode(f *testing.F) {
	data, err := Record{User: 1, Path: "/p"}.With([]Entry{ssh, root}, noon).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"format":"envy.trust-record","version":1,"lists":[{"digest":""}]}`))
	f.Add([]byte(`{"format":"envy.trust-record","version":1,"user":1e99}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Decode(data)
		if err != nil {
			return
		}
		for _, l := range r.Lists {
			if !r.Trusts(l.Entries) {
				t.Errorf("%v is not trusted", l)
			}
		}
		again, err := r.Encode()
		if err != nil {
			return
		}
		if _, err := Decode(again); err != nil {
			t.Errorf("%v cannot be read again: %v", r, err)
		}
	})
}
