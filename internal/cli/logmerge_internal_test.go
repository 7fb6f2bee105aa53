package cli

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// written is a reader of lines "SECOND TEXT" of several sources.
func written(sources ...string) reader {
	return func(_ context.Context, i int, send func(logged) error) error {
		for line := range strings.SplitSeq(sources[i], "\n") {
			second, text, _ := strings.Cut(line, " ")
			at, err := time.Parse("5", second)
			if err != nil {
				return err
			}
			if err := send(logged{at: at, text: text}); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestLogsInOrder(t *testing.T) {
	t.Parallel()
	many := strings.TrimSuffix(strings.Repeat("5 many\n", 3*ahead), "\n") // of one moment, more than is held
	for name, c := range map[string]struct {
		sources []string
		want    []string
	}{
		"none":                      {nil, nil},
		"one":                       {[]string{"1 a\n2 b"}, []string{"a", "b"}},
		"two":                       {[]string{"1 a\n4 b", "2 c\n3 d\n5 e"}, []string{"a", "c", "d", "b", "e"}},
		"one moment":                {[]string{"1 a\n1 b", "1 c"}, []string{"a", "b", "c"}},
		"a clock that was put back": {[]string{"5 a\n1 b", "3 c"}, []string{"c", "a", "b"}},
		"long":                      {[]string{many, "1 first\n9 last"}, append(append([]string{"first"}, strings.Split(strings.ReplaceAll(many, "5 ", ""), "\n")...), "last")},
	} {
		var got []string
		if err := inOrder(t.Context(), len(c.sources), written(c.sources...), func(l logged) error {
			got = append(got, l.text)
			return nil
		}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// A failure of one side ends the other.
func TestLogsThatFail(t *testing.T) {
	t.Parallel()
	bad := errors.New("gone")
	endless := func(_ context.Context, i int, send func(logged) error) error {
		for i > 0 {
			if err := send(logged{text: "x"}); err != nil {
				return err
			}
		}
		return bad
	}
	ignore := func(logged) error { return nil }
	refuse := func(logged) error { return bad }
	for name, f := range map[string]func() error{
		"in order, read":      func() error { return inOrder(t.Context(), 2, endless, ignore) },
		"in order, print":     func() error { return inOrder(t.Context(), 2, endless, refuse) },
		"as they come, print": func() error { return asTheyCome(t.Context(), 2, endless, refuse) },
	} {
		if err := f(); !errors.Is(err, bad) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseLogged(t *testing.T) {
	t.Parallel()
	for line, text := range map[string]string{
		"2026-01-02T03:04:05.000000006Z one two": "one two", "2026-01-02T03:04:05Z ": "", "2026-01-02T03:04:05Z": "", "no time": "no time", "": "",
	} {
		l := parseLogged(line)
		if stamped := strings.HasPrefix(line, "2026"); l.text != text || stamped != !l.at.IsZero() || stamped != (l.stamp != "") {
			t.Errorf("%q: %+v", line, l)
		}
	}
}
