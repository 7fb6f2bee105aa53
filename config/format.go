package config

import (
	"github.com/envyhq/envy/internal/diag"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Format writes an Envfile in the canonical style, comments kept. What is no valid syntax is not touched.
func Format(src []byte, name string) ([]byte, diag.List) {
	source := Source{Name: name, Data: src}
	p := newProblems([]Source{source})
	if source.isJSON() {
		p.errorf(hcl.Range{Filename: name, Start: hcl.InitialPos, End: hcl.InitialPos}, "fmt is for the native syntax; %s is JSON", name)
		return nil, p.list()
	}
	data, ok := checkSource(p, name, src, false)
	if ok {
		_, diags := hclsyntax.ParseConfig(data, name, hcl.InitialPos)
		p.addHCL(diags)
	}
	if p.failed() {
		return nil, p.list()
	}
	return hclwrite.Format(data), p.list()
}
