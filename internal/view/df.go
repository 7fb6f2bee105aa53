package view

import (
	"fmt"
	"strconv"
)

// DiskVersion is the version of [DiskJSON].
const DiskVersion = 1

// DiskJSON is the document of df. Sizes are bytes.
type DiskJSON struct {
	Format   string        `json:"format"` // "envy.df"
	Version  int           `json:"version"`
	Projects []DiskProject `json:"projects"`
	Images   []DiskImage   `json:"images"` // that boxes are made from, largest first
	Program  int64         `json:"program"`
	Total    DiskTotal     `json:"total"`
}

// DiskProject is what one project takes; layers that it shares with others count here as well as there.
type DiskProject struct {
	Project string       `json:"project"`
	Path    string       `json:"path"`
	Images  int64        `json:"images"`
	Own     int64        `json:"own"` // of the boxes
	Volumes int64        `json:"volumes"`
	Boxes   []DiskBox    `json:"boxes"`
	Data    []DiskVolume `json:"data"`
}

// DiskBox is a box's own layer.
type DiskBox struct {
	Name  string `json:"name"`
	Image string `json:"image"`
	Size  int64  `json:"size"`
}

// DiskVolume is a volume; Size is missing where the engine does not tell.
type DiskVolume struct {
	Name string `json:"name"`
	Size *int64 `json:"size,omitempty"`
}

// DiskImage is an image that boxes are made from.
type DiskImage struct {
	Name  string `json:"name"`
	ID    string `json:"id"`
	Boxes int    `json:"boxes"`
	Size  int64  `json:"size"`
	Alone int64  `json:"alone"` // of it, what no other of these images has
}

// DiskTotal has each layer once.
type DiskTotal struct {
	Images  int64 `json:"images"`
	Own     int64 `json:"own"`
	Volumes int64 `json:"volumes"` // envy's own program among them
	Sum     int64 `json:"sum"`
	Apart   int64 `json:"apart"` // what the boxes alone would take, had each an image of its own
}

// Disk says what projects take on the engine's disk, in every format: it is the answer. all lists each box, volume and
// image, too; JSON always does.
func (v *View) Disk(j DiskJSON, all bool) error {
	if v.Format == JSON {
		j.Format, j.Version = "envy.df", DiskVersion
		j.Projects = append([]DiskProject{}, j.Projects...)
		for i := range j.Projects {
			j.Projects[i].Boxes, j.Projects[i].Data = list(j.Projects[i].Boxes), list(j.Projects[i].Data)
		}
		j.Images = list(j.Images)
		return v.Out.JSON(j)
	}
	if err := v.Out.Table(diskTable(j)); err != nil {
		return err
	}
	if all {
		for _, t := range []Table{diskImages(j), diskBoxes(j), diskVolumes(j)} {
			if len(t.Rows) == 0 {
				continue
			}
			if err := v.Out.Print(v.Out.Text().Add("\n")); err != nil {
				return err
			}
			if err := v.Out.Table(t); err != nil {
				return err
			}
		}
	}
	if v.Format == Quiet {
		return nil
	}
	return v.Out.Print(diskWords(v.Out.Text(), j))
}

func diskTable(j DiskJSON) Table {
	t := Table{Header: []string{"PROJECT", "BOXES", "IMAGES", "OWN", "VOLUMES", "CHECKOUT"}}
	boxes := 0
	for _, p := range j.Projects {
		boxes += len(p.Boxes)
		t.Rows = append(t.Rows, []Cell{
			{p.Project, Strong}, {Text: strconv.Itoa(len(p.Boxes))}, {Text: Bytes(p.Images)}, {Text: Bytes(p.Own)}, {Text: Bytes(p.Volumes)}, {Text: p.Path},
		})
	}
	if j.Program > 0 {
		t.Rows = append(t.Rows, []Cell{{"(envy's program)", Faint}, {"-", Faint}, {"-", Faint}, {"-", Faint}, {Text: Bytes(j.Program)}})
	}
	t.Rows = append(t.Rows, []Cell{
		{"total " + Bytes(j.Total.Sum), Strong}, {strconv.Itoa(boxes), Strong}, {Bytes(j.Total.Images), Strong}, {Bytes(j.Total.Own), Strong},
		{Bytes(j.Total.Volumes), Strong},
	})
	return t
}

func diskImages(j DiskJSON) Table {
	t := Table{Header: []string{"IMAGE", "BOXES", "SIZE", "ALONE", "ID"}}
	for _, i := range j.Images {
		t.Rows = append(t.Rows, []Cell{{i.Name, Strong}, {Text: strconv.Itoa(i.Boxes)}, {Text: Bytes(i.Size)}, {Text: Bytes(i.Alone)}, {Text: shortID(i.ID)}})
	}
	return t
}

func diskBoxes(j DiskJSON) Table {
	t := Table{Header: []string{"PROJECT", "BOX", "OWN", "IMAGE"}}
	for _, p := range j.Projects {
		for _, b := range p.Boxes {
			t.Rows = append(t.Rows, []Cell{{Text: p.Project}, {b.Name, Strong}, {Text: Bytes(b.Size)}, {Text: b.Image}})
		}
	}
	return t
}

func diskVolumes(j DiskJSON) Table {
	t := Table{Header: []string{"PROJECT", "VOLUME", "SIZE"}}
	for _, p := range j.Projects {
		for _, v := range p.Data {
			t.Rows = append(t.Rows, []Cell{{Text: p.Project}, {v.Name, Strong}, {Text: sizeText(v.Size)}})
		}
	}
	return t
}

// shortID is an image's id as docker shows it.
func shortID(id string) string {
	const prefix, digits = "sha256:", 12
	if len(id) >= len(prefix)+digits && id[:len(prefix)] == prefix {
		return id[len(prefix) : len(prefix)+digits]
	}
	return id
}

// diskWords say what sharing spares, where it spares something.
func diskWords(t *Text, j DiskJSON) *Text {
	boxes, images := 0, int64(0)
	for _, p := range j.Projects {
		boxes += len(p.Boxes)
		images += p.Images
	}
	together := j.Total.Images + j.Total.Own
	if boxes > 1 && j.Total.Apart > together {
		t.Add("\n").Paint(Faint, fmt.Sprintf("%d boxes of %s take %s; each with an image of its own they would take %s.",
			boxes, Plural(len(j.Images), "image", "images"), Bytes(together), Bytes(j.Total.Apart))).Add("\n")
	}
	if images > j.Total.Images {
		t.Paint(Faint, "Layers that projects share count in each of them, and once in the total.").Add("\n")
	}
	return t
}
