package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/resource"
)

func TestBuildOptionsReachBothBuilders(t *testing.T) {
	e := openImages(t)
	for name, kit := range builders(t, e) {
		t.Run(name, func(t *testing.T) {
			tag := imageTag(t, e, "options")
			b := driver.Build{
				Tag: tag, Dockerfile: "sub/File", Target: "wanted", Args: map[string]string{"WORD": "it's $HOME"},
				Labels: map[string]string{"io.envy.recipe": `{"v":1}`},
				Context: contextOf(map[string]string{
					"sub/File": "FROM " + testImage + " AS wanted\nLABEL envyimg=1\nARG WORD\nRUN echo \"$WORD\" >/word\nCOPY a /a\nFROM wanted\nRUN touch /beyond\n",
					"a":        "content",
				}),
			}
			rec := &event.Recorder{}
			if err := e.build(t.Context(), b, kit, rec, "image.x"); err != nil {
				t.Fatal(err)
			}
			built := imageFiles(t, e, tag)
			if got := built["word"].text; got != "it's $HOME\n" {
				t.Errorf("the argument arrived as %q", got)
			}
			if got := built["a"].text; got != "content" {
				t.Errorf("the context arrived as %q", got)
			}
			if _, ok := built["beyond"]; ok {
				t.Error("more than the target was built")
			}
			fact, err := e.Image(t.Context(), tag, "")
			if err != nil || fact.Recipe != `{"v":1}` {
				t.Errorf("label %q, %v", fact.Recipe, err)
			}
			checkTasks(t, rec)
		})
	}
}

func TestWhichEnginesHaveBuildKit(t *testing.T) {
	for _, tt := range []struct {
		engine resource.Engine
		want   bool
	}{
		{resource.Engine{APIVersion: "1.41", OS: "linux"}, true}, // 20.10 says nothing unless it is the default
		{resource.Engine{APIVersion: "1.51", OS: "linux", BuildKit: true}, true},
		{resource.Engine{APIVersion: "1.40", OS: "linux"}, false},
		{resource.Engine{APIVersion: "1.51", OS: "windows"}, false},
	} {
		if got := hasBuildKit(tt.engine); got != tt.want {
			t.Errorf("%+v: %t", tt.engine, got)
		}
	}
}

// checkTasks makes sure that each task begins once, ends once, and says nothing before and after.
func checkTasks(t *testing.T, rec *event.Recorder) {
	t.Helper()
	state := map[string]event.Kind{}
	for _, e := range rec.Events() {
		was, seen := state[e.ID]
		switch {
		case e.Parent == "" || e.ID == e.Parent:
			t.Errorf("event outside its parent: %+v", e)
		case (e.Kind == event.Start) == seen, seen && (was == event.Done || was == event.Failed):
			t.Errorf("%s after %q: %+v", e.Kind, was, e)
		}
		state[e.ID] = e.Kind
	}
	for id, last := range state {
		if last != event.Done && last != event.Failed {
			t.Errorf("task %s never ends", id)
		}
	}
	if len(state) == 0 {
		t.Error("no task at all")
	}
}

func TestFailedBuildNamesItsStep(t *testing.T) {
	e := openImages(t)
	for name, kit := range builders(t, e) {
		t.Run(name, func(t *testing.T) {
			rec := &event.Recorder{}
			err := e.build(t.Context(), driver.Build{Tag: "envyimg-failed:1", Context: contextOf(map[string]string{
				"Dockerfile": from + "\n# comment\nRUN true\nRUN for i in $(seq 30); do echo line $i; done; \\\n  echo why; exit 7\nRUN true\n",
			})}, kit, rec, "image.x")
			var failed *driver.BuildError
			if !errors.As(err, &failed) {
				t.Fatalf("%v is no BuildError", err)
			}
			if failed.Line != 6 || !strings.HasPrefix(failed.Step, "RUN for i") {
				t.Errorf("line %d, step %q", failed.Line, failed.Step)
			}
			if n := len(failed.Lines); n != keptLines || failed.Lines[n-1] != "why" || failed.Lines[n-2] != "line 30" {
				t.Errorf("last lines %q", failed.Lines)
			}
			if !driver.Is(err, driver.Failed) || !strings.Contains(err.Error(), "7") {
				t.Errorf("error %v", err)
			}
			checkTasks(t, rec)
		})
	}
}

// What fails before anything runs has its line too.
func TestDockerfilesThatCannotWork(t *testing.T) {
	e := openImages(t)
	for name, kit := range builders(t, e) {
		for text, line := range map[string]int{
			from + "RUN true\nCOPY absent /x\n": 4,
			from + "\nNONSENSE here\n":          4,
		} {
			err := e.build(t.Context(), driver.Build{
				Tag: "envyimg-failed:1", Context: contextOf(map[string]string{"Dockerfile": text}),
			}, kit, event.Discard{}, "image.x")
			var failed *driver.BuildError
			if !errors.As(err, &failed) || failed.Line != line || driver.Is(err, driver.NotFound) {
				t.Errorf("%s: %q: %v, %+v, want line %d", name, text, err, failed, line)
			}
		}
	}
}

