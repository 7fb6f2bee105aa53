package cli_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/envyhq/envy/provision/driver/fake"
)

// status --watch draws each change once, and ends with the interrupt.
func TestStatusWatch(t *testing.T) {
	m := newMachine(t, oneBox)
	m.want(0, "", "up")
	byHand := func(words ...string) {
		t.Helper()
		if err := m.engine.(*fake.Engine).ByHand(words...); err != nil {
			t.Fatal(err)
		}
	}
	m.out.reset()
	code := make(chan int, 1)
	go func() { code <- m.run("", "status", "--watch") }()
	m.out.await(t, "running")
	byHand("pause", "shop-web")
	m.out.await(t, "paused")
	m.write("Envfile", strings.Replace(oneBox, "web", "api", 1))
	byHand("exit", "shop-web", "3") // of one that is paused nothing else is told
	m.out.await(t, "exited (3)")
	m.out.await(t, "not in the Envfile")
	m.out.await(t, "absent")
	m.write("Envfile", "box {")
	byHand("start", "shop-web")
	for deadline := time.Now().Add(20 * time.Second); strings.Count(m.out.String(), "running") < 2; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the start is not drawn:\n%s%s", m.out.String(), m.err.String())
		}
	}
	m.signals <- os.Interrupt
	if got := <-code; got != 130 {
		t.Errorf("exit code %d\n%s", got, m.err.String())
	}
	if got := strings.Count(m.out.String(), "BOX "); got > 5 {
		t.Errorf("drawn %d times, for three changes:\n%s", got, m.out.String())
	}
	m.want(3, "", "status", "--watch", "--size")
	m.want(3, "", "status", "--watch", "--all")
}
