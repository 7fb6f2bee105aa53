package config

import (
	"errors"
	"fmt"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	ctyyaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// functionNames lists the functions of expressions, sorted.
func functionNames() []string {
	return keys(functions(&guard{}, &hostFunctions{}))
}

// functions returns the functions of expressions, named as in Terraform. None knows the time or chance. Each is wrapped:
// arguments and results stay within the language's limits, and an error never quotes a value that is secret.
func functions(g *guard, h *hostFunctions) map[string]function.Function {
	all := map[string]function.Function{}
	for _, set := range []map[string]function.Function{
		stringFunctions(), collectionFunctions(), numberFunctions(), encodingFunctions(), networkFunctions(), typeFunctions(),
		h.functions(),
	} {
		for name, f := range set {
			all[name] = bounded(g, name, f)
		}
	}
	// try and can take expressions, not values.
	all["try"], all["can"] = tryfunc.TryFunc, tryfunc.CanFunc
	return all
}

func stringFunctions() map[string]function.Function {
	return map[string]function.Function{
		"chomp": stdlib.ChompFunc, "endswith": endsWith, "format": stdlib.FormatFunc, "formatlist": stdlib.FormatListFunc,
		"indent": stdlib.IndentFunc, "join": stdlib.JoinFunc, "lower": stdlib.LowerFunc, "regex": stdlib.RegexFunc,
		"regexall": stdlib.RegexAllFunc, "replace": replace, "split": stdlib.SplitFunc, "startswith": startsWith,
		"strcontains": strContains, "strrev": stdlib.ReverseFunc, "substr": stdlib.SubstrFunc, "title": stdlib.TitleFunc,
		"trim": stdlib.TrimFunc, "trimprefix": stdlib.TrimPrefixFunc, "trimspace": stdlib.TrimSpaceFunc,
		"trimsuffix": stdlib.TrimSuffixFunc, "upper": stdlib.UpperFunc, "basename": basename, "dirname": dirname,
		"formatdate": stdlib.FormatDateFunc, "timeadd": stdlib.TimeAddFunc,
	}
}

func collectionFunctions() map[string]function.Function {
	return map[string]function.Function{
		"alltrue": allTrue, "anytrue": anyTrue, "chunklist": stdlib.ChunklistFunc, "coalesce": coalesce,
		"coalescelist": stdlib.CoalesceListFunc, "compact": stdlib.CompactFunc, "concat": stdlib.ConcatFunc,
		"contains": stdlib.ContainsFunc, "distinct": stdlib.DistinctFunc, "element": stdlib.ElementFunc,
		"flatten": stdlib.FlattenFunc, "index": indexOf, "keys": stdlib.KeysFunc, "length": length,
		"lookup": stdlib.LookupFunc, "matchkeys": matchKeys, "merge": stdlib.MergeFunc, "one": one, "range": stdlib.RangeFunc,
		"reverse": stdlib.ReverseListFunc, "setintersection": stdlib.SetIntersectionFunc,
		"setproduct": stdlib.SetProductFunc, "setsubtract": stdlib.SetSubtractFunc, "setunion": stdlib.SetUnionFunc,
		"setsymmetricdifference": stdlib.SetSymmetricDifferenceFunc, "slice": stdlib.SliceFunc, "sort": stdlib.SortFunc,
		"sum": sum, "transpose": transpose, "values": stdlib.ValuesFunc, "zipmap": stdlib.ZipmapFunc,
	}
}

func numberFunctions() map[string]function.Function {
	return map[string]function.Function{
		"abs": stdlib.AbsoluteFunc, "ceil": stdlib.CeilFunc, "floor": stdlib.FloorFunc, "log": stdlib.LogFunc,
		"max": stdlib.MaxFunc, "min": stdlib.MinFunc, "parseint": stdlib.ParseIntFunc, "pow": stdlib.PowFunc,
		"signum": stdlib.SignumFunc,
	}
}

func encodingFunctions() map[string]function.Function {
	return map[string]function.Function{
		"base64decode": base64Decode, "base64encode": base64Encode, "base64gzip": base64Gzip, "base64sha256": base64Sha256,
		"base64sha512": base64Sha512, "csvdecode": stdlib.CSVDecodeFunc, "jsondecode": stdlib.JSONDecodeFunc,
		"jsonencode": stdlib.JSONEncodeFunc, "md5": md5Hex, "sha1": sha1Hex, "sha256": sha256Hex, "sha512": sha512Hex,
		"urldecode": urlDecode, "urlencode": urlEncode, "uuidv5": uuidV5, "yamldecode": ctyyaml.YAMLDecodeFunc,
		"yamlencode": ctyyaml.YAMLEncodeFunc,
	}
}

// bounded wraps a function with the language's limits.
func bounded(g *guard, name string, f function.Function) function.Function {
	spec := &function.Spec{
		Description: f.Description(),
		Type: func(args []cty.Value) (cty.Type, error) {
			if err := admit(name, args); err != nil {
				return cty.DynamicPseudoType, err
			}
			t, err := f.ReturnTypeForValues(args)
			return t, discreet(err, args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return call(g, f, args) },
	}
	for _, p := range f.Params() {
		spec.Params = append(spec.Params, open(p))
	}
	if p := f.VarParam(); p != nil {
		v := open(*p)
		spec.VarParam = &v
	}
	return function.New(spec)
}

// open lets marks through: the wrapped function handles them, and the wrapper must see them.
func open(p function.Parameter) function.Parameter {
	p.AllowMarked = true
	return p
}

// admit checks arguments before anything is computed from them.
func admit(name string, args []cty.Value) error {
	for _, a := range args {
		if err := size(a); err != nil {
			return fmt.Errorf("the argument %w", err)
		}
	}
	return growth(name, args)
}

func call(g *guard, f function.Function, args []cty.Value) (cty.Value, error) {
	if err := g.take(cty.NilVal); err != nil {
		return cty.DynamicVal, err
	}
	v, err := f.Call(args)
	if err != nil {
		return cty.DynamicVal, discreet(err, args)
	}
	if err := size(v); err != nil {
		return cty.DynamicVal, fmt.Errorf("the result %w", err)
	}
	if err := g.take(v); err != nil {
		return cty.DynamicVal, err
	}
	return v, nil
}

// discreet replaces an error that could quote a value which no message may show.
func discreet(err error, args []cty.Value) error {
	if err == nil {
		return nil
	}
	for i, a := range args {
		if hasMark(a, sensitive) || hasMark(a, quiet) {
			withheld := errors.New("the value is not valid here; it is not shown, for it is sensitive or from a dotenv file")
			var argErr function.ArgError
			if errors.As(err, &argErr) {
				return function.NewArgError(min(i, argErr.Index), withheld)
			}
			return withheld
		}
	}
	return err
}
