package driver

import (
	"context"
	"io"
	"time"
)

// Logger reads what boxes printed.
type Logger interface {
	// Logs copies the box's output; it returns at the end of what is there, or with Follow when the box or ctx ends.
	Logs(ctx context.Context, id string, o LogOptions, out, errOut io.Writer) error
}

// LogOptions selects log lines. Tail < 0 is all.
type LogOptions struct {
	Follow     bool
	Tail       int
	Since      time.Time
	Ago        time.Duration // instead, by the engine's clock where that is known; 0 is Since
	Timestamps bool
}
