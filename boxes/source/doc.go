// Package source knows what a box's `from` may say, in Terraform's module-source convention: a name of the catalogue, a
// directory, a git repository, an archive or a registry. It takes texts apart and puts them together again. It must not
// know what is behind one: no file, no network, no version's meaning.
package source

// Source is what `from` named: a [Catalog], [Dir], [Archive], [Registry] or [Git].
type Source interface {
	// String is the canonical form, for messages and the lock: without user info, and parsed again it gives itself.
	String() string
	source()
}

// Catalog is a name of the built-in catalogue, or one given by `envy box add`.
type Catalog struct {
	Name       string
	Constraint string // as written after "@", "" is any version
}

// Dir is a directory, relative to whoever names it.
type Dir struct {
	Path string // clean, with slashes, "." or begins with "./" or "../"
}

// Archive is a box archive in a file or behind https.
type Archive struct {
	Path     string // of a file, as Dir's; "" is an address
	Host     string // with a port that is not 443
	URLPath  string // decoded, begins with "/"
	Checksum string // "sha256:" and 64 hex digits, "" where none was given; only with an address
}

// Registry is a box archive in an OCI registry.
type Registry struct {
	Host       string // with its port, if any
	Repository string
	Tag        string // one of Tag and Digest is set
	Digest     string // "sha256:" and 64 hex digits
}

// Git is a definition in a git repository.
type Git struct {
	Repository
	Dir     string // the definition's directory in the repository, clean; "" is its root
	Ref     string // a tag, branch or commit, "" where none was asked for
	Version string // a constraint over the tags, "" where none was asked for; never together with Ref
}

// Repository is the address of a git repository.
type Repository struct {
	Scheme string // "https", "ssh" or "file"
	User   string // of ssh, only to connect: it is neither shown nor locked
	Host   string // lower case, with a port that is not the scheme's own; "" for a file
	// Path is decoded. It begins with "/", but in the form host:path of ssh, where it begins at the user's home.
	Path string
}

func (Catalog) source()  {}
func (Dir) source()      {}
func (Archive) source()  {}
func (Registry) source() {}
func (Git) source()      {}

// Error is a `from` that cannot be.
type Error struct {
	Summary string // one line without a full stop
	Hint    string // what to write instead, "" where nothing better is known
}

func (e *Error) Error() string { return e.Summary }
