package term

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// Size is a terminal's size in characters.
type Size struct {
	Columns, Rows int
}

func sizeOf(f *os.File) (Size, bool) {
	columns, rows, err := term.GetSize(int(f.Fd()))
	return Size{Columns: columns, Rows: rows}, err == nil && columns > 0 && rows > 0
}

// Size is the size of the first of Out, In and Err that is a terminal; false when none is.
func (s *Streams) Size() (Size, bool) {
	for _, f := range []*os.File{s.Out.file, s.In.file, s.Err.file} {
		if f == nil {
			continue
		}
		if size, ok := sizeOf(f); ok {
			return size, true
		}
	}
	return Size{}, false
}

// Resizes tells of every change of the terminal's size. A reader that is slow gets the last one only. Call stop to
// end it; the channel is closed then.
func (s *Streams) Resizes() (sizes <-chan Size, stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGWINCH)
	out := make(chan Size, 1)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		defer close(out)
		for {
			select {
			case <-done:
				return
			case <-signals:
			}
			size, ok := s.Size()
			if !ok {
				continue
			}
			select { // what was not read yet is out of date
			case <-out:
			default:
			}
			out <- size
		}
	}()
	return out, func() {
		signal.Stop(signals)
		close(done)
		<-ended
	}
}
