package lazyre

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRegexp(t *testing.T) {
	r := New(`^([a-z]+)=(\d+)$`)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if !r.MatchString("a=1") || r.MatchString("a=b") {
				t.Error("matches what it should not, or does not what it should")
			}
		})
	}
	all.Wait()
	if diff := cmp.Diff([]string{"a=1", "a", "1"}, r.FindStringSubmatch("a=1")); diff != "" {
		t.Error(diff)
	}
	pair := New(`(\w)(\d)`)
	if diff := cmp.Diff([][]string{{"a1", "a", "1"}, {"b2", "b", "2"}}, pair.FindAllStringSubmatch("a1 b2 c3", 2)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([][]int{{0, 2}, {3, 5}}, pair.FindAllStringIndex("a1 b2", -1)); diff != "" {
		t.Error(diff)
	}
}

func TestBadExpression(t *testing.T) {
	r := New(`(`)
	defer func() {
		if recover() == nil {
			t.Error("an expression that is none is used")
		}
	}()
	r.MatchString("")
}
