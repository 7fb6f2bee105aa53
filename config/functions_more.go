package config

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"path"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// The functions that Terraform has and cty's standard library lacks. They are lookup values: nobody writes them.
var (
	basename     = textFunction(func(s string) (string, error) { return path.Base(s), nil })
	dirname      = textFunction(func(s string) (string, error) { return path.Dir(s), nil })
	base64Encode = textFunction(func(s string) (string, error) { return base64.StdEncoding.EncodeToString([]byte(s)), nil })
	base64Decode = textFunction(decodeBase64)
	base64Gzip   = textFunction(gzipBase64)
	base64Sha256 = textFunction(func(s string) (string, error) {
		sum := sha256.Sum256([]byte(s))
		return base64.StdEncoding.EncodeToString(sum[:]), nil
	})
	base64Sha512 = textFunction(func(s string) (string, error) {
		sum := sha512.Sum512([]byte(s))
		return base64.StdEncoding.EncodeToString(sum[:]), nil
	})
	md5Hex    = textFunction(func(s string) (string, error) { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]), nil })
	sha1Hex   = textFunction(func(s string) (string, error) { h := sha1.Sum([]byte(s)); return hex.EncodeToString(h[:]), nil })
	sha256Hex = textFunction(func(s string) (string, error) { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]), nil })
	sha512Hex = textFunction(func(s string) (string, error) { h := sha512.Sum512([]byte(s)); return hex.EncodeToString(h[:]), nil })
	urlEncode = textFunction(func(s string) (string, error) { return url.QueryEscape(s), nil })
	urlDecode = textFunction(func(s string) (string, error) {
		out, err := url.QueryUnescape(s)
		if err != nil {
			return "", errors.New("not percent-encoded text")
		}
		return out, nil
	})
	startsWith  = testFunction(strings.HasPrefix)
	endsWith    = testFunction(strings.HasSuffix)
	strContains = testFunction(strings.Contains)
	allTrue     = truth(true)
	anyTrue     = truth(false)
)

// textFunction makes a function of one string that returns a string.
func textFunction(f func(string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "str", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			s, err := f(args[0].AsString())
			if err != nil {
				return cty.UnknownVal(cty.String), function.NewArgError(0, err)
			}
			return cty.StringVal(s), nil
		},
	})
}

func testFunction(f func(s, part string) bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "str", Type: cty.String}, {Name: "part", Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(f(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

func decodeBase64(s string) (string, error) {
	out, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return "", errors.New("not base64")
	}
	if !utf8.Valid(out) {
		return "", errors.New("the decoded bytes are not UTF-8")
	}
	return string(out), nil
}

func gzipBase64(s string) (string, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(s)); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b.Bytes()), nil
}

// replace takes a substring, or a regular expression between slashes.
var replace = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "str", Type: cty.String}, {Name: "substr", Type: cty.String}, {Name: "replace", Type: cty.String}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if pattern, ok := slashed(args[1].AsString()); ok {
			return stdlib.RegexReplace(args[0], cty.StringVal(pattern), args[2])
		}
		return stdlib.Replace(args[0], args[1], args[2])
	},
})

// slashed returns what stands between two slashes.
func slashed(s string) (string, bool) {
	if len(s) > 1 && s[0] == '/' && s[len(s)-1] == '/' {
		return s[1 : len(s)-1], true
	}
	return "", false
}

// length counts characters of a string and elements of a collection.
var length = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType}},
	Type: func(args []cty.Value) (cty.Type, error) {
		t := args[0].Type()
		if t == cty.String || t == cty.DynamicPseudoType || t.IsTupleType() || t.IsObjectType() || t.IsCollectionType() {
			return cty.Number, nil
		}
		return cty.Number, function.NewArgErrorf(0, "expected a string, a list or a map")
	},
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if args[0].Type() == cty.String {
			return stdlib.Strlen(args[0])
		}
		return cty.NumberIntVal(int64(args[0].LengthInt())), nil
	},
})

// coalesce returns the first argument that is neither null nor the empty string.
var coalesce = function.New(&function.Spec{
	VarParam: &function.Parameter{Name: "vals", Type: cty.DynamicPseudoType, AllowNull: true, AllowDynamicType: true},
	Type: func(args []cty.Value) (cty.Type, error) {
		types := make([]cty.Type, len(args))
		for i, a := range args {
			types[i] = a.Type()
		}
		t, _ := convert.UnifyUnsafe(types)
		if t == cty.NilType {
			return cty.NilType, errors.New("the arguments have no type in common")
		}
		return t, nil
	},
	Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
		for _, a := range args {
			v, err := convert.Convert(a, t)
			if err != nil {
				return cty.DynamicVal, err
			}
			if !v.IsNull() && !(isString(v) && v.AsString() == "") {
				return v, nil
			}
		}
		return cty.DynamicVal, errors.New("every argument is null or empty")
	},
})

// one returns the only element, or null for none.
var one = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
	Type: func(args []cty.Value) (cty.Type, error) {
		v, err := only(args[0])
		return v.Type(), err
	},
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return only(args[0]) },
})

func only(v cty.Value) (cty.Value, error) {
	if !v.IsKnown() {
		return cty.DynamicVal, nil
	}
	if t := v.Type(); !t.IsTupleType() && !t.IsListType() && !t.IsSetType() || v.LengthInt() > 1 {
		return cty.DynamicVal, function.NewArgErrorf(0, "expected a list or a set of at most one element")
	}
	for it := v.ElementIterator(); it.Next(); {
		_, e := it.Element()
		return e, nil
	}
	return cty.NullVal(cty.DynamicPseudoType), nil
}

