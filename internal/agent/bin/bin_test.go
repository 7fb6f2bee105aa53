package bin_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"testing"

	"github.com/envyhq/envy/internal/agent/bin"
)

func TestBytes(t *testing.T) {
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		data, err := bin.Bytes(arch)
		hash, errHash := bin.Hash(arch)
		if errors.Is(err, bin.ErrNotBuilt) {
			if !errors.Is(errHash, bin.ErrNotBuilt) {
				t.Errorf("%s: not built, and yet hash %q, %v", arch, hash, errHash)
			}
			continue
		}
		if err != nil || errHash != nil || len(hash) != 16 {
			t.Fatalf("%s: %v; hash %q, %v", arch, err, hash, errHash)
		}
		file, err := elf.NewFile(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", arch, err)
		}
		if file.Machine != machine || file.Section(".interp") != nil {
			t.Errorf("%s: a binary for %v, interpreter %v; want a static one", arch, file.Machine, file.Section(".interp"))
		}
	}
}

func TestUnknownArchitecture(t *testing.T) {
	if _, err := bin.Bytes("../bin.go"); err == nil || errors.Is(err, bin.ErrNotBuilt) {
		t.Errorf("bytes: %v", err)
	}
	if _, err := bin.Hash("riscv64"); err == nil {
		t.Error("a hash for an architecture that is not built for")
	}
}
