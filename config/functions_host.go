package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/envyhq/envy/internal/lazyre"
)

// hostFunctions are the functions that look at the checkout and the caller's environment. Every file is read once.
type hostFunctions struct {
	e    *evaluation
	attr *attr     // whose expression is evaluated now
	at   hcl.Range // its place
	// module is the definition whose paths are read; nil: the Envfile.
	module *module
	reads  map[string]bool
	files  map[string][]byte
}

var (
	errOutside   = errors.New("is outside the checkout, where expressions read nothing")
	errElsewhere = errors.New("a definition from elsewhere sees only its own files, and what `with` gives it")
	yamlAliasRE  = lazyre.New(`(^|[\s\[{,:-])\*[^\s,\]}]`)
)

// maxAliases bounds the aliases of a YAML text: nested ones multiply.
const maxAliases = 16

func (h *hostFunctions) functions() map[string]function.Function {
	file := func(impl func(string) (cty.Value, error), t cty.Type) function.Function {
		return function.New(&function.Spec{
			Params: []function.Parameter{{Name: "path", Type: cty.String}},
			Type:   function.StaticReturnType(t),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				v, err := impl(args[0].AsString())
				if err != nil {
					return cty.UnknownVal(t), function.NewArgError(0, err)
				}
				return v, nil
			},
		})
	}
	text := function.Parameter{Name: "default", Type: cty.String}
	return map[string]function.Function{
		"abspath":    file(h.absolute, cty.String),
		"dotenv":     file(h.dotenvMap, cty.Map(cty.String)),
		"file":       file(h.fileText, cty.String),
		"fileexists": file(h.fileExists, cty.Bool),
		"env": function.New(&function.Spec{
			Params: []function.Parameter{{Name: "name", Type: cty.String}}, VarParam: &text,
			Type: function.StaticReturnType(cty.String), Impl: h.env,
		}),
		"templatefile": function.New(&function.Spec{
			Params: []function.Parameter{{Name: "path", Type: cty.String}, {Name: "vars", Type: cty.DynamicPseudoType}},
			Type:   function.StaticReturnType(cty.String), Impl: h.templateFile,
		}),
	}
}

func (h *hostFunctions) absolute(p string) (cty.Value, error) {
	if h.module.elsewhere() {
		return cty.NilVal, errElsewhere
	}
	if dir, _ := h.e.folder(h.module); !path.IsAbs(p) {
		p = path.Join(dir, p)
	}
	return cty.StringVal(path.Clean(p)), nil
}

// of reads for a definition from now on; nil: for the Envfile.
func (h *hostFunctions) of(m *module) *hostFunctions {
	h.module = m
	return h
}

// inside makes a path relative to the inside root, or for a definition from elsewhere to its own tree; one that leads out
// of it is an error.
func (h *hostFunctions) inside(p string) (string, error) {
	_, folder := h.e.folder(h.module)
	if h.module.elsewhere() {
		if name := path.Join(folder, p); !path.IsAbs(p) && fs.ValidPath(name) {
			return name, nil
		}
		return "", fmt.Errorf("%s: %w", clip(p), errElsewhere)
	}
	name := path.Join(folder, p)
	if path.IsAbs(p) {
		root := path.Clean(h.e.v.Root)
		if p = path.Clean(p); p != root && !within(root, p) || h.e.v.Root == "" {
			return "", fmt.Errorf("%s %w", clip(p), errOutside)
		}
		name = strings.TrimPrefix(strings.TrimPrefix(p, root), "/")
	}
	if name = path.Clean(name); !fs.ValidPath(name) {
		return "", fmt.Errorf("%s %w", clip(p), errOutside)
	}
	return name, nil
}

