package docker

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/provision/event"
)

func TestClassicReport(t *testing.T) {
	rec := &event.Recorder{}
	r := newClassicReport(rec, "p", titles{})
	for _, s := range []string{
		"Step 1/3 : FROM x", "\n", " ---> abc\n", "Step 2/3 : RUN make", "\n", " ---> Running in 1\n",
		"one\ntw", "\x1b[91mwarning\n\x1b[0m", "o\n", "\x1b[91merr\x1b[0m", "Removing intermediate container 1\n",
	} {
		if err := r.take(message{Stream: s}); err != nil {
			t.Fatal(err)
		}
	}
	got := r.end(true)
	want := `p/step-1 start [1/3] FROM x
p/step-1 done
p/step-2 start [2/3] RUN make
p/step-2 output one
p/step-2 output warning
p/step-2 output two
p/step-2 output err
p/step-2 failed
`
	if diff := cmp.Diff(want, told(rec)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if got.step != "RUN make" || strings.Join(got.lines, "|") != "one|warning|two|err" || got.line("FROM x\n\nRUN make") != 3 {
		t.Errorf("failure %+v", got)
	}
}
