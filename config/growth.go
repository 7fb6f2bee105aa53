package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// growth refuses a call whose result would be larger than the language allows, before anything is allocated: these are
// the functions whose result grows by an argument rather than with one.
func growth(name string, args []cty.Value) error {
	plain := make([]cty.Value, len(args))
	for i, a := range args {
		plain[i], _ = a.UnmarkDeep()
		if !plain[i].IsWhollyKnown() {
			return nil
		}
	}
	switch name {
	case "format", "formatlist":
		return formatGrowth(plain)
	case "indent":
		return indentGrowth(plain)
	case "setproduct":
		return productGrowth(plain)
	case "range":
		return rangeGrowth(plain)
	case "replace":
		return replaceGrowth(plain)
	case "split":
		if len(plain) == 2 {
			return tooMany(strings.Count(textOf(plain[1]), textOf(plain[0])) + 1)
		}
	case "regexall":
		return matchGrowth(plain)
	case "join":
		return joinGrowth(plain)
	case "yamldecode", "jsondecode":
		if len(plain) > 0 {
			return decodeGrowth(name, textOf(plain[0]))
		}
	case "concat", "flatten", "merge", "setunion":
		return concatGrowth(plain)
	}
	return nil
}

func tooLong(n int) error {
	if n > maxString {
		return fmt.Errorf("the result would be a string of more than 1 MiB")
	}
	return nil
}

func tooMany(n int) error {
	if n > maxCollection {
		return fmt.Errorf("the result would be a collection of more than %d elements", maxCollection)
	}
	return nil
}

// number reads a small whole number; anything else is as large as can be.
func number(v cty.Value) int {
	if v.Type() != cty.Number || v.IsNull() {
		return 0
	}
	n, _ := v.AsBigFloat().Int64()
	if n > maxString+1 || n < -maxString-1 {
		return maxString + 1
	}
	return int(n)
}

func textOf(v cty.Value) string {
	if isString(v) {
		return v.AsString()
	}
	return ""
}

// formatGrowth adds up widths and precisions: %10000d makes ten thousand characters of one.
func formatGrowth(args []cty.Value) error {
	if len(args) == 0 {
		return nil
	}
	total, n := 0, 0
	for _, c := range textOf(args[0]) {
		if c >= '0' && c <= '9' {
			n = min(n*10+int(c-'0'), maxString+1)
			continue
		}
		total, n = min(total+n, maxString+1), 0
	}
	if strings.Contains(textOf(args[0]), "*") {
		return fmt.Errorf("a width of * is not supported")
	}
	return tooLong(total)
}

// decodeGrowth refuses text that nests deeply (the decoders take it by recursion) and YAML whose aliases multiply. Brackets
// inside strings count too, which errs on the safe side.
func decodeGrowth(name, text string) error {
	deep := fmt.Errorf("the text is nested more than %d deep", maxNesting)
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		}
		if depth > maxNesting {
			return deep
		}
	}
	if name != "yamldecode" {
		return nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		// Block collections nest by their indentation, and by "- - -" on one line.
		if len(line)-len(strings.TrimLeft(line, " \t-?:")) > 4*maxNesting {
			return deep
		}
	}
	if len(yamlAliasRE.FindAllStringIndex(text, maxAliases+1)) > maxAliases {
		return fmt.Errorf("the YAML text has more than %d aliases", maxAliases)
	}
	return nil
}

func indentGrowth(args []cty.Value) error {
	if len(args) < 2 {
		return nil
	}
	lines := strings.Count(textOf(args[1]), "\n")
	spaces := number(args[0])
	if spaces < 0 {
		return fmt.Errorf("the number of spaces is negative")
	}
	return tooLong(len(textOf(args[1])) + lines*spaces)
}

func productGrowth(args []cty.Value) error {
	n := 1
	for _, a := range args {
		if a.IsNull() || !a.CanIterateElements() {
			return nil
		}
		if n *= a.LengthInt(); n > maxCollection {
			return tooMany(n)
		}
	}
	return nil
}

func rangeGrowth(args []cty.Value) error {
	start, end, step := 0.0, 0.0, 1.0
	read := func(v cty.Value) float64 {
		if v.Type() != cty.Number || v.IsNull() {
			return 0
		}
		f, _ := v.AsBigFloat().Float64()
		return f
	}
	switch len(args) {
	case 1:
		end = read(args[0])
	case 2:
		start, end = read(args[0]), read(args[1])
	case 3:
		start, end, step = read(args[0]), read(args[1]), read(args[2])
	}
	if start > end && len(args) < 3 {
		step = -1
	}
	if step == 0 || (end-start)/step > maxCollection {
		return tooMany(maxCollection + 1)
	}
	return nil
}

func replaceGrowth(args []cty.Value) error {
	if len(args) < 3 {
		return nil
	}
	text, find, with := textOf(args[0]), textOf(args[1]), textOf(args[2])
	n := strings.Count(text, find)
	if pattern, ok := slashed(find); ok {
		re, err := regexp.Compile(pattern)
		if err != nil {
			return errors.New("the pattern between the slashes is no regular expression")
		}
		n = len(re.FindAllStringIndex(text, maxString/max(1, len(with))+2))
		// A reference such as ${1} may stand for the whole match.
		return tooLong(len(text)*(1+strings.Count(with, "$")) + n*len(with))
	}
	return tooLong(len(text) + n*(len(with)-min(len(with), len(find))))
}

func matchGrowth(args []cty.Value) error {
	if len(args) < 2 {
		return nil
	}
	re, err := regexp.Compile(textOf(args[0]))
	if err != nil {
		return errors.New("the pattern is no regular expression")
	}
	return tooMany(len(re.FindAllStringIndex(textOf(args[1]), maxCollection+1)))
}

func joinGrowth(args []cty.Value) error {
	if len(args) == 0 {
		return nil
	}
	total := 0
	for _, list := range args[1:] {
		if list.IsNull() || !list.CanIterateElements() {
			return nil
		}
		for it := list.ElementIterator(); it.Next(); {
			_, v := it.Element()
			if total += len(textOf(v)) + len(textOf(args[0])); total > maxString {
				return tooLong(total - len(textOf(args[0])))
			}
		}
	}
	return nil
}

func concatGrowth(args []cty.Value) error {
	total := 0
	for _, a := range args {
		if !a.IsNull() && a.CanIterateElements() {
			total += a.LengthInt()
		}
	}
	return tooMany(total)
}
