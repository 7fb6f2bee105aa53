package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/envyhq/envy/boxes"
	"github.com/envyhq/envy/boxes/archive"
	"github.com/envyhq/envy/boxes/source"
	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/event"
)

// fetchWeb gives what stands before the image of an archive behind an address: from the user's cache where that has the locked
// one, else of the file, which is read to its end and must have the sum that was written.
func (s *session) fetchWeb(caller hostfs.Caller) func(context.Context, source.Archive, string) (*archive.Head, error) {
	return func(ctx context.Context, src source.Archive, locked string) (*archive.Head, error) {
		cache := headCache{caller}
		if locked != "" {
			if head := cache.get(locked); head != nil {
				return head, nil
			}
		}
		if s.offline {
			return nil, &config.DefinitionError{Class: diag.Failed, Summary: fmt.Sprintf("%s: %v", src.Address(), errOffline)}
		}
		id := "fetch-" + src.Address()
		s.sink().Send(event.Event{ID: id, Kind: event.Start, Subject: src.Address(), Text: "fetch"})
		head, text, err := s.wholeWeb(ctx, src, locked)
		if err != nil {
			s.sink().Send(event.Event{ID: id, Kind: event.Failed, Subject: src.Address(), Text: err.Error()})
			return nil, err
		}
		s.sink().Send(event.Event{ID: id, Kind: event.Done, Subject: src.Address(), Text: "fetch"})
		cache.put(head.Digest, text)
		return head, nil
	}
}

// wholeWeb reads and verifies the whole file, and gives its head, with the text of that.
func (s *session) wholeWeb(ctx context.Context, src source.Archive, locked string) (*archive.Head, []byte, error) {
	body, _, err := s.openWeb(ctx, src)
	if err != nil {
		return nil, nil, webProblem(src, err)
	}
	defer body.Close()
	record := &headRecorder{from: body}
	var text []byte
	head, err := archive.Load(ctx, record, io.Discard, archive.Expect{Manifest: locked, File: src.Checksum, Head: func(*archive.Head) error {
		record.over, text = true, bytes.Clone(record.kept.Bytes())
		return nil
	}})
	return head, text, webProblem(src, err)
}

func (s *session) openWeb(ctx context.Context, src source.Archive) (io.ReadCloser, int64, error) {
	client := fetchClient(nil)
	s.onClose(func() error { client.CloseIdleConnections(); return nil })
	return fetch(ctx, client, src, s.app.m.Version)
}

// webProblem says why an address gave no archive: another one than it should is refused, one that does not answer has failed.
func webProblem(src source.Archive, err error) error {
	var other *archive.MismatchError
	var wrong *archive.Error
	switch {
	case err == nil || isInterrupted(err):
		return err
	case errors.As(err, &other):
		return &config.DefinitionError{
			Class: diag.Refused, Summary: fmt.Sprintf("%s is another archive than it should be", src.Address()), Detail: other.Error(),
			Hint: "ask who keeps it; write the checksum of the new one where that is right",
		}
	case errors.As(err, &wrong):
		return &config.DefinitionError{Summary: fmt.Sprintf("the archive %s cannot be used", src.Address()), Detail: wrong.Text, Hint: wrong.Hint}
	}
	return &config.DefinitionError{Class: diag.Failed, Summary: err.Error()}
}

// web gives the engine the image of an archive behind an address, which must be the one that the definition was read from.
func (n namedArchives) web(ctx context.Context, found boxes.Archive, progress func(current, total int64)) error {
	body, size, err := n.openWeb(ctx, found.Web)
	if err != nil {
		return err
	}
	_, err = provision.LoadArchive(ctx, n.engine, body, archive.Expect{Manifest: found.Digest, File: found.Web.Checksum}, func(done int64) { progress(done, max(size, 0)) })
	return errors.Join(wrongArchive(found.From, err), body.Close())
}
