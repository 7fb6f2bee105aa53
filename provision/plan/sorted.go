package plan

import (
	"cmp"
	"maps"
	"slices"

	"github.com/envyhq/envy/provision/resource"
)

func sortedKeys[V any](m map[resource.Key]V) []resource.Key {
	out := make([]resource.Key, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b resource.Key) int {
		return cmp.Or(cmp.Compare(a.Box, b.Box), cmp.Compare(a.Index, b.Index))
	})
	return out
}

func sortedStrings[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
