package config

import "fmt"

// blockKey is what tells a block from its siblings.
type blockKey struct{ name, label string }

func (n *node) key() blockKey { return blockKey{n.schema.name, n.label} }

// find returns the child block of a type and label.
func (n *node) find(name, label string) *node {
	for _, c := range n.children {
		if c.schema.name == name && c.label == label {
			return c
		}
	}
	return nil
}

// all returns the child blocks of a type.
func (n *node) all(name string) []*node {
	var list []*node
	for _, c := range n.children {
		if c.schema.name == name {
			list = append(list, c)
		}
	}
	return list
}

// describe names the block for a message.
func (n *node) describe() string {
	switch {
	case n.schema.name == "":
		return "the file"
	case n.schema.label == labelNone:
		return "the block `" + n.schema.name + "`"
	}
	return fmt.Sprintf("%s %q", n.schema.name, n.label)
}

func (b *block) attrNames() []string {
	var names []string
	for _, a := range b.attrs {
		names = append(names, a.name)
	}
	return names
}

func (b *block) blockNames() []string {
	var names []string
	for _, c := range b.blocks {
		names = append(names, c.name)
	}
	return names
}