func TestMissingBase(t *testing.T) {
	e := openImages(t)
	for name, kit := range builders(t, e) {
		t.Run(name, func(t *testing.T) {
			err := e.build(t.Context(), driver.Build{Tag: "envyimg-failed:1", Context: contextOf(map[string]string{
				"Dockerfile": "FROM 127.0.0.1:1/no-such:1\nRUN true\n",
			})}, kit, event.Discard{}, "image.x")
			if !driver.Is(err, driver.NoRegistry) {
				t.Errorf("error %v: an unreachable registry is wanted", err)
			}
			var failed *driver.BuildError
			if !errors.As(err, &failed) {
				t.Errorf("%v is no BuildError", err)
			}
		})
	}
}

func TestContextThatCannotBeRead(t *testing.T) {
	e := openImages(t)
	broken := errors.New("the disk is gone")
	err := e.Build(t.Context(), driver.Build{Tag: "envyimg-failed:1", Context: func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(strings.NewReader(strings.Repeat("x", 1000)), failing{broken})), nil
	}}, event.Discard{}, "image.x")
	if !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// waitFor polls until ok says yes.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestCancelEndsTheBuild(t *testing.T) {
	e := openImages(t)
	for name, kit := range builders(t, e) {
		t.Run(name, func(t *testing.T) {
			stop := errors.New("enough")
			ctx, cancel := context.WithCancelCause(t.Context())
			rec := &event.Recorder{}
			done := make(chan error, 1)
			mark := randomHex(8)
			go func() {
				done <- e.build(ctx, driver.Build{Tag: "envyimg-cancelled:1", Context: contextOf(map[string]string{
					"Dockerfile": from + "RUN echo " + mark + "; sleep 1000\n",
				})}, kit, rec, "image.x")
			}()
			printed := func() bool {
				return slices.ContainsFunc(rec.Events(), func(e event.Event) bool { return e.Kind == event.Output && e.Text == mark })
			}
			waitFor(t, "the step's output", printed)
			cancel(stop)
			if err := <-done; !errors.Is(err, stop) {
				t.Errorf("error %v, want the cause", err)
			}
			checkTasks(t, rec)
			if kit {
				return // its containers are in no list
			}
			waitFor(t, "the step's container to be gone", func() bool {
				list, err := e.api.ContainerList(t.Context(), container.ListOptions{Filters: filters.NewArgs(filters.Arg("status", "running"))})
				if err != nil {
					t.Fatal(err)
				}
				return !slices.ContainsFunc(list, func(c container.Summary) bool { return strings.Contains(c.Command, mark) })
			})
		})
	}
}

func TestNoCacheRunsAgain(t *testing.T) {
	e := openImages(t)
	for name, kit := range builders(t, e) {
		t.Run(name, func(t *testing.T) {
			tag := imageTag(t, e, "cache")
			b := driver.Build{Tag: tag, Context: contextOf(map[string]string{
				"Dockerfile": from + "RUN cat /proc/sys/kernel/random/uuid >/id\n",
			})}
			build := func(noCache bool) string {
				b.NoCache = noCache
				if err := e.build(t.Context(), b, kit, event.Discard{}, "image.x"); err != nil {
					t.Fatal(err)
				}
				return imageFiles(t, e, tag)["id"].text
			}
			first := build(false)
			if again := build(false); again != first {
				t.Error("the cache was not used")
			}
			if anew := build(true); anew == first {
				t.Error("the cache was used")
			}
		})
	}
}

func TestParallelBuilds(t *testing.T) {
	e := openImages(t)
	var group errgroup.Group
	tags := make([]string, 4)
	for i := range tags {
		tags[i] = imageTag(t, e, fmt.Sprint("parallel-", i))
		group.Go(func() error {
			return e.Build(t.Context(), driver.Build{Tag: tags[i], Context: contextOf(map[string]string{
				"Dockerfile": fmt.Sprintf("%sRUN echo %d >/which\n", from, i),
			})}, event.Discard{}, "image.x")
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for i, tag := range tags {
		if got := imageFiles(t, e, tag)["which"].text; got != fmt.Sprintln(i) {
			t.Errorf("image %d holds %q", i, got)
		}
	}
}

// A Dockerfile's cache mounts are a checkout's own when its namespace goes along (§9, Package step).
func TestCacheNamespace(t *testing.T) {
	e := openImages(t)
	if _, ok := builders(t, e)["buildkit"]; !ok {
		t.Skip("this engine has no BuildKit")
	}
	id := "envyimg-" + randomHex(6)
	build := func(namespace, name string) string {
		tag := imageTag(t, e, name)
		err := e.Build(t.Context(), driver.Build{
			Tag: tag, Args: map[string]string{"BUILDKIT_CACHE_MOUNT_NS": namespace},
			Context: contextOf(map[string]string{"Dockerfile": from + "# " + name +
				"\nRUN --mount=type=cache,id=" + id + ",target=/c echo " + name + " >>/c/log; cp /c/log /log\n"}),
		}, event.Discard{}, "image.x")
		if err != nil {
			t.Fatal(err)
		}
		return imageFiles(t, e, tag)["log"].text
	}
	got := []string{build("one", "a"), build("two", "b"), build("one", "c")}
	if diff := cmp.Diff([]string{"a\n", "b\n", "a\nc\n"}, got); diff != "" {
		t.Errorf("what the mounts held (-want +got):\n%s", diff)
	}
}
