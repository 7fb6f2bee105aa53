package recipe

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/envyhq/envy/provision/resource"
)

// Version is the version of what New makes out of the same spec. It is part of the address, so that a better recipe
// builds new images; it is not part of Equal, so that it replaces no box (§3).
const Version = 2

// Hash addresses the image that packages and setups on spec.Base give: 32 hex digits. The platform is part of Base; how
// the base was written (Reference, Build) does not matter. Packages count in the order in which they are written.
func Hash(spec resource.ImageSpec) string {
	return digest(struct {
		Version  int                  `json:"v"`
		Base     string               `json:"base"`
		Packages []string             `json:"packages,omitempty"`
		Setups   []resource.SetupSpec `json:"setups,omitempty"`
	}{Version, spec.Base, spec.Packages, spec.Setups})
}

// Tag is the local reference of the image that Hash addresses. No registry has that host, so nothing can be pulled in
// its place.
func Tag(spec resource.ImageSpec) string { return "envy.local/recipe:" + Hash(spec) }

// BuildTag is the local reference of a build {}'s result; spec.Build must be there.
func BuildTag(spec resource.ImageSpec) string {
	return "envy.local/build:" + digest(struct {
		Version  int                `json:"v"`
		Build    resource.BuildSpec `json:"build"`
		Platform string             `json:"platform,omitempty"`
	}{Version, *spec.Build, spec.Platform})
}

// Equal reports whether two specs ask for the same image by value: the same base (which includes the platform), packages
// and setups; or, where the base is not known in both, the same build. Recipe versions and hashes play no part.
func Equal(a, b resource.ImageSpec) bool {
	return a.Base == b.Base && slices.Equal(a.Packages, b.Packages) &&
		slices.EqualFunc(a.Setups, b.Setups, equalSetup) && (a.Base != "" || equalBuild(a, b))
}

func equalSetup(a, b resource.SetupSpec) bool {
	return a.Name == b.Name && a.Run == b.Run && a.User == b.User && a.Inputs == b.Inputs && maps.Equal(a.Env, b.Env) && slices.Equal(a.Unset, b.Unset)
}

func equalBuild(a, b resource.ImageSpec) bool {
	if a.Build == nil || b.Build == nil {
		return a.Build == b.Build && a.Reference == b.Reference && a.Platform == b.Platform
	}
	return a.Build.Context == b.Build.Context && a.Build.Dockerfile == b.Build.Dockerfile &&
		a.Build.Target == b.Build.Target && maps.Equal(a.Build.Args, b.Build.Args) && equalFrom(a.Build.From, b.Build.From) &&
		a.Platform == b.Platform
}

// equalFrom compares what both know.
func equalFrom(a, b resource.StrMap) bool {
	for name, digest := range a {
		if other, known := b[name]; known && other != digest {
			return false
		}
	}
	return true
}

// labelVersion is the version of the label's JSON.
const labelVersion = 1

type label struct {
	Version int `json:"v"`
	resource.ImageSpec
}

// Label is the value of resource.LabelRecipe on the image made from spec. Where the base is known the way it was written
// is left out, so that whoever builds this recipe first gives it the same label.
func Label(spec resource.ImageSpec) string {
	if spec.Base != "" {
		spec.Reference, spec.Build, spec.Platform, spec.Digest, spec.Versions = "", nil, "", "", ""
	}
	return encode(label{labelVersion, spec})
}

// NewerError says that an image was made by a newer envy, whose label this one cannot read.
type NewerError struct{ Version int }

func (e *NewerError) Error() string {
	return fmt.Sprintf("image made by a newer envy (recipe label version %d, this one knows %d)", e.Version, labelVersion)
}

// Decode reads a label of at most resource.MaxLabel bytes. Errors: *NewerError, or what is wrong with the text.
func Decode(text string) (resource.ImageSpec, error) {
	if len(text) > resource.MaxLabel {
		return resource.ImageSpec{}, fmt.Errorf("recipe label of %d bytes is over the limit of %d", len(text), resource.MaxLabel)
	}
	var head struct {
		V int `json:"v"`
	}
	if err := json.Unmarshal([]byte(text), &head); err != nil {
		return resource.ImageSpec{}, fmt.Errorf("recipe label: %w", err)
	}
	if head.V > labelVersion {
		return resource.ImageSpec{}, &NewerError{head.V}
	}
	if head.V < 1 {
		return resource.ImageSpec{}, fmt.Errorf("recipe label has no version")
	}
	var l label
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		return resource.ImageSpec{}, fmt.Errorf("recipe label: %w", err)
	}
	return l.ImageSpec, nil
}

func digest(value any) string { return resource.Digest(encode(value))[:32] }

func encode(value any) string {
	b, err := json.Marshal(value)
	if err != nil { // strings, numbers and maps of them always encode
		panic(fmt.Sprintf("recipe: encode: %v", err))
	}
	return string(b)
}
