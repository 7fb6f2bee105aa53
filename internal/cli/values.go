package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/internal/view"
)

// values is all that evaluation takes from outside the Envfile.
func (s *session) values(p *place) (config.Values, error) {
	finder, err := s.definitions(p)
	if err != nil {
		return config.Values{}, err
	}
	v := config.Values{
		Files: finder.Files, Definitions: finder,
		Folder: p.checkout.Sub(), Dir: p.checkout.Dir(), Root: p.checkout.Inside(), Home: p.caller.Home,
		DefaultName: projectName(p.checkout.Dir()), Version: s.app.m.Version, Env: s.app.m.LookupEnv,
		Host: config.Host{
			UID: p.caller.UID, GID: p.caller.GID, OS: runtime.GOOS, Arch: runtime.GOARCH,
			CPUs: p.machine.CPUs, Memory: int64(p.machine.Memory),
		},
		Scale: s.scale, Checkout: p.identity.Checkout, Broad: p.checkout.Broad(), Sockets: sync.OnceValue(func() []string { return s.sockets(p) }),
	}
	for _, text := range slices.Backward(s.g.vars) { // of two, the later one wins, as in Terraform
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return v, &usageError{text: fmt.Sprintf("--var %s: write --var NAME=VALUE", text)}
		}
		v.Vars = append(v.Vars, config.Var{Name: name, Value: value, Origin: "--var"})
	}
	for _, name := range slices.Backward(s.g.varFiles) {
		data, err := hostfs.ReadPath(inDir(s.g.dir, name), 0)
		if err != nil {
			return v, &typedPathError{name, err}
		}
		v.VarFiles = append(v.VarFiles, config.Source{Name: name, Data: data})
	}
	return v, nil
}

// sockets are the places of the engine's socket, as they are named and behind links: a share of one is for the gate.
func (s *session) sockets(p *place) []string {
	named := []string{"/var/run/docker.sock"}
	if s.app.m.Socket != nil {
		named = append(named, s.app.m.Socket(s.g.context))
	}
	var all []string
	for _, path := range named {
		if !filepath.IsAbs(path) {
			continue
		}
		all = append(all, filepath.Clean(path))
		if at, err := p.checkout.Resolve(path); err == nil && at.Real != path {
			all = append(all, at.Real)
		}
	}
	return all
}

// projectName is the name of a project whose Envfile gives none, in a directory.
func projectName(dir string) string { return cmp.Or(config.SafeName(filepath.Base(dir)), "project") }

// askVariables asks for what nothing gives a value, and offers to keep the answers. It reports whether it asked.
func (s *session) askVariables(ctx context.Context, layers []config.Source, v *config.Values) (bool, error) {
	file, _ := config.ParseWith(ctx, v.Definitions, layers...)
	if file == nil {
		return false, nil
	}
	unset := file.Unset(ctx, *v)
	for _, u := range unset {
		answer, err := s.askVariable(ctx, u)
		if err != nil {
			return false, err
		}
		v.Vars = append(v.Vars, config.Var{Name: u.Name, Value: answer, Origin: "the answer for " + u.Name})
		if err := s.offerToKeep(ctx, u, answer); err != nil {
			return false, err
		}
	}
	return len(unset) > 0, nil
}

func (s *session) askVariable(ctx context.Context, u config.Variable) (string, error) {
	question := "variable " + u.Name
	if u.Type != "" {
		question += " (" + u.Type + ")"
	}
	if u.Description != "" {
		question += ": " + u.Description
	}
	question = view.Line(question) + "\n>"
	if u.Sensitive {
		return s.streams.AskSecret(ctx, question)
	}
	return s.streams.Ask(ctx, question)
}

// offerToKeep adds the answer to Envfile.local, unless that speaks of the variable already.
func (s *session) offerToKeep(ctx context.Context, u config.Variable, answer string) error {
	old, err := s.place.read(hostfs.EnvfileLocal)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil // loading has said or will say what is wrong with it
	}
	block, ok := keptVariable(ctx, old, u, answer)
	if !ok {
		return nil
	}
	keep, err := s.streams.Confirm(ctx, "keep the answer in Envfile.local?")
	if err != nil || !keep {
		return err
	}
	path, _ := s.place.checkout.Path(hostfs.EnvfileLocal)
	return s.place.checkout.WriteFile(path, block, 0o600)
}

// keptVariable is Envfile.local with one more variable; false where it declares that one already, or where the answer
// is no expression.
func keptVariable(ctx context.Context, old []byte, u config.Variable, answer string) ([]byte, bool) {
	before, _ := config.Parse(config.Source{Name: hostfs.EnvfileLocal, Data: old})
	if before == nil || slices.ContainsFunc(before.Unset(ctx, config.Values{}), func(v config.Variable) bool { return v.Name == u.Name }) {
		return nil, false
	}
	value := answer
	switch u.Type {
	case "", "string", "any":
		value = quote(answer)
	}
	block := bytes.Clone(old)
	if n := len(block); n > 0 && block[n-1] != '\n' {
		block = append(block, '\n')
	}
	block = fmt.Appendf(block, "\nvariable %q {\n  default = %s\n}\n", u.Name, value)
	block = bytes.TrimLeft(block, "\n")
	after, _ := config.Parse(config.Source{Name: hostfs.EnvfileLocal, Data: block})
	return block, after != nil
}

// quote writes a string as HCL does, without templates.
func quote(s string) string {
	q := strconv.QuoteToGraphic(s)
	q = strings.NewReplacer(`\\`, `\\`, `\a`, `\u0007`, `\b`, `\u0008`, `\f`, `\u000c`, `\v`, `\u000b`).Replace(q)
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(q)
}
