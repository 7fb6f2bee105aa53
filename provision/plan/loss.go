package plan

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/resource"
)

// Changed is one path of the engine's file-system diff.
type Changed struct {
	Path    string
	Deleted bool
}

// Looked is what is known of a path now.
type Looked struct {
	Dir   bool
	Size  int64
	MTime time.Time
}

// notCounted are the places that nobody keeps anything in (§5, Lost).
var notCounted = []string{"/tmp", "/run", "/var/run", "/var/tmp", "/var/log", "/var/cache", "/dev", "/proc", "/sys", "/.envy", "/var/lib/envy"}

// made by every engine in every container, whatever the box does.
var engineFiles = []string{"/.dockerenv", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/etc/mtab"}

// Candidates are the paths of a diff that may count as lost and must be looked at: outside the places that do not count,
// no mount points, nothing that envy wrote as file {}.
func Candidates(changes []Changed, rec resource.Record, mounts []string) []Changed {
	var out []Changed
	for _, c := range changes {
		_, written := rec.Files[c.Path]
		if written || slices.Contains(engineFiles, c.Path) || underAny(c.Path, notCounted) || underAny(c.Path, mounts) {
			continue
		}
		out = append(out, c)
	}
	return out
}

// Lost counts what a box changed on its own (§5): a path outside the baseline counts unless it was written while a
// provisioner ran; one inside, or one that the agent wrote, counts when it was changed later. In doubt it counts.
func Lost(candidates []Changed, looked map[string]Looked, complete bool, rec resource.Record) resource.Loss {
	loss := resource.Loss{AtLeast: !complete}
	baseline, own := toSet(rec.Baseline), toSet(rec.Own)
	if setBack(rec) {
		rec.BaselineAt, rec.SetUp, rec.Spans = time.Time{}, time.Time{}, nil
	}
	type item struct {
		path string
		size int64
	}
	var items []item
	for _, c := range candidates {
		l, ok := looked[c.Path]
		switch {
		case c.Deleted:
			if baseline[c.Path] || own[c.Path] {
				continue
			}
		case !ok && (complete || baseline[c.Path] || own[c.Path]), l.Dir:
			// Gone between the diff and the look; or not reached in time, and envy's own or a provisioner's as far as is
			// known: "at least" says that there was no time.
			continue
		case ok && (baseline[c.Path] && !l.MTime.After(rec.BaselineAt) || own[c.Path] && !l.MTime.After(rec.SetUp) || within(l.MTime, rec.Spans)):
			continue
		}
		items = append(items, item{c.Path, l.Size})
		loss.Bytes += l.Size
	}
	loss.Count = len(items)
	slices.SortFunc(items, func(a, b item) int {
		return cmp.Or(cmp.Compare(b.size, a.size), cmp.Compare(a.path, b.path))
	})
	for i, it := range items {
		loss.Paths = append(loss.Paths, it.path)
		if i < 3 {
			loss.Largest = append(loss.Largest, it.path)
		}
	}
	slices.Sort(loss.Paths)
	return loss
}

// setBack reports a record of times that are still to come: the engine's clock was set back since, so that what was changed
// later can bear an earlier time.
func setBack(rec resource.Record) bool {
	const unsure = 5 * time.Second // about the time of reading
	if rec.ReadAt.IsZero() {
		return false
	}
	ahead := func(t time.Time) bool { return t.After(rec.ReadAt.Add(unsure)) }
	return ahead(rec.BaselineAt) || ahead(rec.SetUp) || slices.ContainsFunc(rec.Spans, func(r resource.Run) bool { return ahead(r.End) || r.End.Before(r.Start) })
}

func within(t time.Time, spans []resource.Run) bool {
	return slices.ContainsFunc(spans, func(r resource.Run) bool { return !t.Before(r.Start) && !t.After(r.End) })
}

// More reports whether a second look found losses that the first did not name: those were not confirmed.
func More(confirmed, now resource.Loss) bool {
	if confirmed.AtLeast || confirmed.Unknown { // once confirmed, it covers the whole box (§5)
		return false
	}
	known := toSet(confirmed.Paths)
	return slices.ContainsFunc(now.Paths, func(p string) bool { return !known[p] }) || now.Count > confirmed.Count
}

func underAny(path string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(d string) bool { return path == d || strings.HasPrefix(path, strings.TrimSuffix(d, "/")+"/") })
}

func toSet(list []string) map[string]bool {
	out := make(map[string]bool, len(list))
	for _, s := range list {
		out[s] = true
	}
	return out
}
