package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Limits that readers enforce.
const (
	MaxSpans = 1024   // Record.Spans
	MaxPaths = 200000 // StatRequest.Paths, Release.Baseline

	maxArgument = 128<<10 - 1 // the kernel's own limit for one argument
	maxMessage  = 64 << 20
	maxLine     = 8 << 20
)

// ErrTooLarge is wrapped by errors about a value over its limit.
var ErrTooLarge = errors.New("larger than its limit")

// ErrNewer is wrapped by the error about a value of a newer Version.
var ErrNewer = errors.New("from a newer version of envy")

// A Message is a value that is exchanged whole.
type Message interface {
	Boot | Exec | Files | Provision | Release | Health | Record | StatRequest | StatReply | Signal | Mirror | Mirrored
}

// Encode gives a message its version and the same bytes for the same value,
// without a line break. It fails when the message is over Limit.
func Encode[M Message](message M) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(envelope[M]{Version: Version, Value: message}); err != nil {
		return nil, fmt.Errorf("encode %T: %w", message, err)
	}
	data := bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))
	if len(data) > Limit[M]() {
		return nil, fmt.Errorf("encode %T: %d bytes: %w", message, len(data), ErrTooLarge)
	}
	return data, nil
}

// Decode reads what Encode wrote. Anything over Limit, of a newer version or
// followed by more is an error. Fields it does not know are one too, but in
// answers (Record, StatReply, Mirrored), which an agent of another version may have given.
func Decode[M Message](data []byte) (M, error) {
	var message M
	if len(data) > Limit[M]() {
		return message, fmt.Errorf("decode %T: %d bytes: %w", message, len(data), ErrTooLarge)
	}
	var outer envelope[json.RawMessage]
	if err := json.Unmarshal(data, &outer); err != nil {
		return message, fmt.Errorf("decode %T: %w", message, err)
	}
	if outer.Version > Version {
		return message, fmt.Errorf("decode %T: version %d: %w", message, outer.Version, ErrNewer)
	}
	if outer.Version < 1 {
		return message, fmt.Errorf("decode %T: version %d is none", message, outer.Version)
	}
	decoder := json.NewDecoder(bytes.NewReader(outer.Value))
	if !lenient(message) {
		decoder.DisallowUnknownFields()
	}
	if err := decoder.Decode(&message); err != nil {
		var zero M
		return zero, fmt.Errorf("decode %T: %w", message, err)
	}
	if n := paths(message); n > MaxPaths {
		var zero M
		return zero, fmt.Errorf("decode %T: %d paths: %w", message, n, ErrTooLarge)
	}
	return message, nil
}

// Read decodes everything that r has, reading no more than a byte over Limit.
func Read[M Message](r io.Reader) (M, error) {
	data, err := io.ReadAll(io.LimitReader(r, int64(Limit[M]())+1))
	if err != nil {
		var zero M
		return zero, fmt.Errorf("read %T: %w", zero, err)
	}
	return Decode[M](data)
}

// Limit is the most bytes that an encoded message of this type has.
func Limit[M Message]() int {
	var message M
	switch any(message).(type) {
	case Boot, Exec:
		return maxArgument
	case Provision, Health, Signal, Mirror, Mirrored:
		return maxLine
	}
	return maxMessage
}

type envelope[V any] struct {
	Version int `json:"version"`
	Value   V   `json:"value"`
}

func lenient(message any) bool {
	switch message.(type) {
	case Record, StatReply, Mirrored:
		return true
	}
	return false
}

func paths(message any) int {
	switch m := message.(type) {
	case StatRequest:
		return len(m.Paths)
	case StatReply:
		return len(m.Stats)
	case Release:
		return len(m.Baseline)
	}
	return 0
}
