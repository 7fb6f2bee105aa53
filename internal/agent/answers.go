//go:build linux

package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/envyhq/envy/internal/agent/wire"
)

// runRelease records the baseline and opens the gate. Done again it records
// nothing and knocks once more, in case that failed the first time.
func (a *Agent) runRelease() (int, error) {
	order, err := wire.Read[wire.Release](a.Stdin)
	if err != nil {
		return wire.ExitAgent, err
	}
	s, err := a.awaitReady(readyWithin)
	if err != nil {
		return wire.ExitAgent, err
	}
	if err := s.release(order); err != nil {
		return wire.ExitAgent, err
	}
	if err := syscall.Kill(1, opened); err != nil {
		return wire.ExitAgent, fmt.Errorf("tell the box's first process: %w", err)
	}
	return 0, nil
}

func (s state) release(order wire.Release) error {
	record, err := s.record()
	if err != nil || record.Released != 0 {
		return err
	}
	data, err := wire.Encode(order)
	if err != nil {
		return err
	}
	attr := attributes{mode: 0o600, uid: os.Geteuid(), gid: os.Getegid(), sync: true}
	if err := replace(s.baselinePath(), data, attr); err != nil {
		return fmt.Errorf("write the baseline: %w", err)
	}
	return s.update(func(record *wire.Record) { record.Released = time.Now().UnixNano() })
}

func (s state) baselinePath() string { return filepath.Join(s.dir, "baseline.json") }

// runRecord prints the record.
func (a *Agent) runRecord() (int, error) {
	s, err := a.awaitReady(readyWithin)
	if err != nil {
		return wire.ExitAgent, err
	}
	record, err := s.record()
	if err != nil {
		return wire.ExitAgent, err
	}
	return answer(a, record)
}

// runBaseline prints the baseline; before there is one, an empty one.
func (a *Agent) runBaseline() (int, error) {
	s, err := a.awaitReady(readyWithin)
	if err != nil {
		return wire.ExitAgent, err
	}
	record, err := s.record()
	if err != nil {
		return wire.ExitAgent, err
	}
	if record.Released == 0 { // what may lie there is another container's
		return answer(a, wire.Release{})
	}
	data, err := readBounded(s.baselinePath(), int64(wire.Limit[wire.Release]()))
	if err != nil {
		return wire.ExitAgent, fmt.Errorf("read the baseline: %w", err)
	}
	release, err := wire.Decode[wire.Release](data)
	if err != nil {
		return wire.ExitAgent, err
	}
	return answer(a, release)
}

// runStat looks at paths.
func (a *Agent) runStat() (int, error) {
	request, err := wire.Read[wire.StatRequest](a.Stdin)
	if err != nil {
		return wire.ExitAgent, err
	}
	reply := wire.StatReply{Stats: make([]wire.Stat, len(request.Paths))}
	for i, path := range request.Paths {
		reply.Stats[i] = a.stat(path)
	}
	return answer(a, reply)
}

func (a *Agent) stat(path string) wire.Stat {
	var stat syscall.Stat_t
	if err := syscall.Lstat(a.at(path), &stat); err != nil {
		return wire.Stat{Path: path}
	}
	return wire.Stat{
		Path: path, Exists: true, Size: stat.Size, MTime: stat.Mtim.Nano(), Mode: stat.Mode,
	}
}

func answer[M wire.Message](a *Agent, message M) (int, error) {
	data, err := wire.Encode(message)
	if err != nil {
		return wire.ExitAgent, err
	}
	if _, err := a.Stdout.Write(append(data, '\n')); err != nil {
		return wire.ExitAgent, err
	}
	return 0, nil
}
