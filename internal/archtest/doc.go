// Package archtest checks the architecture of envy: who may import whom, who may touch the host, what a package may
// keep, how long a piece of code may get. Each rule is data with its reason, and a finding quotes that reason, so that
// whoever breaks a rule can tell whether the rule or the code is wrong.
//
// It reads syntax only: no types, no build. It knows nothing of what the packages do, and imports none of them.
// Rules hold for code that ships; test files are read for init functions alone.
package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"sort"
)

// Finding is one place where the code and a rule disagree.
type Finding struct {
	Pos  token.Position // Line is 0 where the finding is about a whole package or file.
	Text string
}

func (f Finding) String() string {
	if f.Pos.Line == 0 {
		return fmt.Sprintf("%s: %s", f.Pos.Filename, f.Text)
	}
	return fmt.Sprintf("%s:%d: %s", f.Pos.Filename, f.Pos.Line, f.Text)
}

// findings collects what one check has to say.
type findings struct {
	module *Module
	list   []Finding
}

// at reports about a piece of syntax.
func (f *findings) at(node ast.Node, format string, args ...any) {
	f.list = append(f.list, Finding{Pos: f.module.fset.Position(node.Pos()), Text: fmt.Sprintf(format, args...)})
}

// about reports about a file or package as a whole.
func (f *findings) about(name, format string, args ...any) {
	f.list = append(f.list, Finding{Pos: token.Position{Filename: name}, Text: fmt.Sprintf(format, args...)})
}

// sorted returns the findings by place.
func (f *findings) sorted() []Finding {
	sort.SliceStable(f.list, func(i, j int) bool {
		a, b := f.list[i].Pos, f.list[j].Pos
		if a.Filename != b.Filename {
			return a.Filename < b.Filename
		}
		return a.Line < b.Line
	})
	return f.list
}
