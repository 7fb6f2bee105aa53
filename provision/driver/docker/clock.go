package docker

import (
	"net/http"
	"sync"
	"time"
)

// clock is the engine's: times of containers, files and logs are by it, and it can be hours off the caller's. It is what the
// last answer said, plus what has gone by since, which no setting of the caller's own clock changes.
type clock struct {
	mu   sync.Mutex
	told time.Time // by the engine
	at   time.Time // by the caller, with the reading of a clock that nobody sets
}

// heard takes the time of an answer. One that has none, or none that can be read, says nothing.
func (c *clock) heard(answer *http.Response) {
	told, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told, c.at = told, time.Now()
}

// now is zero where no answer had a time. It is right to a second or two.
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.told.IsZero() {
		return time.Time{}
	}
	return c.told.Add(time.Since(c.at))
}
