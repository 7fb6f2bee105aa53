package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
)

func (a *app) cpCommand() *cli.Command {
	return a.command("cp", "copy files and folders out of a box, or into one", "BOX:PATH PATH|- | PATH|- BOX:PATH", func(ctx context.Context, c *cli.Context, s *session) error {
		names, err := atMost(c, 2)
		if err != nil {
			return err
		}
		if len(names) < 2 {
			return &usageError{text: "envy cp needs what to copy, and where to", hint: "usage: " + usageLine(c)}
		}
		from, to := newCopyEnd(names[0]), newCopyEnd(names[1])
		switch {
		case from.inBox && to.inBox:
			return &usageError{text: "envy cp copies out of a box or into one", hint: fmt.Sprintf("between two: envy cp %s - | envy cp - %s", names[0], names[1])}
		case !from.inBox && !to.inBox:
			return &usageError{text: "neither " + names[0] + " nor " + names[1] + " is in a box", hint: "a path in a box has the box's name before it: " + names[0] + " web:" + names[1]}
		}
		x := copying{s: s, from: from, to: to, follow: c.Bool("follow-link")}
		if x.env, x.box, err = s.boxOf(ctx, x.end().box); err != nil {
			return err
		}
		do := x.out
		if to.inBox {
			do = x.in
		}
		err = x.told(func() error { return do(ctx) })
		if err := errors.Join(err, s.settle()); err != nil {
			return err
		}
		return x.show()
	}, toggle("follow-link", "copy what a link named as the source leads to, not the link", "L"))
}

// copyEnd is what was typed as source or as target.
type copyEnd struct {
	text  string
	inBox bool
	box   string // "" is the primary one
	path  string
}

// newCopyEnd reads one as docker cp does: what has a colon is in a box, unless it begins as a path of this machine.
func newCopyEnd(text string) copyEnd {
	box, inside, ok := strings.Cut(text, ":")
	if !ok || strings.HasPrefix(text, ".") || strings.Contains(box, "/") {
		return copyEnd{text: text, path: text}
	}
	return copyEnd{text: text, inBox: true, box: box, path: inside}
}

func (e copyEnd) stdio() bool { return !e.inBox && e.text == "-" }

// boxOf finds the box of that name, or the primary one.
func (s *session) boxOf(ctx context.Context, name string) (provision.Env, provision.Box, error) {
	env, scene, err := s.lookAndCheck(ctx)
	if err != nil {
		return env, provision.Box{}, err
	}
	var names []string
	if name != "" {
		names = []string{name}
	}
	box, err := s.pickOne(ctx, scene, names)
	return env, box, err
}

// copying is one run of cp.
type copying struct {
	s        *session
	env      provision.Env
	box      provision.Box
	from, to copyEnd
	follow   bool
	done     copiedJSON
	left     hostfs.Extracted
	sent     int64
	began    time.Time
}

// end is the one in the box.
func (x *copying) end() copyEnd {
	if x.from.inBox {
		return x.from
	}
	return x.to
}

// told makes a task of the copying, from its first byte on.
func (x *copying) told(do func() error) error {
	err := do()
	if x.began.IsZero() {
		return err
	}
	e := event.Event{ID: "copy", Kind: event.Done, Subject: "box." + x.box.Name, Text: "copy", Elapsed: x.s.app.m.Now().Sub(x.began)}
	if err != nil {
		e.Kind, e.Text = event.Failed, err.Error()
	}
	x.s.sink().Send(e)
	return err
}

// toldBytes is how much is copied between two reports.
const toldBytes = 4 << 20

// counted tells how much went through.
func (x *copying) counted(r io.Reader) io.Reader { return &countingReader{r, x, 0} }

type countingReader struct {
	io.Reader
	x    *copying
	last int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	if c.x.began.IsZero() {
		c.x.began = c.x.s.app.m.Now()
		c.x.s.sink().Send(event.Event{ID: "copy", Kind: event.Start, Subject: "box." + c.x.box.Name, Text: "copy"})
	}
	n, err := c.Reader.Read(p)
	c.x.sent += int64(n)
	if c.x.sent-c.last >= toldBytes {
		c.last = c.x.sent
		c.x.s.sink().Send(event.Event{ID: "copy", Kind: event.Progress, Subject: "box." + c.x.box.Name, Text: "copy", Current: c.x.sent, Unit: "bytes"})
	}
	return n, err
}

