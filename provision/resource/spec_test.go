package resource

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// full is a spec with a value in every field, so that a field whose JSON name or place changes is noticed.
func full() BoxSpec {
	argv := Argv{"run", "it"}
	empty := Argv{}
	return BoxSpec{
		Version: 1,
		Image: ImageSpec{
			Reference: "debian:12", Build: &BuildSpec{Context: "c", Dockerfile: "d", Target: "t", Args: StrMap{"A": "1"}}, Base: "b",
			Packages: []string{"git"}, Setups: []SetupSpec{{Name: "s", Run: "r", User: "u", Env: StrMap{"E": "1"}, Inputs: "i"}}, Platform: "linux/amd64",
		},
		Service: true, Command: &argv, Entrypoint: &empty, Oneshot: true, Env: StrMap{"B": "2", "A": "1"}, SecretEnv: StrMap{"S": "k:h"},
		UnsetEnv: []string{"U"}, Path: []string{"/p"}, User: &UserSpec{Name: "dev", UID: 1000, GID: 1000, Adopt: true}, Login: &UserSpec{Name: "l", UID: 1, GID: 2}, Groups: []string{"g"},
		Workdir: "/w", Shell: "/bin/sh", Hostname: "h", Ports: []PortSpec{{Name: "http", Guest: 80, Host: 8080, Written: 80, Protocol: "udp", Address: "0.0.0.0"}},
		Mounts: []MountSpec{
			{Type: MountBind, Source: "/s", Target: "/t", ReadOnly: true, Name: "n", Git: true},
			{Type: MountVolume, Target: "/v", Shared: true, External: "x", Name: "v"}, {Type: MountTmpfs, Target: "/tmpfs", Size: 1},
			{Type: MountVolume, Target: "/image", Name: "abc", Image: true},
		},
		Networks: []NetworkJoin{{Network: "default", Aliases: []string{"a"}, IP: "10.0.0.2"}}, Aliases: []string{"al"},
		Files:       []FileSpec{{Target: "/f", Content: "h", Mode: "644", Owner: "o"}},
		Provisions:  []ProvisionSpec{{Name: "p", Run: "r", When: "once", After: "healthy", Timeout: 5}},
		Healthcheck: &HealthSpec{Command: []string{"CMD", "true"}, Interval: 1, Timeout: 2, Retries: 3, StartPeriod: 4},
		Restart:     "always", NanoCPUs: 1, Memory: 2, ShmSize: 3, GPUs: "all", Ulimits: []UlimitSpec{{Name: "nofile", Soft: 1, Hard: 2}},
		StopSignal: "SIGINT", StopTimeout: 9, ReadOnly: true, Privileged: true, CapAdd: []string{"A"}, CapDrop: []string{"D"},
		Devices: []string{"/dev/x:/dev/x:rwm"}, SecurityOpt: []string{"s"}, Sysctls: StrMap{"k": "v"}, NetworkMode: "host", DNS: []string{"1.1.1.1"},
		ExtraHosts: []string{"h:1"}, Labels: StrMap{"l": "v"},
		Meta: Meta{Primary: true, NoAutostart: true, Counted: true, Order: 1, Written: 2, DependsOn: []string{"db"}, WaitTimeout: 3},
	}
}

// TestFingerprint pins the canonical JSON and its hash: a change of either would replace everybody's boxes.
func TestFingerprint(t *testing.T) {
	if got, want := (BoxSpec{Version: 1, Image: ImageSpec{Reference: "debian:12"}}).Encode(), `{"v":1,"image":{"ref":"debian:12"}}`; got != want {
		t.Errorf("zero values are not omitted: %s", got)
	}
	const want = "061f1c2f89887a37652aab6b13856f9b"
	if got := full().Hash(); got != want {
		t.Errorf("the fingerprint changed: %s, was %s; old labels must keep their meaning (SpecVersion)", got, want)
	}
	v := reflect.ValueOf(full())
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("field %s is not in the pinned spec", v.Type().Field(i).Name)
		}
	}
}

func TestSpecRoundTrip(t *testing.T) {
	s := full()
	back, err := DecodeSpec(s.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, *back); diff != "" {
		t.Errorf("round trip: %s", diff)
	}
	if back.Hash() != s.Hash() {
		t.Error("the hash does not survive the label")
	}
	s.Meta = Meta{}
	s.Mounts = s.Mounts[:3]
	if s.Hash() != back.Hash() {
		t.Error("what is never compared is part of the hash")
	}
}

func TestNewerSpecIsRefused(t *testing.T) {
	var newer *NewerSpecError
	if _, err := DecodeSpec(`{"v":2,"something":"new"}`); !errors.As(err, &newer) || newer.Version != 2 {
		t.Errorf("error = %v", err)
	}
	for _, text := range []string{"", "{", "null", `{"v":0}`, `{"v":1,"image":5}`, strings.Repeat("x", MaxLabel+1)} {
		if s, err := DecodeSpec(text); err == nil {
			t.Errorf("%.20q is decoded: %+v", text, s)
		}
	}
}

