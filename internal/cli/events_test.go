package cli_test

import (
	"os"
	"testing"

	"github.com/envyhq/envy/provision/driver/fake"
)

// Events are told as they happen, until Ctrl-C, which is no failure to be told of.
func TestEventsFollow(t *testing.T) {
	m := newMachine(t, oneBox)
	m.want(0, "", "up")
	code := make(chan int, 1)
	go func() { code <- m.run("", "events", "--since", "1h") }()
	m.out.await(t, "web  started")
	if err := m.engine.(*fake.Engine).ByHand("pause", "shop-web"); err != nil {
		t.Fatal(err)
	}
	m.out.await(t, "web  suspended")
	m.signals <- os.Interrupt
	if got := <-code; got != 130 {
		t.Errorf("exit code %d", got)
	}
	if said := m.err.String(); said != "" {
		t.Errorf("said: %s", said)
	}
}
