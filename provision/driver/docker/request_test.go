package docker

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// answers is an engine that says what it is told to, and remembers what it was asked.
type answers struct {
	api   string
	texts map[string]string // by the path's end

	mu    sync.Mutex
	asked []string
}

func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.asked = append(a.asked, r.Method+" "+r.URL.Path)
	a.mu.Unlock()
	w.Header().Set("Api-Version", a.api)
	w.Header().Set("Server", "Docker/29.1.2-ce (linux)")
	w.Header().Set("Ostype", "linux")
	w.Header().Set("Builder-Version", "2")
	for end, text := range a.texts {
		if strings.HasSuffix(r.URL.Path, end) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, text)
			return
		}
	}
	if r.URL.Path != "/_ping" {
		http.Error(w, `{"message":"not told what to say"}`, http.StatusNotFound)
	}
}

func (a *answers) calls() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := slices.Clone(a.asked)
	slices.Sort(all)
	return all
}

func openAnswers(t *testing.T, a *answers, change ...func(*Options)) *Engine {
	t.Helper()
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	o := Options{Host: "tcp://" + server.Listener.Addr().String()}
	for _, f := range change {
		f(&o)
	}
	e, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func TestObserveAsksOnceInTheBestVersion(t *testing.T) {
	for api, version := range map[string]string{"1.41": "1.41", "1.52": "1.52", "1.60": "1.52"} {
		a := &answers{api: api, texts: map[string]string{
			"/containers/json": `[{"Id":"x","Names":["/shop-web"],"State":"running","Status":"Up 1 second (Paused)","Health":{"Status":"unhealthy"},
				"Labels":{"io.envy.checkout":"c1","io.envy.user":"1000","io.envy.box":"web","io.envy.index":"1"}}]`,
			"/networks": `[]`, "/volumes": `{"Volumes":null,"Warnings":null}`,
		}}
		e := openAnswers(t, a)
		var seen resource.Observed
		for range 2 {
			var err error
			if seen, err = e.Observe(t.Context(), checkout); err != nil {
				t.Fatal(err)
			}
		}
		lists := []string{"GET /v" + version + "/containers/json", "GET /v" + version + "/networks", "GET /v" + version + "/volumes"}
		want := append([]string{"GET /_ping"}, append(slices.Clone(lists), lists...)...)
		slices.Sort(want)
		if diff := cmp.Diff(want, a.calls()); diff != "" {
			t.Error(diff)
		}
		about := resource.Engine{Version: "29.1.2-ce", APIVersion: api, OS: "linux", BuildKit: true, Endpoint: e.endpoint}
		if diff := cmp.Diff(about, seen.Engine); diff != "" {
			t.Error(diff)
		}
		if len(seen.Boxes) != 1 || seen.Boxes[0].Health != resource.HealthUnhealthy {
			t.Errorf("health of a list in %s is lost: %+v", version, seen.Boxes)
		}
	}
}

func TestRefusalsAreErrors(t *testing.T) {
	e := openAnswers(t, &answers{api: "1.41", texts: map[string]string{"/networks": `[]`, "/volumes": `{}`}})
	_, err := e.Observe(t.Context(), checkout)
	if !driver.Is(err, driver.NotFound) || !strings.Contains(err.Error(), "not told what to say") {
		t.Errorf("error %v", err)
	}
	broken := openAnswers(t, &answers{api: "1.41", texts: map[string]string{"/networks": `[`, "/volumes": `{}`, "/containers/json": `[]`}})
	if _, err := broken.Observe(t.Context(), checkout); !driver.Is(err, driver.Failed) {
		t.Errorf("half an answer: %v", err)
	}
}

// What does not make a box never asks for /info, and what does asks once.
func TestInfoIsAskedOnce(t *testing.T) {
	a := &answers{api: "1.41", texts: map[string]string{
		"/info": `{"NCPU": 3, "Architecture": "aarch64", "SecurityOptions": ["name=seccomp,profile=default", "name=rootless"]}`,
	}}
	e := openAnswers(t, a)
	for range 2 {
		about, err := e.about(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(engineInfo{cpus: 3, arch: "arm64", rootless: true}, about, cmp.AllowUnexported(engineInfo{})); diff != "" {
			t.Error(diff)
		}
	}
	infos := slices.DeleteFunc(a.calls(), func(c string) bool { return !strings.HasSuffix(c, "/info") })
	if len(infos) != 1 {
		t.Errorf("asked %v", infos)
	}
}

func TestServerVersion(t *testing.T) {
	for header, want := range map[string]string{
		"Docker/20.10.24+dfsg1 (linux)": "20.10.24+dfsg1", "Libpod/5.2.0 (linux)": "5.2.0", "": "", "nginx": "",
	} {
		if got := serverVersion(header); got != want {
			t.Errorf("%q: %q, want %q", header, got, want)
		}
	}
}
