package docker

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
)

func TestLayerReport(t *testing.T) {
	rec := &event.Recorder{}
	l := layerReport{sink: rec, parent: "p", open: map[string]bool{}, seen: map[string]bool{}}
	stream := `{"status":"Pulling from library/x","id":"latest"}
{"status":"Already exists","id":"a"}
{"status":"Pulling fs layer","id":"b"}{"status":"Waiting","id":"b"}
{"status":"Downloading","id":"b","progressDetail":{"current":5,"total":9}}
{"status":"Extracting","id":"b","progressDetail":{"current":9,"total":9}}
{"status":"Pull complete","id":"b"}
{"status":"Downloading","id":"b","progressDetail":{"current":5,"total":9}}
{"status":"Downloading","id":"c","progressDetail":{"current":1}}
{"status":"Digest: sha256:00"}
{"errorDetail":{"message":"it broke"},"error":"it broke"}
`
	err := eachMessage(strings.NewReader(stream), l.take)
	var told1 *streamError
	if !errors.As(err, &told1) || told1.text != "it broke" {
		t.Errorf("error %v", err)
	}
	l.fail()
	want := `p/a start layer a
p/a done
p/b start layer b
p/b progress download
p/b progress extract
p/b done
p/c start layer c
p/c progress download
p/c failed
`
	if diff := cmp.Diff(want, told(rec)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if e := rec.Events()[3]; e.Current != 5 || e.Total != 9 || e.Unit != "bytes" || e.Parent != "p" {
		t.Errorf("progress %+v", e)
	}
}

func TestMessagesAreBounded(t *testing.T) {
	ignore := func(message) error { return nil }
	if err := eachMessage(strings.NewReader(`{"status":"`+strings.Repeat("x", maxMessage)+`"}`), ignore); err == nil {
		t.Error("a message over the limit is accepted")
	}
	n := 0
	many := strings.Repeat(`{"status":"`+strings.Repeat("x", 1<<20)+`"}`, 20)
	if err := eachMessage(strings.NewReader(many), func(message) error { n++; return nil }); err != nil || n != 20 {
		t.Errorf("the limit is over all messages: %d of 20, %v", n, err)
	}
	if err := eachMessage(strings.NewReader(`{"status":`), ignore); err == nil {
		t.Error("a stream that was cut is accepted")
	}
}

func TestRegistryKind(t *testing.T) {
	for text, want := range map[string]driver.Kind{
		"pull access denied for x, repository does not exist or may require 'docker login': denied": driver.Denied,
		"manifest for x:1 not found: manifest unknown: manifest unknown":                            driver.NotFound,
		"no matching manifest for linux/arm64 in the manifest list entries":                         driver.NotFound,
		"Get \"https://r.example/v2/\": dial tcp: lookup r.example: no such host":                   driver.NoRegistry,
		"Get \"https://r.example/v2/\": unauthorized: incorrect username":                           driver.Denied,
		"Get \"https://r.example/v2/\": net/http: request canceled (Client.Timeout exceeded)":       driver.NoRegistry,
		"write /var/lib: no space left on device":                                                   driver.Failed,
	} {
		if got := registryKind(text, driver.Failed); got != want {
			t.Errorf("%s: kind %d, want %d", text, got, want)
		}
	}
}
