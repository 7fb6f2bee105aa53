package config

// kind is what values an attribute takes; decoding, merging and the reference follow from it.
type kind int

const (
	kindString  kind = iota // a string on one line
	kindText                // a string that may hold newlines
	kindBool                //
	kindInt                 // a whole number
	kindNumber              //
	kindTime                // a duration: "30s"
	kindSize                // bytes: "2g", or a number
	kindList                // a list of strings; a later layer replaces
	kindAppend              // a list of strings; a later layer appends without repeats
	kindOneMany             // a string or a list of strings
	kindMap                 // strings by key; layers merge, null unsets
	kindEnv                 // like kindMap; null is kept and unsets in the box
	kindCommand             // a string split into words, or a list
	kindCheck               // a string for sh -c, or a list
	kindGPUs                // "all", a number or ids
	kindUlimits             // numbers or { soft, hard } by name
	kindInputs              // the variables of definitions by name, each with an expression
	kindExpr                // not evaluated by the general decoder: type, default, condition
)

// labelKind is what the label of a block is.
type labelKind int

const (
	labelNone   labelKind = iota
	labelBox              // a host name
	labelName             // [a-z0-9][a-z0-9_.-]{0,62}
	labelVar              // [a-z_][a-z0-9_]*
	labelSource           // a path on the host
	labelTarget           // an absolute path in the box
)

// attribute is one line of the schema.
type attribute struct {
	name string
	kind kind
	doc  string
	// def is the default as the reference shows it.
	def string
	// one of these words, where not empty.
	words []string
	// rule checks each string of the value and returns what was expected, "" when it is well.
	rule func(string) string
	// near are the words that a misspelt value is compared with, where not empty.
	near []string
	// min and max bound a number where max is not 0.
	min, max int64
	required bool
	// early attributes are evaluated before ports are known.
	early bool
	// script attributes hold shell text: a stray ${ gets a hint.
	script bool
	// secret attributes may hold sensitive values.
	secret bool
	// notBuilt refuses the attribute by name.
	notBuilt bool
}

// block is one type of block.
type block struct {
	name     string
	label    labelKind
	doc      string
	attrs    []attribute
	blocks   []*block
	notBuilt bool
	// repeated blocks without a label follow each other; others merge.
	repeated bool
	// free blocks take any attribute (locals).
	free bool
	// like names the block whose attributes and blocks these are: the reference has them once.
	like string
}

func (b *block) attr(name string) *attribute {
	for i := range b.attrs {
		if b.attrs[i].name == name {
			return &b.attrs[i]
		}
	}
	return nil
}

func (b *block) child(name string) *block {
	for _, c := range b.blocks {
		if c.name == name {
			return c
		}
	}
	return nil
}

// enabled stands in every block.
func enabledAttr() attribute {
	return attribute{name: "enabled", kind: kindBool, early: true, def: "true", doc: "false is as if the block were not written"}
}

// languageSchema returns the whole language. It is built anew by each Parse, so that nobody can change another's.
func languageSchema() *block {
	return &block{blocks: []*block{
		envySchema(), variableSchema(),
		{name: "locals", free: true, doc: "named expressions, read as local.NAME"},
		boxSchema(),
		{name: "volume", label: labelName, doc: "a volume that several boxes share", attrs: []attribute{
			enabledAttr(),
			{name: "external", kind: kindString, rule: engineName, doc: "name of a volume that envy neither makes nor destroys"},
		}},
		networkSchema(),
		templateSchema(),
		{name: "secret", label: labelName, notBuilt: true},
		cacheSchema(),
	}}
}

func envySchema() *block {
	return &block{name: "envy", doc: "the project", attrs: []attribute{
		{name: "name", kind: kindString, rule: hostLabel, early: true, def: "the directory's name, made safe", doc: "the project's name"},
		{name: "requires", kind: kindString, rule: versionConstraint, early: true, doc: "constraint on envy's own version, as \">= 0.1, < 2\""},
		{name: "bootstrap", kind: kindBool, early: true, def: "false", doc: "make a base image that cannot be pulled from its distribution's packages, where that can be"},
		{name: "message", kind: kindText, doc: "printed after up"},
	}}
}

func variableSchema() *block {
	return &block{name: "variable", label: labelVar, doc: "a value that --var, ENVY_VAR_NAME or Envfile.local may set", attrs: []attribute{
		{name: "type", kind: kindExpr, def: "any", doc: "a type constraint: string, number, bool, list(string), object({…})"},
		{name: "default", kind: kindExpr, doc: "its value where nothing sets one; without it, one must be given"},
		{name: "description", kind: kindString, early: true, doc: "what it is for; shown when it is asked for"},
		{name: "sensitive", kind: kindBool, early: true, def: "false", doc: "never shown, and refused where it would travel"},
		{name: "nullable", kind: kindBool, early: true, def: "true", doc: "false: null gives the default"},
	}, blocks: []*block{
		{name: "validation", repeated: true, doc: "a rule on the value", attrs: []attribute{
			{name: "condition", kind: kindExpr, required: true, doc: "true when the value is good"},
			{name: "error_message", kind: kindExpr, required: true, doc: "said when it is not"},
		}},
	}}
}

func networkSchema() *block {
	return &block{name: "network", label: labelName, doc: "a network that boxes join by name; \"default\" is the project's own", attrs: []attribute{
		enabledAttr(),
		{name: "external", kind: kindString, rule: engineName, doc: "name of a network that envy neither makes nor destroys"},
		{name: "internal", kind: kindBool, def: "false", doc: "no way out to other networks"},
		{name: "subnet", kind: kindOneMany, rule: subnet, doc: "its addresses, as \"10.9.0.0/24\"; a list for IPv4 and IPv6"},
		{name: "ipv6", kind: kindBool, def: "false", doc: "IPv6 addresses too"},
	}}
}
