package fake_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/driver/fake"
	"github.com/envyhq/envy/provision/resource"
)

// bench is an engine with one running box.
type bench struct {
	*testing.T
	*fake.Engine
	id string
}

func newBox(name string, change ...func(*driver.NewBox)) driver.NewBox {
	n := driver.NewBox{
		Name: name, Hostname: name, Image: "busybox:1", Spec: resource.BoxSpec{Version: 1, NetworkMode: "none"},
		Labels: identity("shop").Labels(resource.Owner{Box: "web", Index: 1}),
	}
	for _, f := range change {
		f(&n)
	}
	return n
}

func command(script string) func(*driver.NewBox) {
	return func(n *driver.NewBox) { n.Spec.Command = &resource.Argv{"sh", "-c", script} }
}

func newBench(t *testing.T, o fake.Options, change ...func(*driver.NewBox)) *bench {
	t.Helper()
	o.Images = fake.Stock()
	b := &bench{T: t, Engine: fake.New(o)}
	var err error
	if b.id, err = b.CreateBox(t.Context(), newBox("shop-web", change...)); err != nil {
		t.Fatal(err)
	}
	if err := b.StartBox(t.Context(), b.id, ""); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) sh(script string) (string, int) {
	b.Helper()
	var out bytes.Buffer
	x := driver.Exec{Argv: []string{"sh", "-c", script, "zero", "one", "two words"}, Env: map[string]string{"E": "env value"}}
	code, err := b.Exec(b.Context(), b.id, x, driver.Streams{In: strings.NewReader("line 1\nline 2\n"), Out: &out, Err: &out})
	if err != nil {
		b.Fatal(err)
	}
	return out.String(), code
}

func TestShell(t *testing.T) {
	b := newBench(t, fake.Options{})
	for _, c := range []struct {
		script, out string
		code        int
	}{
		{`echo a  'b  c' "d $E"`, "a b  c d env value\n", 0},
		{`X=1; X="$X 2"; echo "$X" $X`, "1 2 1 2\n", 0},
		{`echo ${E}s $0 "$1" $2 "$2" $#`, "env values zero one two words two words 2\n", 0},
		{`for x in a "b c" $E; do echo "<$x>"; done`, "<a>\n<b c>\n<env>\n<value>\n", 0},
		{`for x in "$@"; do echo "<$x>"; done`, "<one>\n<two words>\n", 0},
		{`if false; then echo 1; elif true; then echo 2; else echo 3; fi`, "2\n", 0},
		{`if test -e /none; then echo 1; else echo 3; fi`, "3\n", 0},
		{`false && echo a || echo b; ! false; echo $?`, "b\n0\n", 0},
		{`false || { echo x; exit 4; }; echo never`, "x\n", 4},
		{`set -e; false || true; if false; then :; fi; ! true; echo on; false; echo never`, "on\n", 1},
		{`sh -e -c 'echo in; false; echo never'; echo "out $?"`, "in\nout 1\n", 0},
		{`sh -c 'exit 3'; echo $?`, "3\n", 0},
		{`x=$(echo out; exit 4); echo "$x $?"; x=1; echo $?`, "out 4\n0\n", 0},
		{`echo one >/f; echo two >>/f; cat /f; echo gone >/dev/null`, "one\ntwo\n", 0},
		{`echo err >&2; cat /none 2>/dev/null || echo no`, "err\nno\n", 0},
		{`{ echo a; echo b; }`, "a\nb\n", 0},
		{`i=0; while test $i -lt 3; do i=$(sh -c 'echo "$1"x' s "$i"); echo $i; test $i = 0xx && exit 0; done`, "0x\n0xx\n", 0},
		{`cat`, "line 1\nline 2\n", 0},
		{`cat > /in; cat /in`, "line 1\nline 2\n", 0},
		{`read x; echo "<$x>"; read x; echo "<$x>"; read x || echo end`, "<line 1>\n<line 2>\nend\n", 0},
		{`mkdir /d; touch /d/x; ls /d; rm /d; rm -r /d; ls /d`, "x\nrm: /d: Is a directory\nls: /d: No such file or directory\n", 1},
		{`echo x > /no/such/dir`, "sh: can't create /no/such/dir: No such file or directory\n", 1},
		{`A=1 env | no`, "sh: syntax error: \"|\" is nothing that the fake's shell knows\n", 2},
		{`echo "open`, "sh: syntax error: a double quote is not closed\n", 2},
		{`while true; do true; done`, "fake: the script never waits and never ends\n", 1},
		{`nothing-here`, "nothing-here: not found\n", 127},
		{"# comment\necho a \\\n  b # c\n", "a b\n", 0},
		{`p=/a/b/c; echo ${p%/*}`, "/a/b\n", 0},
		{`mkdir /t; echo 'echo tool $1' > /t/run; sh /t/run x; /t/run y`, "tool x\ntool y\n", 0},
	} {
		if out, code := b.sh(c.script); out != c.out || code != c.code {
			t.Errorf("%s\nprinted %q, exit code %d\nwant    %q, %d", c.script, out, code, c.out, c.code)
		}
	}
}

func FuzzShell(f *testing.F) {
	for _, s := range []string{"echo $(a", "if", "for x in", "a 2>&1 >b", "${", "{ }", "'", "until a; do b; done"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, script string) {
		b := newBench(t, fake.Options{})
		_ = b.Provision(t.Context(), b.id, resource.ProvisionScript{Name: "p", Script: "sh -c '" + strings.ReplaceAll(script, "sleep", "") + "'", Timeout: 1}, &bytes.Buffer{})
	})
}
