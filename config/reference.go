package config

// BlockDoc describes a type of block for the generated reference and for completion.
type BlockDoc struct {
	Name       string
	Label      string // what the label is: "", "name" or "path"
	Doc        string
	NotBuilt   bool
	Attributes []AttributeDoc
	Blocks     []BlockDoc
	Like       string // the block that has the same attributes and blocks, which stand there only
}

// AttributeDoc describes an attribute.
type AttributeDoc struct {
	Name     string
	Type     string
	Default  string // as the reference shows it; "" = none
	Doc      string
	Required bool
	NotBuilt bool
}

// Reference describes the whole language, in the order in which it is best read. It is made of the table that decodes.
func Reference() []BlockDoc {
	return describeBlock(languageSchema()).Blocks
}

func describeBlock(b *block) BlockDoc {
	d := BlockDoc{Name: b.name, Label: b.label.describe(), Doc: b.doc, NotBuilt: b.notBuilt}
	if d.Like = b.like; d.Like != "" {
		return d
	}
	for _, a := range b.attrs {
		d.Attributes = append(d.Attributes, AttributeDoc{
			Name: a.name, Type: a.kind.describe(), Default: a.def, Doc: a.doc, Required: a.required, NotBuilt: a.notBuilt,
		})
	}
	for _, c := range b.blocks {
		d.Blocks = append(d.Blocks, describeBlock(c))
	}
	return d
}

func (k labelKind) describe() string {
	switch k {
	case labelNone:
		return ""
	case labelSource, labelTarget:
		return "path"
	}
	return "name"
}

func (k kind) describe() string {
	switch k {
	case kindString, kindText:
		return "string"
	case kindBool:
		return "bool"
	case kindInt, kindNumber:
		return "number"
	case kindTime:
		return "duration"
	case kindSize:
		return "size"
	case kindList, kindAppend:
		return "list of strings"
	case kindOneMany, kindCommand, kindCheck:
		return "string or list of strings"
	case kindMap, kindEnv:
		return "map of strings"
	case kindGPUs:
		return `"all", number or list of strings`
	case kindInputs:
		return "map of expressions"
	case kindUlimits:
		return "map of numbers or { soft, hard }"
	}
	return "expression"
}

// FunctionNames lists the functions of expressions, sorted.
func FunctionNames() []string { return functionNames() }
