package diag

import "github.com/agext/levenshtein"

// Suggest returns the candidate nearest to what was written, or "" when none is near enough to be a slip of the
// fingers: at most a third of the word may differ.
func Suggest(written string, candidates []string) string {
	best, bestDistance := "", len(written)/3+1
	for _, c := range candidates {
		if d := levenshtein.Distance(written, c, nil); d < bestDistance || (d == bestDistance && best != "" && c < best) {
			best, bestDistance = c, d
		}
	}
	return best
}
