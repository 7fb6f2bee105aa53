package view

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/envyhq/envy/provision/resource"
)

// TopVersion is the version of [TopJSON].
const TopVersion = 1

// TopJSON is the document of top.
type TopJSON struct {
	Format  string       `json:"format"` // "envy.top"
	Version int          `json:"version"`
	Project string       `json:"project"`
	Boxes   []BoxUseJSON `json:"boxes"`
}

// BoxUseJSON is what a box uses; sizes are in bytes, those of traffic since it was started.
type BoxUseJSON struct {
	Name  string         `json:"name"`
	State resource.State `json:"state"`
	Use   *UseJSON       `json:"use,omitempty"` // of one that runs
}

// UseJSON are the figures.
type UseJSON struct {
	CPU         float64       `json:"cpu_percent"` // of one processor
	Memory      int64         `json:"memory"`
	MemoryLimit int64         `json:"memory_limit"`
	NetIn       int64         `json:"net_in"`
	NetOut      int64         `json:"net_out"`
	DiskRead    int64         `json:"disk_read"`
	DiskWritten int64         `json:"disk_written"`
	Count       int           `json:"pids"`      // processes and threads
	Processes   []ProcessJSON `json:"processes"` // none where they are not known
}

// ProcessJSON is one process, by the numbers of the engine's machine.
type ProcessJSON struct {
	PID     int     `json:"pid"`
	UID     int     `json:"uid"`
	CPU     float64 `json:"cpu_percent"` // since it began
	Memory  int64   `json:"memory"`
	Command string  `json:"command"`
}

// Top shows what boxes use, once.
func (v *View) Top(d TopJSON) error {
	d.Format, d.Version = "envy.top", TopVersion
	if v.Format == JSON {
		return v.Out.JSON(d)
	}
	if len(d.Boxes) == 0 {
		return v.Out.Print(v.Out.Text().Add("No boxes.\n"))
	}
	t := v.Out.Text()
	for _, r := range v.Out.topRows(d, v.Out.Width()) {
		t.b.WriteString(r.text + "\n")
	}
	return v.Out.Print(t)
}

// topRows are the boxes, then their processes, the busiest first.
func (p Printer) topRows(d TopJSON, width int) []row {
	boxes := Table{Header: []string{"BOX", "CPU", "MEMORY", "NET IN / OUT", "DISK READ / WRITTEN", "PIDS"}}
	processes := Table{Header: []string{"BOX", "PID", "UID", "CPU", "MEMORY", "COMMAND"}}
	type listed struct {
		box string
		ProcessJSON
	}
	var all []listed
	for _, b := range d.Boxes {
		cells := []Cell{{b.Name, Strong}}
		if b.Use == nil {
			boxes.Rows = append(boxes.Rows, append(cells, Cell{string(b.State), Faint}))
			continue
		}
		cpu := Cell{Text: percent(b.Use.CPU)}
		if b.State == resource.StatePaused {
			cpu = Cell{"paused", Caution}
		}
		boxes.Rows = append(boxes.Rows, append(cells, cpu, Cell{Text: Used(b.Use.Memory) + " / " + Used(b.Use.MemoryLimit)},
			Cell{Text: pair(b.Use.NetIn, b.Use.NetOut)}, Cell{Text: pair(b.Use.DiskRead, b.Use.DiskWritten)}, Cell{Text: strconv.Itoa(b.Use.Count)}))
		for _, x := range b.Use.Processes {
			all = append(all, listed{b.Name, x})
		}
	}
	rows := p.tableRows(boxes, width)
	if len(all) == 0 {
		return rows
	}
	slices.SortStableFunc(all, func(a, b listed) int { return cmp.Compare(b.CPU, a.CPU) })
	for _, x := range all {
		processes.Rows = append(processes.Rows, []Cell{
			{x.box, Strong}, {Text: strconv.Itoa(x.PID)}, {Text: strconv.Itoa(x.UID)}, {Text: percent(x.CPU)}, {Text: Used(x.Memory)}, {Text: x.Command},
		})
	}
	return append(append(rows, row{}), p.tableRows(processes, width)...)
}

func percent(f float64) string { return fmt.Sprintf("%.1f%%", f) }

func pair(a, b int64) string { return Bytes(a) + " / " + Bytes(b) }

// LiveTop draws what boxes use again and again, over what it drew before. Only where Out is live.
type LiveTop struct {
	v     *View
	drawn screen
}

// LiveTop begins below what stands on the terminal.
func (v *View) LiveTop() *LiveTop { return &LiveTop{v: v} }

// Draw draws; processes that have no room are left out.
func (l *LiveTop) Draw(d TopJSON) error {
	out, width, limit := l.v.Out, l.v.Out.Width(), 0
	if width > 0 {
		limit = max(width-1, 1) // a line as wide as the screen would break
	}
	rows := out.topRows(d, limit)
	most := defaultRows - 1
	if size, ok := l.v.streams.Size(); ok {
		most = max(size.Rows-1, 1)
	}
	rows = rows[:min(len(rows), most)]
	var b strings.Builder
	if up := l.drawn.height(width); up > 0 {
		fmt.Fprintf(&b, "\r\x1b[%dA", up)
	}
	l.drawn.drawn = l.drawn.drawn[:0]
	for _, r := range rows {
		b.WriteString(r.text + eraseLine + "\n")
		l.drawn.drawn = append(l.drawn.drawn, r.columns)
	}
	b.WriteString(eraseBelow)
	_, err := io.WriteString(out.out, b.String())
	return err
}