// read returns a regular file of the checkout of at most MaxFileBytes.
func (h *hostFunctions) read(p string) ([]byte, error) {
	name, err := h.inside(p)
	if err != nil {
		return nil, err
	}
	key := h.key(name)
	if data, ok := h.files[key]; ok {
		return data, nil
	}
	f, err := h.tree().Open(name)
	if err != nil {
		return nil, h.readError(p, err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, h.readError(p, err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file", clip(p))
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	if err != nil {
		return nil, h.readError(p, err)
	}
	if len(data) > MaxFileBytes {
		return nil, fmt.Errorf("%s is larger than 1 MiB", clip(p))
	}
	h.files[key] = data
	if key == name {
		h.reads[name] = true
	}
	return data, nil
}

// tree holds the files that may be read.
func (h *hostFunctions) tree() fs.FS {
	if h.module.elsewhere() {
		return h.module.def.Tree
	}
	return h.e.v.Files
}

// key tells files of one name in different trees apart.
func (h *hostFunctions) key(name string) string {
	if h.module.elsewhere() {
		return h.module.def.ID + "\x00" + name
	}
	return name
}

// isFile reports whether a name is a regular file.
func isFile(tree fs.FS, name string) bool {
	info, err := fs.Stat(tree, name)
	return err == nil && info.Mode().IsRegular()
}

func (h *hostFunctions) readError(p string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no such file: %s", clip(p))
	}
	return fmt.Errorf("%s cannot be read: %w", clip(p), err)
}

func (h *hostFunctions) fileText(p string) (cty.Value, error) {
	data, err := h.read(p)
	if err != nil {
		return cty.NilVal, err
	}
	if !utf8.Valid(data) {
		return cty.NilVal, fmt.Errorf("%s is not UTF-8", clip(p))
	}
	return cty.StringVal(string(data)), nil
}

func (h *hostFunctions) fileExists(p string) (cty.Value, error) {
	name, err := h.inside(p)
	if err != nil {
		return cty.NilVal, err
	}
	info, err := fs.Stat(h.tree(), name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return cty.False, nil
	case err != nil:
		return cty.NilVal, h.readError(p, err)
	}
	return cty.BoolVal(info.Mode().IsRegular()), nil
}

// dotenv reads NAME=value lines of a file of the checkout.
func (h *hostFunctions) dotenv(p string) ([]envEntry, error) {
	data, err := h.read(p)
	if err != nil {
		return nil, err
	}
	entries, err := parseDotenv(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", clip(p), err)
	}
	return entries, nil
}

// dotenvMap is the function: its values are plain, but no message quotes them.
func (h *hostFunctions) dotenvMap(p string) (cty.Value, error) {
	entries, err := h.dotenv(p)
	if err != nil {
		return cty.NilVal, err
	}
	m := map[string]cty.Value{}
	for _, entry := range entries {
		m[entry.name] = cty.StringVal(entry.value)
		h.e.secrets[entry.value] = true
	}
	if len(m) == 0 {
		return cty.MapValEmpty(cty.String), nil
	}
	return cty.MapVal(m).Mark(quiet).Mark(own), nil
}

// env reads a variable of the caller and puts it on the gate list when it is set.
func (h *hostFunctions) env(args []cty.Value, _ cty.Type) (cty.Value, error) {
	if len(args) > 2 {
		return cty.DynamicVal, function.NewArgErrorf(2, "expected a name and one default")
	}
	if h.module.elsewhere() {
		return cty.DynamicVal, function.NewArgError(0, errElsewhere)
	}
	name := args[0].AsString()
	if envName(name) != "" {
		return cty.DynamicVal, function.NewArgErrorf(0, "expected the name of an environment variable")
	}
	value, set := "", false
	if h.e.v.Env != nil {
		value, set = h.e.v.Env(name)
	}
	if set && !ungatedVariable(name) {
		h.e.gate.add(GateEnv, h.callRange(name), exact(name), "reads the environment variable %s", exact(name))
	}
	switch {
	case len(args) == 2 && value == "":
		return args[1], nil
	case !set:
		return cty.DynamicVal, function.NewArgErrorf(0, "the environment variable %s is not set; give a default: env(%q, \"\")", clip(name), clip(name))
	case !utf8.ValidString(value):
		return cty.DynamicVal, function.NewArgErrorf(0, "the environment variable %s is not UTF-8", clip(name))
	}
	return cty.StringVal(value).Mark(own), nil
}

// callRange finds where env(name) is written in the expression at hand.
func (h *hostFunctions) callRange(name string) hcl.Range {
	if h.attr != nil {
		if at, ok := h.attr.envCalls[name]; ok {
			return at
		}
	}
	return h.at
}

// ungatedVariable names what env() may read unasked.
func ungatedVariable(name string) bool {
	switch name {
	case "USER", "HOME", "LANG", "TZ", "TERM":
		return true
	}
	return strings.HasPrefix(name, "LC_") || strings.HasPrefix(name, "ENVY_")
}

// templateFile renders a file of the checkout. The template sees the variables it is given and the functions, but no
// further template.
func (h *hostFunctions) templateFile(args []cty.Value, _ cty.Type) (cty.Value, error) {
	name, vars := args[0].AsString(), args[1]
	text, err := h.fileText(name)
	if err != nil {
		return cty.DynamicVal, function.NewArgError(0, err)
	}
	if t := vars.Type(); vars.IsNull() || !t.IsObjectType() && !t.IsMapType() {
		return cty.DynamicVal, function.NewArgErrorf(1, "expected a map of variables")
	}
	_, scopeVars := objectEntries(vars)
	src := []byte(text.AsString())
	scratch := newProblems(nil)
	if !checkTemplate(scratch, src, name, hcl.InitialPos) {
		return cty.DynamicVal, function.NewArgErrorf(0, "%s: %s", clip(name), scratch.found[0].summary)
	}
	expr, diags := hclsyntax.ParseTemplate(src, name, hcl.InitialPos)
	if !diags.HasErrors() {
		wrapExpr(expr, h.e.guard)
		funcs := map[string]function.Function{}
		for n, f := range h.e.funcs {
			if n != "templatefile" {
				funcs[n] = f
			}
		}
		var v cty.Value
		if v, diags = expr.Value(&hcl.EvalContext{Variables: scopeVars, Functions: funcs}); !diags.HasErrors() {
			s, err := convert.Convert(v, cty.String)
			if err != nil || s.IsNull() {
				return cty.DynamicVal, function.NewArgErrorf(0, "%s gives no text", clip(name))
			}
			return s, nil
		}
	}
	d := diags[0]
	line := 0
	if d.Subject != nil {
		line = d.Subject.Start.Line
	}
	return cty.DynamicVal, function.NewArgErrorf(0, "%s, line %d: %s: %s", clip(name), line, d.Summary, d.Detail)
}
