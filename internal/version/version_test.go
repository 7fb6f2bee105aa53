package version_test

import (
	"strings"
	"testing"

	"github.com/envyhq/envy/internal/version"
)

func TestAllows(t *testing.T) {
	for _, c := range []struct{ constraint, allowed, refused string }{
		{"~> 1.2", "1.2.0 1.2.9 1.99.0", "1.1.9 2.0.0 2.0.0-rc.1 1.3.0-rc.1"},
		{"~> 1.2.3", "1.2.3 1.2.10", "1.2.2 1.3.0"},
		{"~> 1", "1.0.0 2.0.0 17.0.0", "0.9.0"},
		{">= 1, < 2", "1.0.0 1.9.9", "0.9.9 2.0.0"},
		{">=1,<2", "1.5.0", "2.0.0"},
		{"= 1.2.3", "1.2.3 v1.2.3", "1.2.4 1.2.3-rc.1"},
		{"1.2.3", "1.2.3", "1.2.4"},
		{"v1.2", "1.2.0", "1.2.1"},
		{"!= 1.2.3", "1.2.4", "1.2.3"},
		{"> 1.2.3", "1.2.4", "1.2.3"},
		{"<= 1.2.3", "1.2.3 0.0.1", "1.2.4"},
		{">= 1.5.0-rc.1", "1.5.0-rc.1 1.5.0-rc.2 1.5.0 2.0.0", "1.5.0-beta 2.0.0-rc.1"},
		{"= 1.5.0-rc.1", "1.5.0-rc.1", "1.5.0"},
		{"~> 1.5.0-rc.1", "1.5.0-rc.1 1.5.0 1.5.7", "1.6.0 1.5.1-rc.1"},
	} {
		con, err := version.ParseConstraint(c.constraint)
		if err != nil {
			t.Errorf("%s: %v", c.constraint, err)
			continue
		}
		for want, list := range map[bool]string{true: c.allowed, false: c.refused} {
			for s := range strings.FieldsSeq(list) {
				v, err := version.Parse(s)
				if err != nil {
					t.Errorf("%s: %v", s, err)
				}
				if con.Allows(v) != want {
					t.Errorf("%s allows %s: %t", c.constraint, s, !want)
				}
			}
		}
	}
}

func TestRefused(t *testing.T) {
	for _, s := range []string{"", "x", ">", "~>", ">= 1,", "1.2.3.4", "=> 1", "^1.2", "1.x", "01.2.3", "1234567890", "1 2", ">= 1 < 2", strings.Repeat("1,", 20) + "1"} {
		if c, err := version.ParseConstraint(s); err == nil {
			t.Errorf("%q is taken for %v", s, c)
		}
	}
	for _, s := range []string{"", "v", "1", "1.2", "1.2.3.4", "vv1.2.3", "1.2.3-", "release", "1.02.3", "1.2.9999999999", "-1.2.3"} {
		if v, err := version.Parse(s); err == nil {
			t.Errorf("%q is taken for %v", s, v)
		}
	}
}

func TestHighest(t *testing.T) {
	var all []version.Version
	for _, s := range []string{"1.2.0", "v1.10.0", "1.9.0", "2.0.0", "1.11.0-rc.1", "1.10.0"} {
		v, err := version.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	con, err := version.ParseConstraint("~> 1.2")
	if err != nil {
		t.Fatal(err)
	}
	if got := con.Highest(all); got != 1 {
		t.Errorf("the highest is number %d", got)
	}
	if got := con.Highest(nil); got != -1 {
		t.Errorf("the highest of none is number %d", got)
	}
	if got := (version.Constraint{}).Highest(all); got != 3 {
		t.Errorf("the highest of all is number %d", got)
	}
}

func FuzzConstraint(f *testing.F) {
	for _, s := range []string{"~> 1.2", ">= 1, < 2", "= 1.2.3-rc.1+x", "v1"} {
		f.Add(s, "1.2.3")
	}
	f.Fuzz(func(t *testing.T, s, v string) {
		con, err := version.ParseConstraint(s)
		if err != nil {
			return
		}
		have, err := version.Parse(v)
		if err != nil {
			return
		}
		if again, err := version.ParseConstraint(con.String()); err != nil || again.Allows(have) != con.Allows(have) {
			t.Errorf("%q: %v", s, err)
		}
		if same, err := version.Parse(have.String()); err != nil || same.Compare(have) != 0 {
			t.Errorf("%q becomes %q: %v", v, have, err)
		}
	})
}

// TestLoose: versions as people write them, and constraints over those.
func TestLoose(t *testing.T) {
	for _, tt := range []struct {
		constraint, version string
		want                bool
	}{
		{"~> 24.04", "24.04", true}, {"24.04", "24.4", true}, {">= 22.04", "24.04", true}, {"< 24.04", "22.04", true}, {"~> 17", "17", true},
		{"~> 3.12", "3.13", true}, {"~> 3.12", "4", false}, {"= 1.20", "1.20", true}, {"10.11", "10.11", true}, {"> 9", "10", true}, {"100", "100", true},
		{"1.0", "1", true}, {"007", "7", true},
	} {
		c, err := version.ParseLooseConstraint(tt.constraint)
		if err != nil {
			t.Fatal(err)
		}
		v, err := version.ParseLoose(tt.version)
		if err != nil {
			t.Fatal(err)
		}
		if c.Allows(v) != tt.want || c.String() != tt.constraint {
			t.Errorf("%s allows %s: %t", c, tt.version, !tt.want)
		}
	}
	for _, bad := range []string{"", "latest", "1.2.3.4", "1..2", "-1", "0x1"} {
		if v, err := version.ParseLoose(bad); err == nil {
			t.Errorf("%q is %s", bad, v)
		}
	}
}
