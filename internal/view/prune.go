package view

import (
	"fmt"
	"strings"
)

// PruneVersion is the version of [PruneJSON].
const PruneVersion = 1

// PruneJSON is what prune would take away, with a type, on Err; and what it has taken away, with a format, on Out.
type PruneJSON struct {
	Type     string          `json:"type,omitempty"`   // "prune"
	Format   string          `json:"format,omitempty"` // "envy.pruned"
	Version  int             `json:"version"`
	Projects []PrunedProject `json:"projects"`
	Agents   []string        `json:"agents"` // volumes
	Images   []PrunedImage   `json:"images"`
	Cached   PrunedCache     `json:"cached"`
	Young    int             `json:"young"` // images and agents that nothing uses, and that are not old enough
	NotFound []LostCheckout  `json:"not_found"`
}

// PrunedProject is a project whose checkout is gone.
type PrunedProject struct {
	Project  string   `json:"project"`
	Path     string   `json:"path"`
	Boxes    []string `json:"boxes"`
	Losses   []string `json:"losses"` // what boxes changed on their own, in words
	Networks []string `json:"networks"`
	Volumes  []string `json:"volumes"` // those that go
	Kept     []string `json:"kept"`    // those that stay, since nobody named them
}

// PrunedImage is one name of an image that envy built.
type PrunedImage struct {
	Reference string `json:"reference"`
	Size      int64  `json:"size"`
}

// PrunedCache is what envy keeps on this machine to spare fetching it again.
type PrunedCache struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

// LostCheckout is one that was not found, and does not count as gone.
type LostCheckout struct {
	Path string `json:"path"`
	Why  string `json:"why"`
}

// whole has no list that is null.
func (j PruneJSON) whole() PruneJSON {
	j.Version = PruneVersion
	j.Projects = append([]PrunedProject{}, j.Projects...)
	for i := range j.Projects {
		p := &j.Projects[i]
		p.Boxes, p.Losses, p.Networks, p.Volumes, p.Kept = list(p.Boxes), list(p.Losses), list(p.Networks), list(p.Volumes), list(p.Kept)
	}
	j.Agents, j.Images, j.NotFound = list(j.Agents), list(j.Images), list(j.NotFound)
	return j
}

// PruneBefore shows what is about to be taken away, on Err. Quiet shows what somebody will be asked about.
func (v *View) PruneBefore(j PruneJSON) error {
	if v.Format == JSON {
		j.Type = "prune"
		return v.Err.JSON(j.whole())
	}
	if v.Format == Quiet && j.Total() == "" {
		return nil
	}
	return v.Err.Print(v.Err.prune(j))
}

// Pruned says what was taken away, on Out.
func (v *View) Pruned(j PruneJSON) error {
	switch v.Format {
	case JSON:
		j.Format = "envy.pruned"
		return v.Out.JSON(j.whole())
	case Quiet:
		return nil
	}
	if total := j.Total(); total != "" {
		return v.Out.Print(v.Out.Text().Add("removed ", total, "\n"))
	}
	return v.Out.Print(v.Out.Text().Add("there is nothing to remove\n"))
}

// Total counts what goes: "2 boxes, 1 network and 3 images"; "" is nothing.
func (j PruneJSON) Total() string {
	boxes, networks, volumes, names := 0, 0, len(j.Agents), 0
	for _, p := range j.Projects {
		boxes, networks, volumes = boxes+len(p.Boxes), networks+len(p.Networks), volumes+len(p.Volumes)
		if p.idle() && len(p.Kept) == 0 {
			names++
		}
	}
	var parts []string
	for _, x := range []struct {
		n         int
		one, many string
	}{
		{boxes, "box", "boxes"}, {networks, "network", "networks"}, {volumes, "volume", "volumes"}, {names, "claimed name", "claimed names"},
		{len(j.Images), "image", "images"}, {j.Cached.Files, "cached file", "cached files"},
	} {
		if x.n > 0 {
			parts = append(parts, Plural(x.n, x.one, x.many))
		}
	}
	if n := len(parts); n > 1 {
		return strings.Join(parts[:n-1], ", ") + " and " + parts[n-1]
	}
	return strings.Join(parts, "")
}

// idle is a project of which nothing goes but, where nothing stays either, the claim on its name.
func (p PrunedProject) idle() bool { return len(p.Boxes)+len(p.Networks)+len(p.Volumes) == 0 }

// Plural is a number of things.
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (p Printer) prune(j PruneJSON) *Text {
	t := p.Text()
	for _, x := range j.Projects {
		t.Paint(Strong, x.Project).Paint(Faint, "  of "+x.Path+", which is gone").Add("\n")
		removed(t, "box", x.Boxes)
		for _, loss := range x.Losses {
			t.Add("      ").Paint(Alarm, "! "+loss).Add("\n")
		}
		removed(t, "network", x.Networks)
		removed(t, "volume", x.Volumes)
		if x.idle() && len(x.Kept) == 0 {
			removed(t, "claim on the name", []string{x.Project})
		}
		for _, v := range x.Kept {
			t.Add("    ").Paint(Faint, "volume "+v+" is kept; --volume "+v+" removes it with all that is in it").Add("\n")
		}
	}
	if len(j.Agents) > 0 {
		t.Paint(Strong, "envy's own program, in versions that no box runs").Add("\n")
		removed(t, "volume", j.Agents)
	}
	if len(j.Images) > 0 {
		t.Paint(Strong, "images with packages and setups that no box is made from").Add("\n")
	}
	for _, i := range j.Images {
		removed(t, "image", []string{i.Reference + "  " + Bytes(i.Size)})
	}
	if j.Cached.Files > 0 {
		t.Paint(Strong, "what was fetched, and was not used for long").Add("\n")
		removed(t, "cached", []string{Plural(j.Cached.Files, "file", "files") + "  " + Bytes(j.Cached.Bytes)})
	}
	if j.Young > 0 {
		t.Paint(Faint, Plural(j.Young, "image or version that no box uses is", "images and versions that no box uses are")+" kept for being new; --older 0 takes them too").Add("\n")
	}
	for _, c := range j.NotFound {
		t.Paint(Caution, "not found, but perhaps not gone: "+c.Path+": "+c.Why+"; if it is: --gone "+c.Path).Add("\n")
	}
	return t
}

func removed(t *Text, kind string, names []string) {
	for _, n := range names {
		t.Add("  ").Paint(Problem, "- ").Add(kind, " ", Line(n), "\n")
	}
}
