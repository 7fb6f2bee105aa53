package diag

import (
	"fmt"
	"testing"
)

func TestSuggest(t *testing.T) {
	names := []string{"image", "packages", "port", "volume"}
	for _, tc := range []struct{ written, want string }{
		{"imagee", "image"}, {"pakages", "packages"}, {"prot", ""}, {"ports", "port"}, {"xyz", ""}, {"", ""},
	} {
		if got := Suggest(tc.written, names); got != tc.want {
			t.Errorf("Suggest(%q) = %q, want %q", tc.written, got, tc.want)
		}
	}
}

func TestListClassAndError(t *testing.T) {
	l := List{
		{Severity: Warning, Summary: "w"},
		{Class: Refused, Summary: "r", Range: Range{File: "Envfile", Start: Pos{Line: 2, Column: 1}}},
		{Class: Invalid, Summary: "i", Range: Range{File: "Envfile", Start: Pos{Line: 1, Column: 3}}},
	}
	if l.Class() != Invalid {
		t.Errorf("class = %v, want the mistake before the refusal", l.Class())
	}
	l.Sort()
	err := fmt.Errorf("load: %w", l.Err())
	if got, want := err.Error(), "load: Envfile:1,3: i; Envfile:2,1: r"; got != want {
		t.Errorf("error = %q, want %q", got, want)
	}
	if back, ok := FromError(err); !ok || len(back) != 3 {
		t.Errorf("the list does not travel in the error: %v", back)
	}
	if (List{{Severity: Warning}}).Err() != nil {
		t.Error("warnings alone are an error")
	}
}
