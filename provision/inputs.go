package provision

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"github.com/envyhq/envy/boxes/lock"
	"github.com/envyhq/envy/config"
)

// maxInput bounds a file that a setup takes into the image's build, in bytes; provisioners' inputs are only hashed.
const maxInput = 64 << 20

// match lists the files of inputs; a pattern that matches nothing is a mistake of the Envfile.
func (l *lowering) match(ctx context.Context, inputs []config.Input) []HostFile {
	if len(inputs) == 0 {
		return nil
	}
	patterns := make([]string, len(inputs))
	for i, in := range inputs {
		patterns[i] = in.Pattern
	}
	files, unmatched, err := l.host.Match(ctx, patterns)
	if err != nil {
		l.fail(inputs[0].Range, "inputs cannot be read", err.Error(), "")
		return nil
	}
	for _, u := range unmatched {
		for _, in := range inputs {
			if in.Pattern == u {
				l.fail(in.Range, fmt.Sprintf("input %q matches no file", in.Written), "inputs are files, folders or patterns with * and **, relative to the Envfile", "")
			}
		}
	}
	own := l.folder + lock.NameFor(l.project.File) // what up writes is no input of what it makes, unless it is named
	if slices.Contains(patterns, own) {
		return files
	}
	return slices.DeleteFunc(files, func(f HostFile) bool { return f.Name == own })
}

// hashInputs is over names, modes and contents, streamed.
func (l *lowering) hashInputs(ctx context.Context, inputs []config.Input) string {
	files := l.match(ctx, inputs)
	if len(inputs) == 0 {
		return ""
	}
	sum := sha256.New()
	for _, f := range files {
		fmt.Fprintf(sum, "%q %o %q\n", f.Name, f.Mode.Perm(), f.Link)
		if f.Link != "" || !f.Mode.IsRegular() {
			continue
		}
		r, err := l.host.Open(f.Name)
		if err == nil {
			_, err = io.Copy(sum, r)
			err = firstError(err, r.Close())
		}
		if err != nil {
			l.fail(inputs[0].Range, "an input cannot be read", err.Error(), "")
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func readAll(h Host, name string) ([]byte, error) {
	r, err := h.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err == nil && len(data) > maxInput {
		err = fmt.Errorf("%s is over %d MiB", name, maxInput>>20)
	}
	return data, err
}
