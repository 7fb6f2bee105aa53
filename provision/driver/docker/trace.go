package docker

import (
	"errors"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// trace is one message of BuildKit's progress (StatusResponse of its control API). Only what envy shows is read: fields
// that are not known are skipped, as protobuf wants it.
type trace struct {
	vertexes []vertex
	statuses []vertexStatus
	logs     []vertexLog
}

// vertex is a step. It is reported again whenever something about it changes.
type vertex struct {
	digest, name, err  string
	cached             bool
	started, completed time.Time
}

// vertexStatus is the progress of a part of a step: a layer that is fetched, for one.
type vertexStatus struct {
	id, vertex     string
	current, total int64
}

type vertexLog struct {
	vertex string
	stream int64
	msg    string
}

// field is one field of a protobuf message; number holds varints, bytes the rest.
type field struct {
	id     protowire.Number
	number uint64
	bytes  []byte
}

var errTrace = errors.New("the engine's build progress is not readable")

// fields calls f for each field of a message of varints, strings and messages; other types are skipped.
func fields(b []byte, f func(field) error) error {
	for len(b) > 0 {
		id, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errTrace
		}
		b = b[n:]
		var v field
		switch v.id = id; typ {
		case protowire.VarintType:
			v.number, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			v.bytes, n = protowire.ConsumeBytes(b)
		default:
			n, v.id = protowire.ConsumeFieldValue(id, typ, b), 0
		}
		if n < 0 {
			return errTrace
		}
		b = b[n:]
		if v.id == 0 {
			continue
		}
		if err := f(v); err != nil {
			return err
		}
	}
	return nil
}

func decodeTrace(b []byte) (trace, error) {
	var t trace
	err := fields(b, func(f field) error {
		switch f.id {
		case 1:
			v, err := decodeVertex(f.bytes)
			t.vertexes = append(t.vertexes, v)
			return err
		case 2:
			s, err := decodeStatus(f.bytes)
			t.statuses = append(t.statuses, s)
			return err
		case 3:
			l, err := decodeLog(f.bytes)
			t.logs = append(t.logs, l)
			return err
		}
		return nil
	})
	return t, err
}

func decodeVertex(b []byte) (vertex, error) {
	var v vertex
	err := fields(b, func(f field) (err error) {
		switch f.id {
		case 1:
			v.digest = string(f.bytes)
		case 3:
			v.name = string(f.bytes)
		case 4:
			v.cached = f.number != 0
		case 5:
			v.started, err = decodeTime(f.bytes)
		case 6:
			v.completed, err = decodeTime(f.bytes)
		case 7:
			v.err = string(f.bytes)
		}
		return err
	})
	return v, err
}

func decodeStatus(b []byte) (vertexStatus, error) {
	var s vertexStatus
	err := fields(b, func(f field) error {
		switch f.id {
		case 1:
			s.id = string(f.bytes)
		case 2:
			s.vertex = string(f.bytes)
		case 4:
			s.current = int64(f.number)
		case 5:
			s.total = int64(f.number)
		}
		return nil
	})
	return s, err
}

func decodeLog(b []byte) (vertexLog, error) {
	var l vertexLog
	err := fields(b, func(f field) error {
		switch f.id {
		case 1:
			l.vertex = string(f.bytes)
		case 3:
			l.stream = int64(f.number)
		case 4:
			l.msg = string(f.bytes)
		}
		return nil
	})
	return l, err
}

func decodeTime(b []byte) (time.Time, error) {
	var seconds, nanos int64
	err := fields(b, func(f field) error {
		switch f.id {
		case 1:
			seconds = int64(f.number)
		case 2:
			nanos = int64(f.number)
		}
		return nil
	})
	return time.Unix(seconds, nanos), err
}
