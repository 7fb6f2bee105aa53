// Package archive knows box archives, the files that `envy package` writes: a definition and the image that it starts
// from, in one tar that is told whole by its first member. It writes them, reads them a piece at a time, and turns images
// from what engines save and into what engines load. It sees streams only; it must not know the language, an engine or
// where a file lies.
//
// An archive has one form. All that it holds is told by its manifest, and a reader computes from that each header, each
// document of the image's layout and the end, and compares: so what differs in any byte is refused, whatever it would
// mean, and the manifest's digest commits to everything.
//
//	manifest.json                           at most 1 MiB
//	definition/…                            box.hcl and what it reads, at most 16 MiB, sorted
//	image/oci-layout
//	image/index.json                        one image, without a name
//	image/blobs/sha256/<its manifest>
//	image/blobs/sha256/<its configuration>  as the engine had it, so that the image keeps its id
//	image/blobs/sha256/<a layer>            each once, not compressed: its digest is the one that the configuration names
package archive

// Limits, in bytes unless said otherwise.
const (
	MaxManifest   = 1 << 20
	MaxDefinition = 16 << 20 // all files
	MaxConfig     = 4 << 20  // the image's configuration
	MaxImage      = 64 << 30 // all layers
	maxMember     = 1<<33 - 1
	maxFiles      = 1000 // of a definition
	maxLayers     = 1000
	maxName       = 63
)

const (
	manifestName   = "manifest.json"
	definitionRoot = "definition/"
	imageRoot      = "image/"
	blobRoot       = imageRoot + "blobs/sha256/"
	format         = "envy.box"
	version        = 1

	// DefinitionFile is the member of a definition that every archive has.
	DefinitionFile = "box.hcl"
	// Extension ends the name of an archive's file.
	Extension = ".box"
)

// Repository is the first part of the name that an archive's image has on an engine. No registry has it.
const Repository = "envy.local/box"

// tagDigits of the configuration's digest make the image's tag: enough that nobody finds another image for the tag of one
// that is there.
const tagDigits = 32

// Reference is the only name that an archive's image is loaded under, and that its definition may have as image: it
// follows from the box's name and the digest of the image's configuration ("sha256:…").
func Reference(name, config string) string {
	return Repository + "/" + name + ":" + config[len("sha256:"):][:tagDigits]
}
