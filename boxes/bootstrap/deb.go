package bootstrap

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Limits of one package.
const (
	maxUnpacked = 1 << 30 // bytes of its data archive
	maxMembers  = 200_000 // of its data archive
	maxWindow   = 64 << 20
	maxPath     = 4096
)

// arMember is a file of an ar archive.
type arMember struct {
	name string
	data []byte
}

const (
	arMagic  = "!<arch>\n"
	arHeader = 60
)

// arMembers reads the archive that a .deb is (deb(5)).
func arMembers(data []byte) ([]arMember, error) {
	if !bytes.HasPrefix(data, []byte(arMagic)) {
		return nil, errors.New("it is no Debian package")
	}
	var out []arMember
	for data = data[len(arMagic):]; len(data) > 0; {
		if len(data) < arHeader || string(data[58:60]) != "`\n" {
			return nil, errors.New("a member's header is damaged")
		}
		size, err := strconv.ParseInt(strings.TrimRight(string(data[48:58]), " "), 10, 64)
		name := strings.TrimRight(strings.TrimRight(string(data[:16]), " "), "/")
		data = data[arHeader:]
		if err != nil || size < 0 || size > int64(len(data)) {
			return nil, fmt.Errorf("member %q says that it is larger than the file", name)
		}
		out = append(out, arMember{name, data[:size]})
		data = data[min(size+size%2, int64(len(data))):]
		if len(out) > 100 {
			return nil, errors.New("too many members")
		}
	}
	return out, nil
}

// dataArchive is the file system part of a package, decompressed as it is read.
func dataArchive(deb []byte) (io.Reader, func(), error) {
	members, err := arMembers(deb)
	if err != nil {
		return nil, nil, err
	}
	if len(members) < 3 || members[0].name != "debian-binary" || !bytes.HasPrefix(members[0].data, []byte("2.")) {
		return nil, nil, errors.New("it is no Debian package of format 2")
	}
	control := false
	for _, m := range members[1:] {
		switch {
		case strings.HasPrefix(m.name, "control.tar"):
			control = true
		case strings.HasPrefix(m.name, "data.tar") && control:
			return decompress(m.data, strings.TrimPrefix(m.name, "data.tar"), maxUnpacked)
		}
	}
	return nil, nil, errors.New("it has no data after its control part")
}

// decompress reads what has this suffix. The error comes at the limit, too.
func decompress(data []byte, suffix string, limit int64) (r io.Reader, done func(), err error) {
	done = func() {}
	switch suffix {
	case "":
		r = bytes.NewReader(data)
	case ".gz":
		r, err = gzip.NewReader(bytes.NewReader(data))
	case ".xz":
		if err = checkWindow(data); err == nil {
			r, err = xz.NewReader(bytes.NewReader(data))
		}
	case ".zst":
		var d *zstd.Decoder
		d, err = zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err == nil {
			r, done = d, d.Close
		}
	default:
		return nil, nil, fmt.Errorf("it is compressed in a way that is not known here (%s)", suffix)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("decompress: %w", err)
	}
	return &limited{r: r, left: limit}, done, nil
}

// checkWindow refuses a dictionary that would cost much memory before a byte of data came: the library believes what the
// header of a block says. The format has the size of LZMA2's dictionary as the only property of the last filter.
func checkWindow(data []byte) error {
	const header, lzma2 = 12, 0x21
	if len(data) < header+8 {
		return io.ErrUnexpectedEOF
	}
	block := data[header:]
	end := (int(block[0]) + 1) * 4
	if block[0] == 0 {
		return nil // no block at all: an empty stream
	}
	if end > len(block) {
		return io.ErrUnexpectedEOF
	}
	flags, at := block[1], 2
	for range int(flags>>6&1) + int(flags>>7&1) { // sizes, which end with a byte below 0x80
		for at < end && block[at] >= 0x80 {
			at++
		}
		at++
	}
	if at+2 >= end || block[at] != lzma2 || block[at+1] != 1 {
		return errors.New("a filter that packages do not use")
	}
	if b := block[at+2]; b > 40 || int64(2|b&1)<<(b/2+11) > maxWindow {
		return errors.New("its dictionary is over the limit of 64 MiB")
	}
	return nil
}

// eachFile calls f with the entries of a package's file system, their names cleaned and relative. What no package holds
// (a name that leaves the tree, a device) is an error.
func eachFile(deb []byte, f func(*tar.Header, io.Reader) error) error {
	data, done, err := dataArchive(deb)
	if err != nil {
		return err
	}
	defer done()
	in := tar.NewReader(data)
	for range maxMembers {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read its files: %w", err)
		}
		if err := cleanEntry(h); err != nil {
			return err
		}
		if err := f(h, in); err != nil {
			return err
		}
	}
	return errors.New("it has too many files")
}

// cleanEntry makes an entry one of a file system that is written elsewhere.
func cleanEntry(h *tar.Header) error {
	name, ok := cleanName(h.Name)
	if !ok {
		return fmt.Errorf("its file %q would lie outside the file system", h.Name)
	}
	h.Name = name
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeDir, tar.TypeSymlink:
	case tar.TypeLink:
		if h.Linkname, ok = cleanName(h.Linkname); !ok || h.Linkname == "." {
			return fmt.Errorf("its file %q is a link to outside the file system", name)
		}
	default:
		return fmt.Errorf("its file %q is neither file, folder nor link", name)
	}
	if len(h.Linkname) > maxPath || strings.ContainsRune(h.Linkname, 0) || h.Typeflag == tar.TypeSymlink && h.Linkname == "" {
		return fmt.Errorf("its file %q is a link that leads nowhere", name)
	}
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse.") {
			return fmt.Errorf("its file %q has holes, which would be read as any number of bytes", name)
		}
	}
	if h.Size < 0 || h.Size > maxUnpacked || h.Uid < 0 || h.Gid < 0 {
		return fmt.Errorf("its file %q has a header that lies", name)
	}
	return nil
}

// cleanName makes a name relative and short; "." is the root.
func cleanName(name string) (string, bool) {
	if name == "" || len(name) > maxPath || strings.HasPrefix(name, "/") || strings.ContainsRune(name, 0) {
		return "", false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", false
		}
	}
	return path.Clean(name), true
}
