// Package bin holds the agent's binaries, embedded compressed, for envy to
// deliver into boxes.
//
// It knows their bytes and hashes. It must not know how they are delivered or
// what they do. It compiles before they were built; asking for one then is an
// error.
package bin

import (
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// The pattern always matches agent-linux.md, so that the package compiles before
// there are binaries.
//
//go:embed agent-linux*
var files embed.FS

// maxSize of a binary in bytes, so that a broken file does not fill the memory.
const maxSize = 64 << 20

// ErrNotBuilt is wrapped by the error for a known architecture without a binary.
var ErrNotBuilt = errors.New("was not built in; build envy with: make build")

// Bytes is the agent's ELF binary for Linux on an architecture as Go names it
// (amd64, arm64). It is decompressed anew at each call.
func Bytes(arch string) ([]byte, error) {
	file, err := open(arch)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		return nil, fmt.Errorf("agent for %s: %w", arch, err)
	}
	data, err := io.ReadAll(io.LimitReader(unpacked, maxSize+1))
	if err == nil && len(data) > maxSize {
		err = errors.New("larger than its limit")
	}
	if err != nil {
		return nil, fmt.Errorf("agent for %s: %w", arch, err)
	}
	return data, nil
}

// Hash names the agent's version: 16 hexadecimal digits over the compressed
// bytes of an architecture, so that nothing has to be decompressed for it.
func Hash(arch string) (string, error) {
	file, err := open(arch)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", fmt.Errorf("agent for %s: %w", arch, err)
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

func open(arch string) (fs.File, error) {
	if arch != "amd64" && arch != "arm64" {
		return nil, fmt.Errorf("there is no agent for architecture %q; envy runs boxes on amd64 and arm64", arch)
	}
	file, err := files.Open("agent-linux-" + arch + ".gz")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("agent for %s: %w", arch, ErrNotBuilt)
	}
	return file, err
}
