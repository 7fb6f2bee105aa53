package docker

import (
	"strings"
	"testing"

	"github.com/envyhq/envy/provision/event"
)

// The words of engines, which their API says nothing about: 20.10, and 28.5 with the containerd store.
func TestPushReport(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0f", 32)
	for name, tt := range map[string]struct{ stream, want string }{
		"classic": {`{"status":"The push refers to repository [r.example/x]"}
{"status":"Preparing","progressDetail":{},"id":"a"}{"status":"Pushing","progressDetail":{"current":512,"total":1024},"id":"a"}
{"status":"Pushed","progressDetail":{},"id":"a"}{"status":"Layer already exists","progressDetail":{},"id":"b"}
{"status":"1: digest: ` + digest + ` size: 527"}{"progressDetail":{},"aux":{"Tag":"1","Digest":"` + digest + `","Size":527}}`, digest},
		"containerd": {`{"status":"Preparing","id":"a"}{"status":"Mounted from x","id":"a"}{"status":"1: digest: ` + digest + ` size: 527"}`, digest},
		"nothing":    {`{"status":"Pushed","id":"a"}{"aux":7}`, ""},
	} {
		rec := &event.Recorder{}
		r := pushReport{layerReport: layerReport{sink: rec, parent: "p", open: map[string]bool{}, seen: map[string]bool{}}}
		if err := eachMessage(strings.NewReader(tt.stream), r.take); err != nil {
			t.Fatal(err)
		}
		if r.digest != tt.want || len(r.open) > 0 {
			t.Errorf("%s: digest %q, open %v", name, r.digest, r.open)
		}
		checkTasks(t, rec)
	}
}
