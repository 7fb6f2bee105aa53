package cli

import (
	"context"
	"os"
	"sync"
	"syscall"
)

// interrupts decides what a signal does: it ends the work, or is passed on to a command that runs in a box.
type interrupts struct {
	mu      sync.Mutex
	forward chan string // nil: signals are envy's own
	before  func()      // what must be done before leaving at once: a terminal in raw mode is given back
}

// watch cancels the context at the first interrupt and leaves at once at the second. A signal that is passed on does
// neither, but the third one ends what does not hear.
func (a *app) watch(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		own, passed := 0, 0
		for {
			select {
			case <-done:
				return
			case sig := <-a.m.Signals:
				if passed < 3 && a.signals.pass(sig) {
					passed++
					continue
				}
				if own++; own > 1 {
					a.signals.leaving()
					a.m.Leave(exitInterrupted)
					return
				}
				cancel(errInterrupted)
			}
		}
	}()
	return ctx, func() {
		close(done)
		<-ended
		cancel(nil)
	}
}

// pass hands a signal to the command that runs, if there is one.
func (i *interrupts) pass(sig os.Signal) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	name, ok := signalNames[sig]
	if i.forward == nil || !ok {
		return false
	}
	select {
	case i.forward <- name:
	default: // it has enough of them
	}
	return true
}

// passOn makes signals go to a command until stop is called.
func (i *interrupts) passOn(to chan string) (stop func() error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.forward = to
	return func() error {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.forward = nil
		return nil
	}
}

// beforeLeaving sets what leaving at once must not leave undone; nil for nothing.
func (i *interrupts) beforeLeaving(f func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.before = f
}

func (i *interrupts) leaving() {
	i.mu.Lock()
	f := i.before
	i.mu.Unlock()
	if f != nil {
		f()
	}
}

var signalNames = map[os.Signal]string{
	syscall.SIGINT: "INT", syscall.SIGTERM: "TERM", syscall.SIGHUP: "HUP",
}
