package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/driver"
)

// stats is what envy reads of an engine's answer.
type stats struct {
	Read, PreRead time.Time
	CPU           cpuStats `json:"cpu_stats"`
	PreCPU        cpuStats `json:"precpu_stats"`
	Memory        struct {
		Usage, Limit uint64
		Stats        map[string]uint64
	} `json:"memory_stats"`
	Networks map[string]struct {
		In  uint64 `json:"rx_bytes"`
		Out uint64 `json:"tx_bytes"`
	}
	Block struct {
		Bytes []struct {
			Op    string
			Value uint64
		} `json:"io_service_bytes_recursive"`
	} `json:"blkio_stats"`
	PIDs struct{ Current uint64 } `json:"pids_stats"`
}

type cpuStats struct {
	Usage struct {
		Total uint64 `json:"total_usage"` // ns
	} `json:"cpu_usage"`
}

// Usage implements driver.Gauge.
func (e *Engine) Usage(ctx context.Context, id string) (driver.Usage, error) {
	var s stats
	if err := e.getObject(ctx, "/containers/"+url.PathEscape(id)+"/stats?stream=false", &s); err != nil {
		return driver.Usage{}, e.classify(err, "measure", boxObject(id))
	}
	if s.Read.IsZero() { // engines tell nothing of a stopped one, and call that a success
		return driver.Usage{}, notRunning("measure", id)
	}
	return s.usage(), nil
}

func notRunning(op, id string) error {
	return &driver.Error{Kind: driver.NotRunning, Op: op, Object: boxObject(id), Text: "it does not run"}
}

func (s stats) usage() driver.Usage {
	u := driver.Usage{MemoryLimit: size(s.Memory.Limit), Processes: int(size(s.PIDs.Current))}
	if span := s.Read.Sub(s.PreRead); !s.PreRead.IsZero() && span > 0 && s.CPU.Usage.Total >= s.PreCPU.Usage.Total {
		u.CPU = float64(s.CPU.Usage.Total-s.PreCPU.Usage.Total) / float64(span) * 100
	}
	cached, old := s.Memory.Stats["total_inactive_file"] // of control groups of version 1
	if !old {
		cached = s.Memory.Stats["inactive_file"]
	}
	if u.Memory = size(s.Memory.Usage); cached < s.Memory.Usage {
		u.Memory = size(s.Memory.Usage - cached)
	}
	for _, n := range s.Networks {
		u.NetIn, u.NetOut = u.NetIn+size(n.In), u.NetOut+size(n.Out)
	}
	for _, b := range s.Block.Bytes {
		switch strings.ToLower(b.Op) {
		case "read":
			u.DiskIn += size(b.Value)
		case "write":
			u.DiskOut += size(b.Value)
		}
	}
	return u
}

// size bounds what an engine says, so that a sum of some stays one.
func size(n uint64) int64 { return int64(min(n, math.MaxInt64>>20)) }

// psFields are what is asked of processes; the last may hold spaces.
const psFields = "pid,uid,pcpu,rss,args"

// Processes implements driver.Gauge.
func (e *Engine) Processes(ctx context.Context, id string) ([]driver.Process, error) {
	var listed struct{ Processes [][]string }
	err := e.getObject(ctx, "/containers/"+url.PathEscape(id)+"/top?ps_args="+url.QueryEscape("-eo "+psFields), &listed)
	var refused *statusError
	switch {
	case errors.As(err, &refused) && strings.Contains(refused.text, "is not running"):
		return nil, notRunning("list the processes of", id)
	case err != nil:
		return nil, e.classify(err, "list the processes of", boxObject(id))
	}
	return processes(listed.Processes), nil
}

// processes leaves out what it does not understand.
func processes(rows [][]string) []driver.Process {
	var out []driver.Process
	for _, r := range rows {
		if len(r) < 5 {
			continue
		}
		pid, err1 := strconv.Atoi(r[0])
		uid, err2 := strconv.Atoi(r[1])
		cpu, err3 := strconv.ParseFloat(r[2], 64)
		kib, err4 := strconv.ParseUint(r[3], 10, 64)
		if errors.Join(err1, err2, err3, err4) != nil || math.IsNaN(cpu) || math.IsInf(cpu, 0) {
			continue
		}
		out = append(out, driver.Process{PID: pid, UID: uid, CPU: cpu, Memory: size(kib) << 10, Command: strings.Join(r[4:], " ")})
	}
	slices.SortFunc(out, func(a, b driver.Process) int { return a.PID - b.PID })
	return out
}

// maxObject bounds, in bytes, an answer about one box.
const maxObject = 16 << 20

// getObject asks for one object.
func (e *Engine) getObject(ctx context.Context, path string, out any) error {
	body, err := e.filtered(ctx, path, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(io.LimitReader(body, maxObject)).Decode(out); err != nil {
		return fmt.Errorf("read an answer: %w", err)
	}
	return nil
}
