package provision

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/envyhq/envy/boxes/lock"
	"github.com/envyhq/envy/config"
)

// What a setup takes into the image's build is held in memory: maxInput bounds a file of it and maxInputs all of them, in
// bytes. Provisioners' inputs are only hashed.
const (
	maxInput  = 64 << 20
	maxInputs = 256 << 20
)

// match lists the files of inputs, in a definition's tree or, where that is nil, the checkout; a pattern that matches nothing
// is a mistake.
func (l *lowering) match(ctx context.Context, tree config.Tree, inputs []config.Input) []HostFile {
	if len(inputs) == 0 {
		return nil
	}
	patterns := make([]string, len(inputs))
	for i, in := range inputs {
		patterns[i] = in.Pattern
	}
	files, unmatched, err := l.host.Match(ctx, tree, patterns)
	if err != nil {
		l.fail(inputs[0].Range, "inputs cannot be read", err.Error(), "")
		return nil
	}
	for _, u := range unmatched {
		for _, in := range inputs {
			if in.Pattern == u {
				l.fail(in.Range, fmt.Sprintf("input %q matches no file", in.Written), "inputs are files, folders or patterns with * and **, relative to the Envfile or the definition", "")
			}
		}
	}
	if tree != nil {
		return files
	}
	own := l.folder + lock.NameFor(l.project.File) // what up writes is no input of what it makes, unless it is named
	if slices.Contains(patterns, own) {
		return files
	}
	return slices.DeleteFunc(files, func(f HostFile) bool { return f.Name == own })
}

// hashInputs is over names, modes and contents, streamed.
func (l *lowering) hashInputs(ctx context.Context, inputs []config.Input) string {
	files := l.match(ctx, nil, inputs)
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

// readInput reads a file that match has listed, of at most limit bytes.
func (l *lowering) readInput(tree config.Tree, name string, limit int) ([]byte, error) {
	r, err := l.openInput(tree, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, int64(min(limit, maxInput))+1))
	switch {
	case err != nil:
	case len(data) > maxInput:
		err = fmt.Errorf("%s is over %d MiB", name, maxInput>>20)
	case len(data) > limit:
		err = fmt.Errorf("the setup's inputs come to more than %d MiB", maxInputs>>20)
	}
	return data, err
}

func (l *lowering) openInput(tree config.Tree, name string) (io.ReadCloser, error) {
	if tree == nil {
		return l.host.Open(name)
	}
	f, err := tree.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", name)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
