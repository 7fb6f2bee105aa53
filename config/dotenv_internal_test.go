package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseDotenv(t *testing.T) {
	for name, tc := range map[string]struct {
		src  string
		want []string
	}{
		"plain":           {"A=1\nB = two words \n", []string{"1 A=1", "2 B=two words"}},
		"export":          {"export A=1\nexport\tB=2\nexported=3\n", []string{"1 A=1", "2 B=2", "3 exported=3"}},
		"comments":        {"# x\n\n  # y\nA=1 # z\nB=a#b\nC=# nothing\n", []string{"4 A=1", "5 B=a#b", "6 C="}},
		"single quotes":   {`A='a "b" $c \n' # x` + "\n", []string{`1 A=a "b" $c \n`}},
		"double quotes":   {`A="a 'b' \$c\n\t\"\\ \x"` + "\n", []string{"1 A=a 'b' $c\n\t\"\\ \\x"}},
		"several lines":   {"A=\"one\ntwo\"\nB=2\n", []string{"1 A=one\ntwo", "3 B=2"}},
		"no data":         {"A=\nB=\"\"\nC=''", []string{"1 A=", "2 B=", "3 C="}},
		"later wins":      {"A=1\nA=2\n", []string{"1 A=1", "2 A=2"}},
		"CRLF and BOM":    {"\ufeffA=1\r\nB=2\r\n", []string{"1 A=1", "2 B=2"}},
		"not substituted": {"A=${B} $(c)\n", []string{"1 A=${B} $(c)"}},
		"dots":            {"spring.port=1\nA-B=2\n", []string{"1 spring.port=1", "2 A-B=2"}},
		"equals signs":    {"A=b=c==\n", []string{"1 A=b=c=="}},
	} {
		t.Run(name, func(t *testing.T) {
			entries, err := parseDotenv([]byte(tc.src))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range entries {
				got = append(got, fmt.Sprintf("%d %s=%s", e.line, e.name, e.value))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for name, tc := range map[string]struct{ src, want string }{
		"no equals":      {"A=1\nhunter2\n", "line 2"},
		"bad name":       {"1A=hunter2\n", "line 1"},
		"blank name":     {"A B=hunter2\n", "line 1"},
		"open quote":     {"A=\"hunter2\n", "line 1: a quote is not closed"},
		"behind quote":   {"A='x' hunter2\n", "line 1: text behind the closing quote"},
		"control":        {"A=hunter2\x01\n", "line 1: a control character"},
		"escaped return": {`A="hunter2\r"`, "line 1: a control character"},
		"not UTF-8":      {"A=\xff\n", "UTF-8"},
		"too many":       {strings.Repeat("A=hunter2\n", maxCollection+1), "more than 10000"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseDotenv([]byte(tc.src))
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want %s and no value quoted", err, tc.want)
			}
		})
	}
}

func TestUnits(t *testing.T) {
	for s, want := range map[string]int64{
		"1": 1, "512m": 512 << 20, "2g": 2 << 30, "2G": 2 << 30, "64kb": 64 << 10, "1.5g": 3 << 29, "1GiB": 1 << 30, "1t": 1 << 40, "10b": 10, "0": 0,
	} {
		if got, err := parseSize(s); err != nil || got != want {
			t.Errorf("%s: %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "m", "-1", "+1", "1e3", "0x10", "inf", "nan", "1 g", "9999999t", "1_0", "g1", "1gg"} {
		if got, err := parseSize(s); err == nil {
			t.Errorf("%q is %d", s, got)
		}
	}
	for _, s := range []string{"", "5", "-1s", "1y", "601h"} {
		if d, err := parseDuration(s); err == nil {
			t.Errorf("%q is %v", s, d)
		}
	}
}

func TestSplitWords(t *testing.T) {
	for s, want := range map[string][]string{
		`a b  c`:           {"a", "b", "c"},
		`a 'b c' "d e"`:    {"a", "b c", "d e"},
		`a\ b "c\"d" 'e\'`: {"a b", `c"d`, `e\`},
		`"" ''`:            {"", ""},
		`a"b"'c'`:          {"abc"},
		`$HOME *`:          {"$HOME", "*"},
		`"a\b"`:            {`a\b`},
		"a\\\nb":           {"ab"},
		"":                 nil,
	} {
		if got, err := splitWords(s); err != nil || !cmp.Equal(want, got) {
			t.Errorf("%s: %q %v", s, got, err)
		}
	}
	for _, s := range []string{`'a`, `"a`, `a "b\"`} {
		if got, err := splitWords(s); err == nil {
			t.Errorf("%s: %q", s, got)
		}
	}
}
