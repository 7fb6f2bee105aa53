package drivertest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/driver"
)

func importTests() []test {
	return []test{
		{"import", testImport},
		{"script", testImportScript},
		{"failed script", testImportFailedScript},
		{"failed tree", testImportFailedTree},
		{"cancelled", testImportCancelled},
		{"invalid", testImportInvalid},
	}
}

// imported is an import of the system under a tag of the test's.
func (b *bench) imported(change ...func(*driver.ImageImport)) (driver.ImageImport, string) {
	tag := b.project + ":imported"
	b.keep(&b.images, tag)
	i := driver.ImageImport{
		Tree: b.System, Tags: []string{tag}, Command: []string{"sh", "-c", "echo $GREETING"}, Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "GREETING=hello"},
		Labels: map[string]string{"test.label": `a "quoted" $HOME \ value`}, Mark: map[string]string{"test.import": b.project},
	}
	for _, f := range change {
		f(&i)
	}
	return i, tag
}

func script(text string) func(*driver.ImageImport) {
	return func(i *driver.ImageImport) { i.Script = text }
}

func testImport(b *bench) {
	arch, err := b.d.Architecture(b.ctx)
	b.must(err)
	i, tag := b.imported()
	i.Tags = append(i.Tags, tag+"-too")
	b.keep(&b.images, tag+"-too")
	id, err := b.d.ImportImage(b.ctx, i, io.Discard)
	b.must(err)
	for _, ref := range []string{id, tag, tag + "-too"} {
		fact, err := b.d.Image(b.ctx, ref, "")
		b.must(err)
		if fact.ID != id || fact.Arch != arch || !slices.Equal(fact.Cmd, i.Command) || !slices.Equal(fact.Env, i.Env) ||
			fact.Labels["test.label"] != i.Labels["test.label"] || len(fact.Labels) != 1 {
			b.Errorf("%s is %+v, imported %+v as %s for %s", ref, fact, i, id, arch)
		}
	}
}

func testImportScript(b *bench) {
	i, tag := b.imported(script("echo said; echo made > /made.txt; exit 0"))
	i.Epoch = time.Unix(1700000000, 0)
	var out bytes.Buffer
	first, err := b.d.ImportImage(b.ctx, i, &out)
	b.must(err)
	b.keep(&b.images, first) // which loses its tag to the next one
	if strings.TrimSpace(out.String()) != "said" {
		b.Errorf("the script printed %q", out.String())
	}
	fact, err := b.d.Image(b.ctx, tag, "")
	b.must(err)
	again, err := b.d.ImportImage(b.ctx, i, nil)
	b.must(err)
	b.keep(&b.images, again)
	if same, err := b.d.Image(b.ctx, again, ""); err != nil || same.BaseID != fact.BaseID {
		b.Errorf("the same script leaves %s, before %s (%v)", same.BaseID, fact.BaseID, err)
	}
	if b.RealInside {
		i.Script = "id -u; ls /sys/class/net; echo made > /made.txt"
		out.Reset()
		alone, err := b.d.ImportImage(b.ctx, i, &out)
		b.must(err)
		b.keep(&b.images, alone)
		if got := strings.Fields(out.String()); !slices.Equal(got, []string{"0", "lo"}) {
			b.Errorf("the script is user, and has networks, %q", got)
		}
	}
	id := b.up("web", func(n *driver.NewBox) { n.Image, n.Fact = tag, fact })
	b.want(id, "cat /made.txt", "made")
	b.want(id, "echo $GREETING", "hello")
	stats, _, err := b.d.Stat(b.ctx, id, []string{"/made.txt"})
	b.must(err)
	if got := stats["/made.txt"].MTime; !got.Equal(i.Epoch) {
		b.Errorf("a file of the script is of %v, want %v", got, i.Epoch)
	}
	b.must(b.d.RemoveBox(b.ctx, id))
}

func testImportFailedScript(b *bench) {
	i, tag := b.imported(script("echo the reason; exit 3"))
	_, err := b.d.ImportImage(b.ctx, i, io.Discard)
	b.must(isScript(err, 3))
	var s *driver.ScriptError
	if errors.As(err, &s) && s.Output != "the reason" {
		b.Errorf("the script's output is %q", s.Output)
	}
	_, err = b.d.Image(b.ctx, tag, "")
	b.wantKind("the image of a failed script", err, driver.NotFound)
}

func testImportFailedTree(b *bench) {
	broken := errors.New("the tree broke off")
	i, tag := b.imported(func(i *driver.ImageImport) {
		whole := i.Tree
		i.Tree = func(ctx context.Context, w io.Writer) error {
			var all bytes.Buffer
			if err := whole(ctx, &all); err != nil {
				return err
			}
			_, _ = w.Write(all.Bytes()[:all.Len()/2])
			return broken
		}
	})
	if _, err := b.d.ImportImage(b.ctx, i, io.Discard); !errors.Is(err, broken) {
		b.Errorf("error %v", err)
	}
	_, err := b.d.Image(b.ctx, tag, "")
	b.wantKind("the image of half a tree", err, driver.NotFound)
}

func testImportCancelled(b *bench) {
	ctx, cancel := context.WithCancel(b.ctx)
	i, tag := b.imported(script("echo begun; sleep 1000"))
	if !b.RealInside { // nothing there waits
		cancel()
	}
	_, err := b.d.ImportImage(ctx, i, cancelling{cancel})
	cancel()
	if !errors.Is(err, context.Canceled) {
		b.Errorf("error %v", err)
	}
	_, err = b.d.Image(b.ctx, tag, "")
	b.wantKind("the image of a script that was ended", err, driver.NotFound)
}

// cancelling ends a context at the first output.
type cancelling struct{ cancel func() }

func (c cancelling) Write(p []byte) (int, error) {
	c.cancel()
	return len(p), nil
}

func testImportInvalid(b *bench) {
	i, _ := b.imported(func(i *driver.ImageImport) { i.Tags = []string{"No Reference"} })
	_, err := b.d.ImportImage(b.ctx, i, io.Discard)
	b.wantKind("a tag that is none", err, driver.Invalid)
}
