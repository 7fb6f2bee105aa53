package view

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/term"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with a file under testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// shown gives a view and what it writes to either stream.
func shown(format Format, color bool, width int) (v *View, out, err *bytes.Buffer) {
	out, err = new(bytes.Buffer), new(bytes.Buffer)
	stream := func(b *bytes.Buffer) term.Output {
		return term.Output{Writer: b, Terminal: color, Color: color, Live: color}.WithWidth(width)
	}
	return New(term.Injected(term.Input{}, stream(out), stream(err)), format), out, err
}

func at(line, column, endLine, endColumn int) diag.Range {
	return diag.Range{File: "Envfile", Start: diag.Pos{Line: line, Column: column}, End: diag.Pos{Line: endLine, Column: endColumn}}
}

func problems() diag.List {
	long := `{"a":` + strings.Repeat(`"xxxxxxxx",`, 40) + `"bad":1,` + strings.Repeat(`"yyyyyyyy",`, 40) + "}"
	bad := strings.Index(long, `"bad"`) + 1
	return diag.List{
		{Summary: `no attribute "imagee" in box "web"`, Detail: "A box takes at most one of image, from and build.",
			Hint: `did you mean "image"?`, Range: at(12, 3, 12, 9), Excerpt: "  imagee = \"debian:bookworm-slim\"\n  user = \"dev\"\n"},
		{Severity: diag.Warning, Summary: "the box's image declares an ENTRYPOINT that will not run",
			Detail: "An idle box waits to be entered, whatever its image. Write service = true to run what the image runs, " +
				"or leave it as it is to work in the box.\n  service = true\nBoth are fine.", Range: at(9, 1, 9, 10), Excerpt: "box \"web\" {"},
		{Summary: "a heredoc without end", Range: at(98, 9, 107, 1), Excerpt: "\trun = <<EOT\r\n\tnpm ci\r\n\tnpm test\r\n  a\r\n  b\r\n  c\r\n  d\r\n"},
		{Summary: "wide characters", Range: at(3, 15, 3, 19), Excerpt: "\tname = \"日本é\" oops"},
		{Summary: "a control character", Detail: "It is \x1b.", Range: at(4, 9, 4, 12), Excerpt: "name = \"a\x1b[31m\u202eb\""},
		{Summary: "a value of the wrong type", Range: at(1, bad, 1, bad+5), Excerpt: long},
		{Summary: "the end of the file", Range: at(20, 1, 20, 1), Excerpt: ""},
		{Summary: "a file without a line", Range: diag.Range{File: "Envfile.lock"}},
		{Class: diag.Failed, Summary: "port 3000 is taken", Detail: "docker-proxy (4711) holds it.", Hint: "write auto = true"},
	}
}

func TestDiagnostics(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		golden string
		format Format
		color  bool
		width  int
	}{
		{"diagnostics.plain", Plain, true, 0},
		{"diagnostics.color", Human, true, 0},
		{"diagnostics.narrow", Human, false, 50},
		{"diagnostics.json", JSON, true, 0},
		{"diagnostics.quiet", Quiet, false, 0},
	} {
		t.Run(test.golden, func(t *testing.T) {
			v, out, err := shown(test.format, test.color, test.width)
			if err := v.Diagnostics(problems()); err != nil {
				t.Fatal(err)
			}
			golden(t, test.golden, err.String())
			if out.Len() > 0 {
				t.Errorf("stdout %q", out)
			}
		})
	}
}

