package bootstrap

import (
	"errors"
	"io"
	"path"
	"strconv"
	"strings"
)

// Limits of a package index; Debian's has some 70,000 packages in 50 MiB.
const (
	maxIndex    = 256 << 20 // bytes, decompressed
	maxPackages = 500_000
	maxDeb      = 512 << 20 // bytes of one package that is chosen
)

// pkg is one package of an index.
type pkg struct {
	name, version, arch string
	essential, required bool
	depends, provides   string // depends has Pre-Depends too
	filename, sha256    string
	size                int64
}

// parsePackages reads an index. take is called for each package, in the order of the file.
func parsePackages(r io.Reader, take func(pkg)) error {
	in := readStanzas("package index", &limited{r: r, left: maxIndex},
		"package", "version", "architecture", "essential", "priority", "depends", "pre-depends", "provides", "filename", "size", "sha256")
	for n := 0; ; n++ {
		st, err := in.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if n >= maxPackages {
			return &formatError{"package index", st.line, "too many packages"}
		}
		p, ok := packageOf(st)
		if !ok {
			return &formatError{"package index", st.line, "a package that is not described as packages are"}
		}
		take(p)
	}
}

func packageOf(st stanza) (pkg, bool) {
	p := pkg{
		name: st.get("package"), version: st.get("version"), arch: st.get("architecture"),
		essential: st.get("essential") == "yes", required: st.get("priority") == "required",
		provides: st.get("provides"), filename: st.get("filename"), sha256: st.get("sha256"),
	}
	p.depends = strings.Trim(st.get("pre-depends")+", "+st.get("depends"), ", ")
	var err error
	p.size, err = strconv.ParseInt(st.get("size"), 10, 64)
	ok := err == nil && p.size > 0 && validName(p.name) && validVersion(p.version) &&
		validSHA256(p.sha256) && validFilename(p.filename)
	return p, ok
}

// validName: names become names of files, and words of a script.
func validName(s string) bool {
	if len(s) < 2 || len(s) > 200 || !digit(s[0]) && (s[0] < 'a' || s[0] > 'z') {
		return false
	}
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && !digit(c) && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

func validVersion(s string) bool {
	if s == "" || len(s) > 200 {
		return false
	}
	for _, c := range []byte(s) {
		if !digit(c) && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !strings.ContainsRune(".+-~:", rune(c)) {
			return false
		}
	}
	return true
}

// validFilename: it is put behind the mirror's address.
func validFilename(s string) bool {
	if s == "" || len(s) > 1000 || path.IsAbs(s) || path.Clean(s) != strings.TrimPrefix(s, "./") || strings.HasPrefix(path.Clean(s), "..") {
		return false
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("?#\\%", c) >= 0 {
			return false
		}
	}
	return true
}

// limited ends with an error, not with EOF, at its limit.
type limited struct {
	r    io.Reader
	left int64
}

var errTooLarge = errors.New("more data than its limit allows")

// Read implements io.Reader.
func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		var one [1]byte
		n, err := io.ReadFull(l.r, one[:])
		if n > 0 {
			return 0, errTooLarge
		}
		return 0, err
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}
