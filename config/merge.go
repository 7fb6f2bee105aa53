package config

import (
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// mergeNode lays src, a later layer, over dst: scalars and lists replace, packages, depends_on and maps keep every
// layer's expression (evaluation appends and merges them), blocks merge by type and label and new ones follow.
func mergeNode(dst, src *node) {
	if a := src.attrs["image"]; a != nil && !isNullLiteral(a.layers[0].expr) {
		dst.drop("build")
	}
	if b := src.find("build", ""); b != nil && !b.isOff() {
		delete(dst.attrs, "image")
	}
	for name, a := range src.attrs {
		prior, ok := dst.attrs[name]
		if !ok || !a.schema.kind.layered() {
			dst.attrs[name] = a
			continue
		}
		// What comes in twice, by two templates of one origin, counts where it comes last.
		prior.layers = slices.DeleteFunc(prior.layers, func(l layer) bool { return slices.Contains(a.layers, l) })
		prior.layers = append(prior.layers, a.layers...)
		prior.nameAt = a.nameAt
	}
	for name := range src.refused {
		dst.refused[name] = true
	}
	siblings := make(map[blockKey]*node, len(dst.children))
	for _, child := range dst.children {
		siblings[child.key()] = child
	}
	for _, child := range src.children {
		if prior := siblings[child.key()]; prior != nil && !child.schema.repeated {
			mergeNode(prior, child)
			continue
		}
		siblings[child.key()] = child
		dst.children = append(dst.children, child)
	}
}

// layered kinds are made of all layers, the others of the last one that writes them.
func (k kind) layered() bool {
	switch k {
	case kindAppend, kindMap, kindEnv, kindUlimits, kindInputs:
		return true
	}
	return false
}

// writtenIn reports whether one of its layers stands in a file.
func (a *attr) writtenIn(file string) bool {
	return slices.ContainsFunc(a.layers, func(l layer) bool { return l.expr.Range().Filename == file })
}

// isNullLiteral: null takes a value away and puts none in its place.
func isNullLiteral(expr hclsyntax.Expression) bool {
	v, ok := literal(expr)
	return ok && v.IsKnown() && v.IsNull()
}

// drop takes the child blocks of a type away.
func (n *node) drop(name string) {
	var kept []*node
	for _, c := range n.children {
		if c.schema.name != name {
			kept = append(kept, c)
		}
	}
	n.children = kept
}