func TestManyDiagnostics(t *testing.T) {
	t.Parallel()
	var list diag.List
	for i := range 60 {
		list = append(list, diag.Diagnostic{Summary: fmt.Sprint("problem ", i)})
	}
	v, _, err := shown(Plain, false, 0)
	if e := v.Diagnostics(list); e != nil {
		t.Fatal(e)
	}
	if got := strings.Count(err.String(), "Error:"); got != MaxDiagnostics || !strings.HasSuffix(err.String(), "… and 10 more\n") {
		t.Errorf("%d shown, ends in %q", got, err.String()[err.Len()-20:])
	}
	if l := NewDiagnosticList(list); len(l.Diagnostics) != MaxDiagnostics || l.Omitted != 10 {
		t.Errorf("JSON has %d, omits %d", len(l.Diagnostics), l.Omitted)
	}
	v, out, err := shown(Human, false, 0)
	if e := v.Diagnostics(nil); e != nil || out.Len()+err.Len() > 0 {
		t.Errorf("nothing to say, said %q %q, %v", out, err, e)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	table := Table{
		Header: []string{"BOX", "STATE", "IMAGE", "PORTS"},
		Rows: [][]Cell{
			{{Text: "web"}, {Text: "running", Style: Good}, {Text: "registry.example.com/team/shop-web:2024-11"}, {Text: "127.0.0.1:3000"}},
			{{Text: "データ"}, {Text: "exited", Style: Problem}, {Text: "postgres:16"}, {}},
			{{Text: "evil\n\x1b[2J"}, {Text: "created"}},
		},
	}
	for name, show := range map[string]struct {
		color bool
		width int
	}{"table.plain": {false, 0}, "table.color": {true, 0}, "table.narrow": {false, 60}, "table.tiny": {false, 10}} {
		v, out, _ := shown(Human, show.color, show.width)
		if err := v.Out.Table(table); err != nil {
			t.Fatal(err)
		}
		golden(t, name, out.String())
	}
	v, out, _ := shown(Human, false, 5)
	if err := v.Out.Table(Table{}); err != nil || out.Len() > 0 {
		t.Errorf("an empty table is %q, %v", out, err)
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]Format{"": Human, "human": Human, "plain": Plain, "json": JSON} {
		if got, err := ParseFormat(name); got != want || err != nil {
			t.Errorf("%q: %v, %v", name, got, err)
		}
	}
	if _, err := ParseFormat("xml"); err == nil {
		t.Error("took xml")
	}
	for format, want := range map[Format]bool{Human: true, Plain: false, JSON: false, Quiet: false} {
		v, out, _ := shown(format, true, 0)
		if v.Err.Live() != want {
			t.Errorf("format %d is live: %v", format, v.Err.Live())
		}
		if err := v.Out.Print(v.Out.Text().Paint(Good, "x")); err != nil {
			t.Fatal(err)
		}
		if colored := out.String() != "x"; colored != want {
			t.Errorf("format %d wrote %q", format, out)
		}
	}
}

func TestUnits(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ got, want string }{
		{Bytes(0), "0B"}, {Bytes(999), "999B"}, {Bytes(1_234_567), "1.23MB"}, {Bytes(-2000), "-2kB"},
		{Memory(0), "0b"}, {Memory(512 << 20), "512m"}, {Memory(2 << 30), "2g"}, {Memory(1<<30 + 1), "1073741825b"}, {Memory(1536 << 20), "1536m"},
		{Duration(0), "0ms"}, {Duration(99 * time.Millisecond), "99ms"}, {Duration(1234 * time.Millisecond), "1.2s"},
		{Duration(9960 * time.Millisecond), "10s"}, {Duration(59600 * time.Millisecond), "1m00s"}, {Duration(125 * time.Second), "2m05s"},
		{Duration(190 * time.Minute), "3h10m"}, {Duration(52 * time.Hour), "2d4h"}, {Duration(-time.Second), "-1.0s"},
	} {
		if test.got != test.want {
			t.Errorf("got %s, want %s", test.got, test.want)
		}
	}
}

func TestBoxLine(t *testing.T) {
	t.Parallel()
	var out writes
	print := func(color bool, box, line string) string {
		t.Helper()
		out = nil
		v := New(term.Injected(term.Input{}, term.Output{Writer: &out, Color: color}, term.Output{}), Human)
		if err := v.Out.BoxLine(box, 3, line); err != nil || len(out) != 1 {
			t.Fatalf("%d writes, %v", len(out), err)
		}
		return out[0]
	}
	if got := print(false, "db", "a\x1b[31mb\x07"); got != `db  | a\x1b[31mb\x07`+"\n" {
		t.Errorf("plain: %q", got)
	}
	colored := print(true, "db", "a\x1b[31mb")
	if !strings.HasPrefix(colored, "\x1b[") || !strings.HasSuffix(colored, " a\x1b[31mb\x1b[0m\n") {
		t.Errorf("coloured: %q", colored)
	}
	if again := print(true, "db", "a\x1b[31mb"); again != colored {
		t.Errorf("another colour: %q", again)
	}
	seen := map[string]bool{}
	for _, box := range []string{"a", "b", "c", "d", "e", "f"} {
		seen[strings.TrimSuffix(strings.SplitN(print(true, box, ""), box, 2)[0], box)] = true
	}
	if len(seen) < 3 {
		t.Errorf("%d colours for six boxes", len(seen))
	}
}

// writes keeps each write apart.
type writes []string

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, string(p))
	return len(p), nil
}
