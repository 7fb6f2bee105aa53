package docker

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
)

const noRoom = "write /var/lib/docker/overlay2/x: no space left on device"

// Whatever an engine has no room for, the error says that it is the engine's disk that is full.
func TestFullEngine(t *testing.T) {
	e := openEcho(t, echo{status: http.StatusInternalServerError, texts: map[string][]byte{"": fmt.Appendf(nil, `{"message":%q}`, noRoom)}})
	for i, call := range calls(t.Context(), e) {
		if err := call(); !driver.Is(err, driver.NoSpace) || !strings.Contains(err.Error(), fullText) {
			t.Errorf("method %d: %v", i, err)
		}
	}
	stream := fmt.Appendf(nil, `{"status":"Pulling fs layer","id":"b"}{"errorDetail":{"message":%[1]q},"error":%[1]q}`, "failed to register layer: "+noRoom)
	e = openEcho(t, echo{status: http.StatusOK, texts: map[string][]byte{"/images/create": stream, "/build": stream}})
	for name, err := range map[string]error{
		"pull":  pull(t.Context(), e, "x:1", "", event.Discard{}),
		"build": e.build(t.Context(), driver.Build{Tag: "x", Context: noContext}, true, event.Discard{}, "p"),
	} {
		if !driver.Is(err, driver.NoSpace) || !strings.Contains(err.Error(), fullText) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A process that finds no room says so itself: a build's step, the agent, and what an engine could not begin.
func TestFullInside(t *testing.T) {
	lines := `{"stream":"Step 1/1 : RUN apt-get install vim\n"}{"stream":"E: Write error - write (28: No space left on device)\n"}{"error":"The command returned a non-zero code: 100"}`
	e := openEcho(t, echo{status: http.StatusOK, texts: map[string][]byte{"/build": []byte(lines)}})
	if err := e.build(t.Context(), driver.Build{Tag: "x", Context: noContext}, false, event.Discard{}, "p"); !driver.Is(err, driver.NoSpace) {
		t.Errorf("a step of a build: %v", err)
	}
	if err := agentError("write files in", "x", "write /etc/x: no space left on device"); !driver.Is(err, driver.NoSpace) {
		t.Errorf("the agent: %v", err)
	}
	p := openPartly(t, "/x/exec", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, `{"message":%q}`, noRoom)
	})
	if _, _, err := p.startExec(t.Context(), "x", container.ExecOptions{Cmd: []string{"true"}}); !driver.Is(err, driver.NoSpace) {
		t.Errorf("an exec: %v", err)
	}
	for _, other := range []string{"inotify_add_watch: no space left on device", "mkdir /sys/fs/cgroup/x: no space left on device"} {
		if saysFull(other) {
			t.Errorf("%q is taken for a full disk", other)
		}
	}
}
