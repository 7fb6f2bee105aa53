package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// Manifest is the first member of an archive: all that it holds.
type Manifest struct {
	Format   string `json:"format"` // "envy.box"
	Version  int    `json:"version"`
	Name     string `json:"name"`     // of the box
	Platform string `json:"platform"` // of the image: os/architecture[/variant]
	Config   string `json:"config"`   // digest of the image's configuration: "sha256:…"
	// Members are all others, in their order.
	Members []Member `json:"members"`
}

// Member is one file of an archive.
type Member struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`   // bytes
	SHA256 string `json:"sha256"` // 64 hex digits
}

// Reference is the name of the archive's image on an engine.
func (m *Manifest) Reference() string { return Reference(m.Name, m.Config) }

// Image is the size of the image in bytes.
func (m *Manifest) Image() (size int64) {
	for _, x := range m.Members {
		if strings.HasPrefix(x.Path, imageRoot) {
			size += x.Size
		}
	}
	return size
}

// encode is the one text that a manifest has.
func (m *Manifest) encode() []byte {
	text, err := json.Marshal(m)
	if err != nil { // strings and numbers always encode
		panic(fmt.Sprintf("archive: encode manifest: %v", err))
	}
	return append(text, '\n')
}

// decodeManifest reads a manifest and holds it to what one may say.
func decodeManifest(data []byte) (*Manifest, error) {
	var about struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(data, &about); err != nil || about.Format != format {
		return nil, wrongf("its %s is none of a box archive's", manifestName)
	}
	if about.Version != version {
		return nil, &Error{
			Text: fmt.Sprintf("its format is version %d, and this envy knows version %d", about.Version, version),
			Hint: "use the envy that made it, or a newer one",
		}
	}
	var m Manifest
	// Whatever is written in another way (keys twice, unknown ones, other cases, numbers as 1e3) encodes differently.
	if err := json.Unmarshal(data, &m); err != nil || !bytes.Equal(m.encode(), data) {
		return nil, wrongf("its %s is not written as envy writes it", manifestName)
	}
	return &m, m.check()
}

func (m *Manifest) check() error {
	if problem := nameProblem(m.Name); problem != "" {
		return wrongf("%s", problem)
	}
	if !isDigest(m.Config) {
		return wrongf("its %s names no configuration of the image", manifestName)
	}
	seen := map[string]bool{}
	for _, x := range m.Members {
		problem := pathProblem(x.Path)
		switch key := folded(x.Path); {
		case problem != "":
			return wrongf("the path %s %s", quote(x.Path), problem)
		case seen[key]:
			return wrongf("%s is in it twice, but for upper and lower case", quote(x.Path))
		case x.Size < 0 || x.Size > maxMember:
			return wrongf("%s cannot have %d bytes", quote(x.Path), x.Size)
		case !isHex(x.SHA256):
			return wrongf("%s has no sha256", quote(x.Path))
		default:
			seen[key] = true
		}
	}
	definition, image := m.split()
	if err := checkDefinition(definition); err != nil {
		return err
	}
	return m.checkImage(image)
}

// checkDefinition wants box.hcl, an order, and that no file is a directory too.
func checkDefinition(members []Member) error {
	var sum int64
	has, files := false, map[string]bool{}
	for i, x := range members {
		if i > 0 && x.Path <= members[i-1].Path {
			return wrongf("%s is out of order", quote(x.Path))
		}
		has = has || x.Path == definitionRoot+DefinitionFile
		if sum += x.Size; sum > MaxDefinition || len(members) > maxFiles {
			return wrongf("the definition has more than %d MiB, or than %d files", MaxDefinition>>20, maxFiles)
		}
		files[folded(x.Path)] = true
	}
	if !has {
		return wrongf("its definition has no %s", DefinitionFile)
	}
	for _, x := range members {
		for i, c := range x.Path {
			if c == '/' && files[folded(x.Path[:i])] {
				return wrongf("%s is a file and a directory", quote(x.Path[:i]))
			}
		}
	}
	return nil
}

// The members of an image before its layers.
const (
	layoutAt = iota
	indexAt
	imageManifestAt
	configAt
	layersAt
)

func (m *Manifest) checkImage(members []Member) error {
	if len(members) < layersAt || members[layoutAt].Path != imageRoot+"oci-layout" || members[indexAt].Path != imageRoot+"index.json" {
		return wrongf("behind the definition there must be an image: oci-layout, index.json and blobs")
	}
	if len(members) > layersAt+maxLayers {
		return wrongf("the image has more than %d layers", maxLayers)
	}
	for _, x := range members[imageManifestAt:] {
		if x.Path != blobRoot+x.SHA256 {
			return wrongf("%s is no blob of the image, or has another one's name", quote(x.Path))
		}
	}
	switch config := members[configAt]; {
	case "sha256:"+config.SHA256 != m.Config:
		return wrongf("the image's configuration does not stand in its place")
	case config.Size > MaxConfig, members[imageManifestAt].Size > MaxManifest, members[indexAt].Size > MaxManifest, members[layoutAt].Size > MaxManifest:
		return wrongf("a document of the image is too large")
	case m.Image() > MaxImage:
		return wrongf("the image has more than %d GiB", MaxImage>>30)
	}
	return nil
}

// split divides the members between definition and image.
func (m *Manifest) split() (definition, image []Member) {
	n := 0
	for n < len(m.Members) && strings.HasPrefix(m.Members[n].Path, definitionRoot) {
		n++
	}
	return m.Members[:n], m.Members[n:]
}

func isDigest(s string) bool {
	digits, ok := strings.CutPrefix(s, "sha256:")
	return ok && isHex(digits)
}

func isHex(s string) bool {
	return len(s) == 2*sha256.Size && strings.Trim(s, "0123456789abcdef") == ""
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func memberOf(p string, data []byte) Member {
	return Member{Path: p, Size: int64(len(data)), SHA256: digestOf(data)[len("sha256:"):]}
}
