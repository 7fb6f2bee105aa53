package archive

import (
	"bytes"
	"fmt"
	"strings"
)

const blockSize = 512

type block [blockSize]byte

// Where the fields of a ustar header lie.
const (
	atName, atMode, atUID, atGID   = 0, 100, 108, 116
	atSize, atTime, atSum, atType  = 124, 136, 148, 156
	atMagic, atDevice, atPrefix    = 257, 329, 345
	sizeDigits, sumDigits, devices = 11, 6, 2
)

// header is the one header that a member of this path and size may have: a regular file of nobody's, without a date.
func header(p string, size int64) (b block) {
	prefix, name, _ := split(p)
	copy(b[atName:], name)
	copy(b[atMode:], "0000644\x00")
	copy(b[atUID:], "0000000\x00")
	copy(b[atGID:], "0000000\x00")
	copy(b[atSize:], fmt.Sprintf("%0*o\x00", sizeDigits, size))
	copy(b[atTime:], "00000000000\x00")
	b[atType] = '0'
	copy(b[atMagic:], "ustar\x0000")
	copy(b[atDevice:], strings.Repeat("0000000\x00", devices))
	copy(b[atPrefix:], prefix)
	copy(b[atSum:], fmt.Sprintf("%0*o\x00 ", sumDigits, b.sum()))
	return b
}

// sum is over the header with blanks for the sum itself.
func (b *block) sum() (n int) {
	for i, c := range b {
		if i >= atSum && i < atSum+8 {
			c = ' '
		}
		n += int(c)
	}
	return n
}

// size is what the header says in the one way that is read; -1 is another way.
func (b *block) size() (n int64) {
	for _, c := range b[atSize : atSize+sizeDigits] {
		if c < '0' || c > '7' {
			return -1
		}
		n = n<<3 | int64(c-'0')
	}
	return n
}

func (b *block) path() string {
	name, _, _ := bytes.Cut(b[atName:atMode], []byte{0})
	prefix, _, _ := bytes.Cut(b[atPrefix:atPrefix+155], []byte{0})
	if len(prefix) > 0 {
		return string(prefix) + "/" + string(name)
	}
	return string(name)
}

// otherThan says in what a header differs from the one that the manifest asks for.
func (b *block) otherThan(want Member) error {
	switch {
	case *b == block{}:
		return wrongf("it ends before %s", quote(want.Path))
	case b[atType] != '0' && b[atType] != 0:
		return wrongf("%s is %s: only regular files may be in it", quote(b.path()), kindOf(b[atType]))
	case b.path() != want.Path:
		return wrongf("%s stands where its manifest has %s", quote(b.path()), quote(want.Path))
	case b.size() != want.Size:
		return wrongf("%s does not have the size that the manifest says", quote(want.Path))
	}
	return wrongf("the header of %s says more than its path and its size", quote(want.Path))
}

func kindOf(flag byte) string {
	switch flag {
	case '1':
		return "a hard link"
	case '2':
		return "a link"
	case '3', '4':
		return "a device"
	case '5':
		return "a directory"
	case '6':
		return "a FIFO"
	case 'S':
		return "a sparse file"
	case 'x', 'g', 'L', 'K':
		return "an extended header"
	}
	return "of no known kind"
}

func quote(p string) string { return fmt.Sprintf("%q", shorten(p)) }