// truth makes alltrue and anytrue: the value that ends the search is the other one.
func truth(all bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.List(cty.Bool)}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			for it := args[0].ElementIterator(); it.Next(); {
				if _, v := it.Element(); v.IsNull() || v.True() != all {
					if all || !v.IsNull() {
						return cty.BoolVal(!all), nil
					}
				}
			}
			return cty.BoolVal(all), nil
		},
	})
}

var sum = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if !args[0].CanIterateElements() || args[0].LengthInt() == 0 {
			return cty.DynamicVal, function.NewArgErrorf(0, "expected a list of at least one number")
		}
		total := new(big.Float).SetPrec(512)
		for it := args[0].ElementIterator(); it.Next(); {
			_, v := it.Element()
			n, err := convert.Convert(v, cty.Number)
			if err != nil || n.IsNull() {
				return cty.DynamicVal, function.NewArgErrorf(0, "expected numbers only")
			}
			total.Add(total, n.AsBigFloat())
		}
		return cty.NumberVal(total), nil
	},
})

var indexOf = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}, {Name: "value", Type: cty.DynamicPseudoType}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if t := args[0].Type(); !t.IsTupleType() && !t.IsListType() {
			return cty.DynamicVal, function.NewArgErrorf(0, "expected a list")
		}
		i := int64(0)
		for it := args[0].ElementIterator(); it.Next(); i++ {
			if _, v := it.Element(); v.RawEquals(args[1]) {
				return cty.NumberIntVal(i), nil
			}
		}
		return cty.DynamicVal, function.NewArgErrorf(1, "the list does not hold it")
	},
})

// matchKeys returns the values whose key, at the same place of another list, is among those searched for.
var matchKeys = function.New(&function.Spec{
	Params: []function.Parameter{
		{Name: "values", Type: cty.List(cty.DynamicPseudoType)}, {Name: "keys", Type: cty.List(cty.DynamicPseudoType)},
		{Name: "searchset", Type: cty.List(cty.DynamicPseudoType)},
	},
	Type: func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
	Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
		if args[0].LengthInt() != args[1].LengthInt() {
			return cty.DynamicVal, function.NewArgErrorf(1, "expected as many keys as values")
		}
		wanted := map[string]bool{}
		for _, k := range args[2].AsValueSlice() {
			wanted[k.GoString()] = true
		}
		var out []cty.Value
		names := args[1].AsValueSlice()
		for i, v := range args[0].AsValueSlice() {
			if wanted[names[i].GoString()] {
				out = append(out, v)
			}
		}
		if len(out) == 0 {
			return cty.ListValEmpty(t.ElementType()), nil
		}
		return cty.ListVal(out), nil
	},
})

// transpose swaps keys and values of a map of lists of strings.
var transpose = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "map", Type: cty.Map(cty.List(cty.String))}},
	Type:   function.StaticReturnType(cty.Map(cty.List(cty.String))),
	Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
		swapped := map[string][]string{}
		for it := args[0].ElementIterator(); it.Next(); {
			k, list := it.Element()
			if list.IsNull() {
				return cty.DynamicVal, function.NewArgErrorf(0, "a list is null")
			}
			for _, v := range list.AsValueSlice() {
				if v.IsNull() {
					return cty.DynamicVal, function.NewArgErrorf(0, "an element is null")
				}
				swapped[v.AsString()] = append(swapped[v.AsString()], k.AsString())
			}
		}
		out := map[string]cty.Value{}
		for k, names := range swapped {
			sort.Strings(names)
			values := make([]cty.Value, len(names))
			for i, n := range names {
				values[i] = cty.StringVal(n)
			}
			out[k] = cty.ListVal(values)
		}
		if len(out) == 0 {
			return cty.MapValEmpty(t.ElementType()), nil
		}
		return cty.MapVal(out), nil
	},
})

// uuidV5 is the name-based UUID of RFC 4122: the name space is a UUID or dns, url, oid, x500.
var uuidV5 = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "namespace", Type: cty.String}, {Name: "name", Type: cty.String}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		space := args[0].AsString()
		if known, ok := map[string]string{"dns": "0", "url": "1", "oid": "2", "x500": "4"}[space]; ok {
			space = "6ba7b81" + known + "-9dad-11d1-80b4-00c04fd430c8"
		}
		id, err := hex.DecodeString(strings.ReplaceAll(space, "-", ""))
		if err != nil || len(id) != 16 {
			return cty.DynamicVal, function.NewArgErrorf(0, "expected a UUID, or one of dns, url, oid, x500")
		}
		h := sha1.New()
		h.Write(id)
		h.Write([]byte(args[1].AsString()))
		u := h.Sum(nil)[:16]
		u[6], u[8] = u[6]&0x0f|0x50, u[8]&0x3f|0x80
		return cty.StringVal(fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])), nil
	},
})

// typeFunctions converts between types; sensitive marks a value, as in Terraform.
func typeFunctions() map[string]function.Function {
	return map[string]function.Function{
		"tobool": stdlib.MakeToFunc(cty.Bool), "tolist": stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)),
		"tomap": stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)), "tonumber": stdlib.MakeToFunc(cty.Number),
		"toset": stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)), "tostring": stdlib.MakeToFunc(cty.String),
		"sensitive": function.New(&function.Spec{
			Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowNull: true, AllowMarked: true, AllowDynamicType: true}},
			Type:   func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
			Impl:   func(args []cty.Value, _ cty.Type) (cty.Value, error) { return args[0].Mark(sensitive), nil },
		}),
	}
}
