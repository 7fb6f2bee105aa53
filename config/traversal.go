package config

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// attrStep returns the name that a traversal takes at a step, "" when there is none or it is not a name.
func attrStep(t hcl.Traversal, i int) string {
	if i >= len(t) {
		return ""
	}
	switch step := t[i].(type) {
	case hcl.TraverseAttr:
		return step.Name
	case hcl.TraverseIndex:
		if isString(step.Key) {
			return step.Key.AsString()
		}
	}
	return ""
}

// checkTraversal reports names that do not exist.
func (s scope) checkTraversal(a *attr, t hcl.Traversal) {
	root := t.RootName()
	if !contains(s.roots, root) {
		s.unknownRoot(a, t, root)
		return
	}
	name := attrStep(t, 1)
	if name == "" {
		return
	}
	switch root {
	case "var":
		if !s.hasVar(name) {
			s.unknown(a, t, 1, "variable", name, s.varNames())
		}
	case "local":
		if !s.hasLocal(name) {
			s.unknown(a, t, 1, "local", name, s.localNames())
		}
	case "project":
		s.known(a, t, 1, "value in project:", name, []string{"name", "dir"})
	case "host":
		s.known(a, t, 1, "value in host:", name, []string{"uid", "gid", "os", "arch", "cpus", "memory"})
	case "self":
		s.checkBoxStep(a, t, 1, s.box, []string{"name", "index", "port"})
	case "box":
		if s.boxes[name] == nil {
			s.unknown(a, t, 1, "box", name, s.names.boxes)
			return
		}
		s.checkBoxStep(a, t, 2, s.boxes[name], []string{"name", "port"})
	}
}

func (s scope) varNames() []string {
	if s.in != nil {
		return keys(s.in.vars)
	}
	return s.names.vars
}

func (s scope) localNames() []string {
	if s.in != nil {
		return keys(s.in.locals)
	}
	return s.names.locals
}

func (s scope) hasVar(name string) bool {
	if s.in != nil {
		return s.in.vars[name] != nil
	}
	return s.vars[name]
}

func (s scope) hasLocal(name string) bool {
	if s.in != nil {
		return s.in.locals[name] != nil
	}
	return s.locals[name] != nil
}

// checkBoxStep checks what is read of a box, from its name or its ports on.
func (s scope) checkBoxStep(a *attr, t hcl.Traversal, i int, box *node, values []string) {
	name := attrStep(t, i)
	if name == "" || !s.known(a, t, i, "value of a box:", name, values) || name != "port" {
		return
	}
	label := attrStep(t, i+1)
	if label == "" {
		return
	}
	// A box may add it to a template.
	if box.find("port", label) == nil && !(s.open && box == s.box) {
		var labels []string
		for _, c := range box.all("port") {
			labels = append(labels, c.label)
		}
		s.unknown(a, t, i+1, fmt.Sprintf("port in box %q:", box.label), label, labels)
		return
	}
	if i+2 < len(t) {
		if step := attrStep(t, i+2); step != "" {
			s.known(a, t, i+2, "value of a port:", step, []string{"guest", "host"})
		}
	}
}

func (s scope) known(a *attr, t hcl.Traversal, i int, what, name string, candidates []string) bool {
	if contains(candidates, name) {
		return true
	}
	s.unknown(a, t, i, what, name, candidates)
	return false
}

// unknown reports a name that is none of the candidates.
func (s scope) unknown(a *attr, t hcl.Traversal, i int, what, name string, candidates []string) {
	p := s.fail(a, t[i].SourceRange(), fmt.Sprintf("no %s `%s`", what, name))
	p.suggest(name, candidates)
	if p.hint == "" && len(candidates) > 0 && len(candidates) < 20 {
		p.detail = "there is: " + strings.Join(candidates, ", ")
	}
	if p.hint == "" {
		s.scriptHint(a, p)
	}
}

func (s scope) unknownRoot(a *attr, t hcl.Traversal, root string) {
	at := t[0].SourceRange()
	if contains([]string{"var", "local", "project", "host", "self", "box"}, root) {
		p := s.fail(a, at, fmt.Sprintf("`%s` cannot be used in `%s`", root, a.name))
		p.detail = s.bare
		if root == "self" && s.box == nil {
			p.detail = "self is the box, and this stands outside of one"
		}
		if len(s.roots) > 0 {
			p.hint = "here there is: " + strings.Join(s.roots, ", ")
		}
		return
	}
	if root == "template" {
		s.fail(a, at, fmt.Sprintf("`%s` cannot be used in `%s`", root, a.name)).detail = "a template has no values; a box is made from it with: from = template.NAME"
		return
	}
	p := s.fail(a, at, fmt.Sprintf("no variable `%s`", root))
	p.suggest(root, s.roots)
	if (p.hint == "" || len(t) == 1) && s.scriptHint(a, p) {
		return
	}
	if p.hint == "" && s.hasVar(root) {
		p.hint = fmt.Sprintf("did you mean `var.%s`?", root)
	}
	if p.hint == "" && s.hasLocal(root) {
		p.hint = fmt.Sprintf("did you mean `local.%s`?", root)
	}
	if p.hint == "" && len(t) == 1 && root == strings.ToUpper(root) {
		p.hint = fmt.Sprintf("a variable of your environment is read with env(%q)", root)
	}
	if p.hint == "" && len(t) == 1 {
		p.hint = fmt.Sprintf("if it is a string, write it in quotes: %q", root)
	}
}

// scriptHint says how the shell's own variables are written where the text is a script.
func (s scope) scriptHint(a *attr, p *problem) bool {
	if !a.schema.script && a.schema.kind != kindCommand {
		return false
	}
	p.hint = shellHint
	return true
}

const shellHint = "in a script, write the shell's own variables as $NAME or $${NAME}, and a literal %{ as %%{"

func (s scope) checkFunction(a *attr, call *hclsyntax.FunctionCallExpr) {
	if contains(s.fnNames, call.Name) {
		if s.in.elsewhere() && (call.Name == "env" || call.Name == "abspath") {
			s.fail(a, call.NameRange, fmt.Sprintf("`%s` cannot be used in a definition from elsewhere", call.Name)).detail = "what it needs is given by `with`"
		}
		return
	}
	p := s.fail(a, call.NameRange, fmt.Sprintf("no function `%s`", call.Name))
	switch call.Name {
	case "timestamp", "plantimestamp", "uuid", "bcrypt":
		p.detail = "expressions have no clock and no randomness: the same Envfile gives the same boxes"
	default:
		p.suggest(call.Name, s.fnNames)
	}
}
