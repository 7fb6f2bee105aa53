package docker

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/envyhq/envy/provision/driver"
)

// What is compared with times of the engine's is the engine's own clock, however far it is off the caller's.
func TestEngineClock(t *testing.T) {
	for _, off := range []time.Duration{-26 * time.Hour, -3 * time.Minute, 3 * time.Minute, 26 * time.Hour} {
		var removed []string
		since := ""
		e := openEcho(t, echo{})
		e.http.Transport = e.observed(script(func(r *http.Request) *http.Response {
			now := time.Now().Add(off)
			header := http.Header{"Api-Version": {"1.41"}, "Content-Type": {"application/json"}, "Date": {now.UTC().Format(http.TimeFormat)}}
			body := ""
			switch {
			case r.Method == http.MethodDelete:
				removed = append(removed, r.URL.Path)
			case ends(r.URL.Path, "/containers/json"):
				body = fmt.Sprintf(`[{"Id":"fresh","Names":["/envy-agent-0-a"],"Created":%d},{"Id":"stale","Names":["/envy-agent-0-b"],"Created":%d}]`,
					now.Add(-10*time.Second).Unix(), now.Add(-time.Hour).Unix())
			case ends(r.URL.Path, "/x/json"):
				body = `{"Id":"x","State":{},"HostConfig":{},"Config":{"Tty":true},"NetworkSettings":{}}`
			case ends(r.URL.Path, "/logs"):
				since = r.URL.Query().Get("since")
			}
			return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: r}
		}))
		e.removeStaleHelpers(t.Context(), agentVolume{name: "envy-agent-0"})
		if len(removed) != 1 || !strings.HasSuffix(removed[0], "/stale") {
			t.Errorf("off by %s: removed %v", off, removed)
		}
		if err := e.Logs(t.Context(), "x", driver.LogOptions{Tail: -1, Since: time.Now().Add(-time.Minute), Ago: time.Minute}, nil, nil); err != nil {
			t.Fatal(err)
		}
		var seconds float64
		if _, err := fmt.Sscan(since, &seconds); err != nil {
			t.Fatal(err)
		}
		if asked := time.Unix(int64(seconds), 0); time.Now().Add(off-time.Minute).Sub(asked).Abs() > 30*time.Second {
			t.Errorf("off by %s: logs of a minute are asked for since %s", off, asked)
		}
	}
}
