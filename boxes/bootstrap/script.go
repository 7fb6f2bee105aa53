package bootstrap

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed second-stage.sh
var secondStage string

// Procedure is the version of what is done to make an image. It grows with every change of the result.
const Procedure = "1"

// StepMark begins a line of the script's output that names what it does from there on.
const StepMark = "envy: "

// script is the second stage: the words that differ, then the part that never does. Every word in it was held to a
// set of characters that a shell has nothing to say about.
func (s *System) script() string {
	var b strings.Builder
	fmt.Fprintf(&b, "work=/%s\n", workDir)
	fmt.Fprintf(&b, "base='%s'\n", names(s.choice.base))
	fmt.Fprintf(&b, "extra='%s'\n", names(s.choice.extra))
	fmt.Fprintf(&b, "export SOURCE_DATE_EPOCH=%d\n", s.Snapshot.Unix())
	b.WriteString("sources=" + shellQuoted(s.aptSources()) + "\n")
	b.WriteString("dates=" + shellQuoted(s.dates) + "\n")
	b.WriteString(secondStage)
	return b.String()
}

func names(list []pkg) string {
	var out []string
	for _, p := range list {
		out = append(out, p.name)
	}
	return strings.Join(out, " ")
}

// shellQuoted is a word that a shell leaves alone.
func shellQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// aptSources is the image's own sources file: the suite, and what belongs to it on this host.
func (s *System) aptSources() string {
	var b strings.Builder
	for _, src := range s.sources {
		fmt.Fprintf(&b, "Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n\n", src.url, src.suite, src.keyring)
	}
	return b.String()
}
