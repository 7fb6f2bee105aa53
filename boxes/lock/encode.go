package lock

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const header = "# Made by envy, which keeps it: commit it with the Envfile. `envy lock` renews it.\n"

// Encode writes the file: sorted, so that the same content is the same bytes. An entry that Decode would refuse is an
// [*Error], as is a file above [MaxBytes].
func (l Lock) Encode() ([]byte, error) {
	w := writer{}
	w.WriteString(header)
	for _, a := range sorted(l.Archives, compareArchives) {
		w.begin("archive", a.Source, a.check())
		w.attributes([][2]string{{"checksum", a.Checksum}})
		w.end()
	}
	for _, b := range sorted(l.Boxes, compareBoxes) {
		w.begin("box", b.Source, b.check())
		w.attributes([][2]string{{"ref", b.Ref}, {"version", b.Version}, {"reference", b.Reference}, {"commit", b.Commit}, {"hash", b.Hash}})
		w.end()
	}
	for _, i := range sorted(l.Images, compareImages) {
		w.begin("image", i.Reference, i.check())
		if i.Local {
			w.WriteString("  local = true\n")
		}
		w.attributes([][2]string{{"digest", i.Digest}})
		if len(i.Platforms) > 0 {
			w.WriteString("  platforms = {\n")
			w.pairs("    ", i.Platforms)
			w.WriteString("  }\n")
		}
		w.end()
	}
	for _, p := range sorted(l.Packages, comparePackages) {
		w.begin("packages", p.Recipe, p.check())
		w.versions(p.Platforms)
		w.end()
	}
	if err := l.duplicate(); err != nil && w.err == nil {
		w.err = err
	}
	if w.err == nil && w.Len() > MaxBytes {
		w.err = &Error{Summary: fmt.Sprintf("it would be larger than %d bytes", MaxBytes)}
	}
	if w.err != nil {
		return nil, w.err
	}
	return w.Bytes(), nil
}

// duplicate is an error for the first two entries that are for the same.
func (l Lock) duplicate() error {
	twice := func(kind, name string) error {
		return &Error{Summary: fmt.Sprintf("%s %q is there twice", kind, name), Hint: Renew}
	}
	if b, ok := double(l.Boxes, compareBoxes); ok {
		return &Error{Summary: fmt.Sprintf("box %q (%s) is there twice", b.Source, b.asked()), Hint: Renew}
	}
	if a, ok := double(l.Archives, compareArchives); ok {
		return twice("archive", a.Source)
	}
	if i, ok := double(l.Images, compareImages); ok {
		return twice("image", i.Reference)
	}
	if p, ok := double(l.Packages, comparePackages); ok {
		return twice("packages", p.Recipe)
	}
	return nil
}

func double[T any](list []T, compare func(a, b T) int) (T, bool) {
	all := sorted(list, compare)
	for i := 1; i < len(all); i++ {
		if compare(all[i-1], all[i]) == 0 {
			return all[i], true
		}
	}
	var none T
	return none, false
}

type writer struct {
	bytes.Buffer
	err error // the first
}

func (w *writer) begin(kind, name, problem string) {
	if problem != "" && w.err == nil {
		w.err = &Error{Summary: fmt.Sprintf("%s %q: %s", kind, name, problem)}
	}
	fmt.Fprintf(w, "\n%s %s {\n", kind, quoted(name))
}

func (w *writer) end() { w.WriteString("}\n") }

// attributes writes those that are set, their signs of equality below each other as HCL's formatter has them.
func (w *writer) attributes(list [][2]string) {
	list = slices.DeleteFunc(list, func(a [2]string) bool { return a[1] == "" })
	width := 0
	for _, a := range list {
		width = max(width, len(a[0]))
	}
	for _, a := range list {
		fmt.Fprintf(w, "  %-*s = %s\n", width, a[0], quoted(a[1]))
	}
}

func (w *writer) pairs(indent string, m map[string]string) {
	width := 0
	for k := range m {
		width = max(width, len([]rune(quoted(k))))
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(w, "%s%-*s = %s\n", indent, width, quoted(k), quoted(m[k]))
	}
}

func (w *writer) versions(platforms map[string]map[string]string) {
	if len(platforms) == 0 {
		return
	}
	w.WriteString("  platforms = {\n")
	for _, p := range slices.Sorted(maps.Keys(platforms)) {
		fmt.Fprintf(w, "    %s = {\n", quoted(p))
		w.pairs("      ", platforms[p])
		w.WriteString("    }\n")
	}
	w.WriteString("  }\n")
}

// quoted is a string of HCL in which nothing is a template. Control characters were refused.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "${", "$${", "%{", "%%{").Replace(s) + `"`
}