// out copies from the box.
func (x *copying) out(ctx context.Context) error {
	info, src, err := provision.LookAt(ctx, x.env, x.box, provision.NewBoxPath(x.from.path), x.follow)
	switch {
	case err != nil:
		return x.explain(err, src)
	case info.Link != "" && info.Mode.Type()&fs.ModeSymlink != 0:
		return &provision.CopyError{Box: x.box.Name, Path: src.Path, Text: "is a link to " + info.Link, Hint: "-L copies what it leads to, and so does a slash behind it"}
	case !info.Mode.IsDir() && !info.Mode.IsRegular():
		return &provision.CopyError{Box: x.box.Name, Path: src.Path, Text: "is neither a file nor a folder"}
	case x.to.stdio():
		return x.outToStream(ctx, src)
	}
	dest, err := hostfs.LookAtPath(inDir(x.s.g.dir, x.to.path))
	if err != nil {
		return &typedPathError{x.to.text, err}
	}
	dir, name, err := x.target(info.Mode.IsDir(), src, dest)
	if err != nil {
		return err
	}
	return provision.Piped(
		func(w io.Writer) error { return provision.CopyOut(ctx, x.env, x.box, src, "", w) },
		func(r io.Reader) (err error) {
			x.left, err = x.s.place.caller.Extract(ctx, x.counted(r), dir, name, info.Mode.IsDir())
			x.done.Files, x.done.Bytes = x.left.Files, x.left.Bytes
			if errors.Is(err, fs.ErrNotExist) {
				return &typedPathError{x.to.text, err}
			}
			return err
		})
}

func (x *copying) outToStream(ctx context.Context, src provision.BoxPath) error {
	if x.s.streams.Out.Terminal {
		return &usageError{text: "an archive is nothing for a terminal", hint: "envy cp " + x.from.text + " - | tar -t"}
	}
	prefix := src.Base
	if src.Contents {
		prefix = ""
	}
	return provision.CopyOut(ctx, x.env, x.box, src, prefix, x.s.streams.Out)
}

// target is the folder on this machine that is written to, and which of its entries.
func (x *copying) target(folder bool, src provision.BoxPath, dest hostfs.TypedPath) (dir, name string, err error) {
	switch {
	case dest.Dir && folder && src.Contents, dest.Dir && src.Base == ".":
		return dest.Real, ".", nil
	case dest.Dir:
		return dest.Real, src.Base, nil
	case dest.Exists && folder:
		return "", "", &usageError{text: x.to.text + " is no folder, and " + x.from.text + " is one"}
	case !dest.Exists && !folder && strings.HasSuffix(x.to.path, "/"):
		return "", "", &typedPathError{x.to.text, &fs.PathError{Op: "copy", Path: x.to.text, Err: fs.ErrNotExist}}
	}
	return filepath.Dir(dest.Real), filepath.Base(dest.Real), nil
}

// explain says of what is not there what to look at.
func (x *copying) explain(err error, p provision.BoxPath) error {
	if driver.Is(err, driver.NotFound) {
		return &provision.CopyError{Box: x.box.Name, Path: p.Path, Text: "is not there", Hint: "envy exec " + x.box.Name + " ls -la " + path.Dir(p.Path)}
	}
	return err
}

// copiedJSON is the document of cp.
type copiedJSON struct {
	Format  string   `json:"format"` // "envy.copied"
	Version int      `json:"version"`
	From    string   `json:"from"`
	To      string   `json:"to"`
	Files   int      `json:"files"` // folders not
	Bytes   int64    `json:"bytes"`
	Left    []string `json:"left"` // the first of what was left out, each with why
	LeftOut int      `json:"left_out"`
}

// show says what was copied, unless that went to stdout.
func (x *copying) show() error {
	if x.to.stdio() {
		return nil
	}
	d := x.done
	d.Format, d.Version, d.From, d.To, d.Left, d.LeftOut = "envy.copied", resultVersion, x.from.text, x.to.text, append([]string{}, x.left.Left...), x.left.LeftOut
	if d.LeftOut > 0 && x.s.g.format != view.JSON {
		if err := x.s.view.Diagnostics(diag.List{{
			Severity: diag.Warning, Summary: fmt.Sprintf("%d left out: links that lead out of what was copied, and what is no file", d.LeftOut),
			Detail: strings.Join(d.Left, "\n"), Hint: "envy cp " + x.from.text + " - gives the archive as the engine has it",
		}}); err != nil {
			return err
		}
	}
	switch x.s.g.format {
	case view.JSON:
		return x.s.view.JSON(d)
	case view.Quiet:
		return nil
	}
	return x.s.view.Out.Print(x.s.view.Out.Text().Add(fmt.Sprintf("copied %s, %s, to %s\n", view.Plural(d.Files, "file", "files"), view.Bytes(d.Bytes), d.To)))
}
