package recipe

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/provision/resource"
)

func sample() resource.ImageSpec {
	return resource.ImageSpec{
		Reference: "debian:bookworm-slim", Base: "b1", Packages: []string{"git", "curl=7.88*"},
		Setups: []resource.SetupSpec{{Name: "tool", Run: "r1", User: "dev", Env: resource.StrMap{"A": "1"}, Inputs: "i1"}},
	}
}

// The address of an image that a team has built already must not move with a release.
func TestHashIsPinned(t *testing.T) {
	if got, want := Hash(sample()), "4cd8a643dc06d1274749f85a837addf2"; got != want {
		t.Errorf("Hash = %s, want %s", got, want)
	}
	if got, want := Tag(sample()), "envy.local/recipe:"+Hash(sample()); got != want {
		t.Errorf("Tag = %s, want %s", got, want)
	}
}

func TestWhatDecides(t *testing.T) {
	tests := map[string]struct {
		change func(*resource.ImageSpec)
		same   bool
	}{
		"nothing":       {func(*resource.ImageSpec) {}, true},
		"reference":     {func(s *resource.ImageSpec) { s.Reference = "debian@sha256:00" }, true},
		"platform":      {func(s *resource.ImageSpec) { s.Platform = "linux/amd64" }, true},
		"empty env":     {func(s *resource.ImageSpec) { s.Setups[0].Env = resource.StrMap{"A": "1"} }, true},
		"base":          {func(s *resource.ImageSpec) { s.Base = "b2" }, false},
		"package":       {func(s *resource.ImageSpec) { s.Packages[1] = "curl" }, false},
		"package order": {func(s *resource.ImageSpec) { s.Packages = []string{"curl=7.88*", "git"} }, false},
		"no packages":   {func(s *resource.ImageSpec) { s.Packages = nil }, false},
		"script":        {func(s *resource.ImageSpec) { s.Setups[0].Run = "r2" }, false},
		"setup name":    {func(s *resource.ImageSpec) { s.Setups[0].Name = "other" }, false},
		"setup env":     {func(s *resource.ImageSpec) { s.Setups[0].Env = resource.StrMap{"A": "2"} }, false},
		"setup user":    {func(s *resource.ImageSpec) { s.Setups[0].User = "" }, false},
		"setup inputs":  {func(s *resource.ImageSpec) { s.Setups[0].Inputs = "i2" }, false},
		"second setup":  {func(s *resource.ImageSpec) { s.Setups = append(s.Setups, s.Setups[0]) }, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			other := sample()
			tt.change(&other)
			if got := Equal(sample(), other); got != tt.same {
				t.Errorf("Equal = %t, want %t", got, tt.same)
			}
			if got := Hash(sample()) == Hash(other); got != tt.same {
				t.Errorf("equal hashes: %t, want %t", got, tt.same)
			}
		})
	}
}

func TestUnresolvedBase(t *testing.T) {
	build := func(ctx string) resource.ImageSpec {
		return resource.ImageSpec{Build: &resource.BuildSpec{Context: ctx, Args: resource.StrMap{}}}
	}
	if !Equal(build("c1"), build("c1")) || Equal(build("c1"), build("c2")) {
		t.Error("without a base, the build decides")
	}
	if Equal(resource.ImageSpec{Reference: "a"}, resource.ImageSpec{Reference: "b"}) {
		t.Error("without a base, the reference decides")
	}
	if Equal(resource.ImageSpec{Reference: "a"}, build("c1")) {
		t.Error("a reference is not a build")
	}
	arm := build("c1")
	arm.Platform = "linux/arm64"
	if BuildTag(build("c1")) == BuildTag(build("c2")) || BuildTag(build("c1")) == BuildTag(arm) {
		t.Error("BuildTag does not tell contexts or platforms apart")
	}
	if got := BuildTag(arm); !strings.HasPrefix(got, "envy.local/build:") || len(got) != len("envy.local/build:")+32 {
		t.Errorf("BuildTag = %s", got)
	}
}

func TestLabelRoundTrip(t *testing.T) {
	got, err := Decode(Label(sample()))
	if err != nil {
		t.Fatal(err)
	}
	want := sample()
	want.Reference = ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("label (-want +got):\n%s", diff)
	}
	other := sample()
	other.Reference = "docker.io/library/debian:bookworm-slim"
	if Label(other) != Label(sample()) {
		t.Error("the label depends on how the base was written")
	}
}

func TestDecodeRefuses(t *testing.T) {
	newer := &NewerError{}
	if _, err := Decode(`{"v":99}`); !errors.As(err, &newer) || newer.Version != 99 {
		t.Errorf("newer label: %v", err)
	}
	for name, text := range map[string]string{
		"empty": "", "no version": "{}", "no object": "[]", "wrong type": `{"v":1,"packages":3}`,
		"too long": `{"v":1,"base":"` + strings.Repeat("x", resource.MaxLabel) + `"}`,
	} {
		if _, err := Decode(text); err == nil || errors.As(err, &newer) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Label(sample()))
	f.Add(`{"v":1,"setups":[{}]}`)
	f.Add(`{"v":2}`)
	f.Fuzz(func(t *testing.T, text string) {
		spec, err := Decode(text)
		if err != nil {
			return
		}
		again, err := Decode(encode(label{labelVersion, spec}))
		if err != nil || !Equal(spec, again) {
			t.Fatalf("%q decodes to %+v, which comes back as %+v, %v", text, spec, again, err)
		}
	})
}
