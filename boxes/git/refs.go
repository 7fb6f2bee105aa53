package git

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/agext/levenshtein"
	"github.com/go-git/go-git/v5/plumbing"

	"github.com/envyhq/envy/boxes/source"
	"github.com/envyhq/envy/internal/version"
)

const (
	tags  = "refs/tags/"
	heads = "refs/heads/"
	head  = "HEAD"
)

// references are what a repository has, HEAD included. Names that could not be written in a `from` are left out.
type references struct {
	hash   map[string]plumbing.Hash
	peeled map[string]plumbing.Hash // of annotated tags, where the server says it
}

func newReferences() references {
	return references{hash: map[string]plumbing.Hash{}, peeled: map[string]plumbing.Hash{}}
}

func (r references) add(name, hash string) {
	if !isHash(hash) || !clean(name) {
		return
	}
	h := plumbing.NewHash(hash)
	if tag, ok := strings.CutSuffix(name, "^{}"); ok {
		r.peeled[tag] = h
		return
	}
	r.hash[name] = h
}

func clean(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." || strings.HasPrefix(part, "-") {
			return false
		}
	}
	return len(name) <= 512 && !strings.ContainsFunc(name, func(c rune) bool {
		return unicode.IsControl(c) || c == unicode.ReplacementChar || c == ' ' || unicode.Is(unicode.Cf, c)
	})
}

// commit is what is known of a reference's commit before anything is fetched: of an annotated tag it may be the tag.
func (r references) commit(name string) plumbing.Hash {
	if h, ok := r.peeled[name]; ok {
		return h
	}
	return r.hash[name]
}

// pointing is a reference with a commit, the first by name; "" is none.
func (r references) pointing(h plumbing.Hash) string {
	for _, name := range slices.Sorted(maps.Keys(r.hash)) {
		if r.hash[name] == h || r.peeled[name] == h {
			return name
		}
	}
	return ""
}

// beginning is a branch or tag of the one commit that digits begin, among those that have a name; "" is none.
func (r references) beginning(digits string) string {
	var found plumbing.Hash
	for name := range r.hash {
		h := r.commit(name)
		if !strings.HasPrefix(h.String(), digits) || h == found {
			continue
		}
		if !found.IsZero() {
			return ""
		}
		found = h
	}
	if found.IsZero() {
		return ""
	}
	return r.pointing(found)
}

// names are the short ones of all tags or branches.
func (r references) names(prefix string) []string {
	var names []string
	for name := range r.hash {
		if short, ok := strings.CutPrefix(name, prefix); ok {
			names = append(names, short)
		}
	}
	slices.Sort(names)
	return names
}

// choose is the reference that a source asks for; "" where it asks for a commit, or for what might be one.
func (r references) choose(src source.Git) (string, error) {
	switch {
	case src.Version != "":
		return r.highest(src.Version)
	case src.Ref == "":
		if _, ok := r.hash[head]; !ok {
			return "", fail(NotFound, nil, "the repository has no default branch").near(r.nearest("main"))
		}
		return head, nil
	}
	for _, prefix := range []string{tags, heads, ""} {
		if _, ok := r.hash[prefix+src.Ref]; ok && (prefix != "" || strings.HasPrefix(src.Ref, "refs/") || src.Ref == head) {
			return prefix + src.Ref, nil
		}
	}
	if ref := strings.ToLower(src.Ref); isHex(ref) && len(ref) >= 7 && len(ref) <= 40 {
		return "", nil
	}
	return "", fail(NotFound, nil, "there is no tag, branch or commit %q", src.Ref).near(r.nearest(src.Ref))
}

// highest is the tag with the highest version that a constraint allows. Of v1.2.3 and 1.2.3 it is the first.
func (r references) highest(constraint string) (string, error) {
	c, err := version.ParseConstraint(constraint)
	if err != nil {
		return "", fail(Invalid, err, "version")
	}
	names, versions := r.versions()
	i := c.Highest(versions)
	if i < 0 {
		return "", fail(NotFound, nil, "no tag is a version %s", constraint).near(names[:min(len(names), nearest)])
	}
	return tags + names[i], nil
}

// versions are the tags that are versions, the highest first.
func (r references) versions() ([]string, []version.Version) {
	names := r.names(tags)
	slices.Reverse(names) // v before digits
	parsed := map[string]version.Version{}
	names = slices.DeleteFunc(names, func(name string) bool {
		v, err := version.Parse(name)
		parsed[name] = v
		return err != nil
	})
	slices.SortStableFunc(names, func(a, b string) int { return parsed[b].Compare(parsed[a]) })
	versions := make([]version.Version, len(names))
	for i, name := range names {
		versions[i] = parsed[name]
	}
	return names, versions
}

// How many names an error gives.
const nearest = 5

func (r references) nearest(name string) []string {
	all := slices.Concat(r.names(tags), r.names(heads))
	slices.Sort(all)
	all = slices.Compact(all)
	all = slices.DeleteFunc(all, func(n string) bool { return len(n) > 64 })
	all = all[:min(len(all), 5000)] // each is compared letter by letter
	distance := map[string]int{}
	for _, n := range all {
		distance[n] = levenshtein.Distance(n, name, nil)
	}
	slices.SortStableFunc(all, func(a, b string) int { return cmp.Compare(distance[a], distance[b]) })
	return all[:min(len(all), nearest)]
}

func (e *Error) near(names []string) *Error {
	if e.Nearest = names; len(names) > 0 {
		e.Hint = "there are " + strings.Join(names, ", ")
	}
	return e
}

// short is a reference for people.
func short(reference string) string {
	if name, ok := strings.CutPrefix(reference, tags); ok {
		return "tag " + name
	}
	if name, ok := strings.CutPrefix(reference, heads); ok {
		return "branch " + name
	}
	return reference
}
