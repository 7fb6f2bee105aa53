package drivertest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/envyhq/envy/provision/driver"
)

func eventTests() []test {
	return []test{
		{"told from now on", testEvents},
		{"since and until", testEventsBetween},
		{"of this checkout alone", testEventsOfOthers},
		{"end with ctx", testEventsCancelled},
	}
}

// hear gives the events that come, once nothing is missed any more. It ends with the test.
func (b *bench) hear(o driver.EventOptions) <-chan driver.BoxEvent {
	b.Helper()
	ctx, cancel := context.WithCancel(b.ctx)
	seen, begun, done := make(chan driver.BoxEvent, 1000), make(chan struct{}), make(chan error, 1)
	o.Listening = func() { close(begun) }
	go func() {
		done <- b.d.Events(ctx, b.id, o, func(e driver.BoxEvent) bool {
			seen <- e
			return true
		})
	}()
	b.Cleanup(func() {
		cancel()
		<-done
	})
	select {
	case <-begun:
	case err := <-done:
		done <- err
		b.Fatalf("events ended at once: %v", err)
	case <-time.After(patience):
		b.Fatal("events do not begin")
	}
	return seen
}

// next waits for an event with that action.
func (b *bench) next(seen <-chan driver.BoxEvent, action string) driver.BoxEvent {
	b.Helper()
	limit := time.After(patience)
	for {
		select {
		case e := <-seen:
			if e.Action == action {
				return e
			}
		case <-limit:
			b.Fatalf("no event %q", action)
		}
	}
}

func testEvents(b *bench) {
	seen := b.hear(driver.EventOptions{})
	id := b.create(b.newBox("web", command("exit 7")))
	if e := b.next(seen, "create"); e.ID != id || e.Name != b.project+"-web" || e.Owner.Box != "web" || e.Owner.Index != 1 || e.Time.IsZero() {
		b.Errorf("create: %+v", e)
	}
	b.start(id)
	b.next(seen, "start")
	if e := b.next(seen, "die"); e.ID != id || e.Code != 7 {
		b.Errorf("die: %+v", e)
	}
	other := b.up("db")
	b.must(b.d.RenameBox(b.ctx, other, b.project+"-db.new"))
	if e := b.next(seen, "rename"); e.ID != other || e.Name != b.project+"-db.new" || e.From != b.project+"-db" {
		b.Errorf("rename: %+v", e)
	}
	b.must(b.d.KillBox(b.ctx, other, "KILL"))
	if e := b.next(seen, "kill"); e.ID != other || e.Signal == "" {
		b.Errorf("kill: %+v", e)
	}
	b.must(b.d.RemoveBox(b.ctx, other))
	b.next(seen, "destroy")
}

func testEventsBetween(b *bench) {
	b.must(b.d.RemoveBox(b.ctx, b.create(b.newBox("web"))))
	tell := func(o driver.EventOptions) (actions []string) {
		b.Helper()
		b.must(b.d.Events(b.ctx, b.id, o, func(e driver.BoxEvent) bool {
			actions = append(actions, e.Action)
			return len(actions) < 10
		}))
		return actions
	}
	lately := driver.Moment{Ago: time.Hour}
	if got := tell(driver.EventOptions{Since: lately, Until: driver.Moment{At: time.Now().Add(time.Second)}}); !slices.Equal(got, []string{"create", "destroy"}) {
		b.Errorf("since an hour: %v", got)
	}
	if got := tell(driver.EventOptions{Since: lately, Until: driver.Moment{Ago: 30 * time.Minute}}); got != nil {
		b.Errorf("until half an hour ago: %v", got)
	}
	count := 0
	b.must(b.d.Events(b.ctx, b.id, driver.EventOptions{Since: lately}, func(driver.BoxEvent) bool {
		count++
		return false
	}))
	if count != 1 {
		b.Errorf("%d events after enough", count)
	}
}

func testEventsOfOthers(b *bench) {
	other := b.other()
	seen := b.hear(driver.EventOptions{})
	other.create(other.newBox("web"))
	mine := b.create(b.newBox("web"))
	if e := b.next(seen, "create"); e.ID != mine {
		b.Errorf("an event of another checkout: %+v", e)
	}
}

func testEventsCancelled(b *bench) {
	stop := errors.New("enough of it")
	ctx, cancel := context.WithCancelCause(b.ctx)
	var once sync.Once
	err := b.d.Events(ctx, b.id, driver.EventOptions{Listening: func() { once.Do(func() { cancel(stop) }) }}, func(driver.BoxEvent) bool { return true })
	if err == nil || driver.Is(err, driver.Unreachable) {
		b.Errorf("events that were cancelled: %v", err)
	}
}
