package docker

import (
	"fmt"
	"strings"

	"github.com/envyhq/envy/internal/lazyre"
)

// instruction is one instruction of a Dockerfile, found well enough to say on which line a step stands. Builders report
// steps by number and text only.
type instruction struct {
	line  int // of its first word, from 1
	stage string
	word  string // upper case
	text  string
}

var (
	escapeLine = lazyre.New("(?i)^#\\s*escape\\s*=\\s*([\\\\`])\\s*$")
	directive  = lazyre.New(`(?i)^#\s*[a-z]+\s*=`)
	heredoc    = lazyre.New(`<<-?["']?([A-Za-z0-9_.]+)["']?`)
	stageName  = lazyre.New(`(?i)\sAS\s+(\S+)\s*$`)
)

// instructions reads a Dockerfile: comments, continued lines and here-documents are known, no instruction's own syntax.
func instructions(dockerfile string) []instruction {
	lines := strings.Split(strings.ReplaceAll(dockerfile, "\r\n", "\n"), "\n")
	escape := escapeOf(lines)
	var out []instruction
	stages := 0
	stage := ""
	for i := 0; i < len(lines); i++ {
		if skippable(lines[i]) {
			continue
		}
		start := i
		text, end := join(lines, i, escape)
		i = end
		word, _, _ := strings.Cut(strings.TrimSpace(text), " ")
		in := instruction{line: start + 1, word: strings.ToUpper(strings.TrimSpace(word)), text: squeeze(text)}
		switch in.word {
		case "FROM":
			stage = fmt.Sprintf("stage-%d", stages)
			if m := stageName.FindStringSubmatch(text); m != nil {
				stage = strings.ToLower(m[1])
			}
			stages++
		case "RUN", "COPY", "ADD":
			i = skipHeredocs(lines, i, text)
		}
		in.stage = stage
		out = append(out, in)
	}
	return out
}

func escapeOf(lines []string) string {
	for _, l := range lines {
		if m := escapeLine.FindStringSubmatch(l); m != nil {
			return m[1]
		}
		if !directive.MatchString(l) {
			break
		}
	}
	return `\`
}

func skippable(line string) bool {
	line = strings.TrimSpace(line)
	return line == "" || strings.HasPrefix(line, "#")
}

// join puts an instruction's lines together, and gives the index of its last one.
func join(lines []string, i int, escape string) (string, int) {
	text := ""
	for ; i < len(lines); i++ {
		if text != "" && skippable(lines[i]) {
			continue
		}
		line := strings.TrimRight(lines[i], " \t")
		cut, more := strings.CutSuffix(line, escape)
		text += cut
		if !more {
			return text, i
		}
		text += " "
	}
	return text, i
}

// skipHeredocs gives the index of the last line of the documents that begin in text; i itself where there is none.
func skipHeredocs(lines []string, i int, text string) int {
	for _, m := range heredoc.FindAllStringSubmatch(text, -1) {
		for j := i + 1; j < len(lines); j++ {
			if strings.TrimLeft(lines[j], "\t") == m[1] {
				i = j
				break
			}
		}
	}
	return i
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// stepLine is the line of a BuildKit vertex: the nth instruction that makes a layer in its stage, else the first with
// that text, else 0. stage is "" in a Dockerfile with one stage.
func stepLine(dockerfile, stage string, n int, text string) int {
	list := instructions(dockerfile)
	count := 0
	for _, in := range list {
		if stage != "" && in.stage != strings.ToLower(stage) {
			continue
		}
		switch in.word {
		case "FROM", "RUN", "COPY", "ADD", "WORKDIR":
			count++
		}
		if count == n && strings.HasPrefix(strings.ToUpper(text), in.word) {
			return in.line
		}
	}
	for _, in := range list {
		if in.text == squeeze(text) {
			return in.line
		}
	}
	return 0
}

// nthLine is the line of the classic builder's step n, which counts every instruction.
func nthLine(dockerfile string, n int) int {
	if list := instructions(dockerfile); n >= 1 && n <= len(list) {
		return list[n-1].line
	}
	return 0
}