// FuzzDecodeSpec: a label that is read keeps its value and its hash when it is written again; one that is not gives no
// value, and says so when it is a newer envy's.
func FuzzDecodeSpec(f *testing.F) {
	f.Add(full().Encode())
	f.Add(`{"v":1}`)
	f.Add(`{"v":1,"command":[],"entrypoint":null,"env":null,"mounts":[{"image":true}]}`)
	f.Add(`{"v":2,"image":5}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := DecodeSpec(text)
		if err != nil {
			var newer *NewerSpecError
			if s != nil || errors.As(err, &newer) && newer.Version <= SpecVersion {
				t.Errorf("%+v, %v", s, err)
			}
			return
		}
		again, err := DecodeSpec(s.Encode())
		if err != nil || again.Hash() != s.Hash() {
			t.Fatalf("what was decoded does not encode to itself: %v", err)
		}
		if diff := cmp.Diff(s, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("round trip:\n%s", diff)
		}
	})
}

// FuzzOwner: labels say what they were made of, and a container's name is taken for envy's only where it is.
func FuzzOwner(f *testing.F) {
	f.Add("shop", "web", "1", "shop-web.new", "c", "1000")
	f.Add("", "web-1", "2", "-web-1-2.run-0a1b2c", "c", "")
	f.Add("a", "b", "9223372036854775807", "a-b-9223372036854775807", "", "1")
	f.Fuzz(func(t *testing.T, project, box, index, name, checkout, user string) {
		o := OwnerOf(map[string]string{
			LabelProject: project, LabelBox: box, LabelIndex: index, LabelCheckout: checkout, LabelUser: user, LabelVolume: name, LabelNetwork: name,
		})
		id := Identity{Checkout: checkout, User: user, Project: project}
		back := OwnerOf(id.Labels(o))
		if o.Index < 1 { // none is written
			o.Index, back.Index = 0, 0
		}
		if diff := cmp.Diff(o, back); diff != "" {
			t.Errorf("round trip:\n%s", diff)
		}
		base, suffix, ok := SplitName(name)
		if whole := base + "." + string(suffix); ok && suffix != "" && whole != name || (!ok || suffix == "") && base != name {
			t.Errorf("%q is split into %q and %q", name, base, suffix)
		}
		if id.Bears(name, o) && (!ok || o.Index < 1 || !strings.HasPrefix(name, project+"-"+box)) {
			t.Errorf("%q is taken for a name of %q in %q", name, box, project)
		}
		if id.Owns(o) != (checkout != "") {
			t.Error("its own labels are not owned, or nobody's are")
		}
	})
}

func TestNames(t *testing.T) {
	id := Identity{Checkout: "c", User: "1", Project: "shop"}
	web := Owner{Project: "old", Box: "web", Index: 1, Checkout: "c", User: "1"}
	for name, want := range map[string]bool{
		"shop-web": true, "shop-web-1": true, "shop-web.new": true, "shop-web.old": true, "shop-web.0a1b2c3d": true, "old-web": true,
		"shop-web.run-0a1b2c": true, "shop-web-2": false, "shop-api": false, "shop-web.mine": false, "web": false, "": false,
	} {
		if got := id.Bears(name, web); got != want {
			t.Errorf("Bears(%q) = %v", name, got)
		}
	}
	second := web
	second.Index = 2
	if id.Bears("shop-web", second) || !id.Bears("shop-web-2", second) {
		t.Error("a second replica's name")
	}
	if id.Owns(Owner{Checkout: "c", User: "2"}) || (Identity{}).Owns(Owner{}) {
		t.Error("labels of another user, or none, are owned")
	}
}

func TestLabelsAreComplete(t *testing.T) {
	l := Identity{Checkout: "c", HostID: "h", User: "1", Path: "/p", Project: "shop"}.Labels(Owner{Box: "web", Index: 2, Version: "1"})
	for _, key := range []string{
		LabelProject, LabelBox, LabelIndex, LabelCheckout, LabelHost, LabelUser, LabelPath, LabelVolume, LabelNetwork, LabelRun, LabelSpec,
		LabelSpecHash, LabelVersion, LabelRecipe, LabelAgent, LabelSnapshot, LabelSnapshotRun, LabelSnapshotPart, LabelSnapshotData,
	} {
		if _, ok := l[key]; !ok {
			t.Errorf("label %s is not set: images and commits would pass theirs on", key)
		}
	}
	if diff := cmp.Diff(Owner{Project: "shop", Box: "web", Index: 2, Checkout: "c", HostID: "h", User: "1", Path: "/p", Version: "1"}, OwnerOf(l)); diff != "" {
		t.Errorf("round trip: %s", diff)
	}
}

func TestKeyed(t *testing.T) {
	a, b := Keyed([]byte("k1"), "v"), Keyed([]byte("k2"), "v")
	if a == b || SameKey(a, b) || !SameKey(a, Keyed([]byte("k1"), "w")) || a == Keyed([]byte("k1"), "w") {
		t.Error("keyed hashes")
	}
	if Keyed(nil, "v") != "" || SameKey("", a) {
		t.Error("without a key nothing can be compared")
	}
}
