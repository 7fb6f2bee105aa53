package bootstrap

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Doer sends requests; an [http.Client] is one.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Store keeps what was fetched, by its SHA-256 in hex. What it gives is checked before it is used.
type Store interface {
	// Read gives a whole object of at most size bytes. [fs.ErrNotExist]: it is not there.
	Read(sum string, size int64) ([]byte, error)
	// Partial opens what has come of an object so far, for this caller alone until it is closed; it waits for another one.
	Partial(ctx context.Context, sum string) (Partial, error)
}

// Partial is an object on its way: reading gives what came before, from its first byte on, writing adds to its end.
type Partial interface {
	io.Reader
	io.Writer
	Reset() error  // begins again with nothing
	Commit() error // makes it the object
	Close() error  // keeps what has come, unless it was committed
}

// Limits of talking with a mirror.
const (
	attempts       = 3
	connectTimeout = 30 * time.Second
	answerTimeout  = time.Minute
	maxRedirects   = 5
)

// NewClient makes a client for mirrors. A redirect may lead from http to https, never back; credentials go to no other
// host. proxy says which proxy an address needs.
func NewClient(proxy func(*url.URL) (*url.URL, error)) *http.Client {
	transport := &http.Transport{
		Proxy:                 func(r *http.Request) (*url.URL, error) { return proxy(r.URL) },
		DialContext:           (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSHandshakeTimeout:   connectTimeout,
		ResponseHeaderTimeout: answerTimeout,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   parallel,
	}
	return &http.Client{Transport: transport, CheckRedirect: checkRedirect}
}

func checkRedirect(r *http.Request, via []*http.Request) error {
	before := via[len(via)-1].URL
	switch {
	case len(via) > maxRedirects:
		return errors.New("too many redirects")
	case r.URL.Scheme != "https" && (r.URL.Scheme != "http" || before.Scheme != "http"):
		return fmt.Errorf("redirected from %s to %s", before.Scheme, r.URL.Scheme)
	case r.URL.User != nil:
		return errors.New("redirected to an address with credentials")
	}
	return nil
}

// fetcher gets files of one mirror.
type fetcher struct {
	client Doer
	store  Store
	agent  string
	stall  time.Duration // without a byte
	pause  time.Duration // before another attempt
}

// statusError is an answer that is no success.
type statusError struct{ code int }

func (e *statusError) Error() string { return fmt.Sprintf("status %d", e.code) }

func isMissing(err error) bool {
	var s *statusError
	return errors.As(err, &s) && (s.code == http.StatusNotFound || s.code == http.StatusGone)
}

// lasting reports an error that another attempt would meet again.
func lasting(err error) bool {
	var s *statusError
	return errors.As(err, &s) && s.code < 500 && s.code != http.StatusTooManyRequests && s.code != http.StatusRequestTimeout
}

// small gets a file whole, at most limit bytes of it.
func (f *fetcher) small(ctx context.Context, u *url.URL, limit int64) ([]byte, error) {
	var data []byte
	err := f.retry(ctx, func() error {
		body, err := f.ask(ctx, u, 0)
		if err != nil {
			return err
		}
		data, err = io.ReadAll(&limited{r: body, left: limit})
		return errors.Join(err, body.Close())
	})
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", u.Redacted(), plain(err))
	}
	return data, nil
}

// object sees to it that an object is in the store, whole and right, and gives it. came hears of bytes: those that are
// there already count. An attempt goes on where the last one ended.
func (f *fetcher) object(ctx context.Context, u *url.URL, what string, e entry, came func(int64)) ([]byte, error) {
	if data, ok := f.stored(e); ok {
		came(e.size)
		return data, nil
	}
	part, err := f.store.Partial(ctx, e.sha256)
	if err != nil {
		return nil, err
	}
	data, err := f.complete(ctx, u, what, e, part, came)
	return data, errors.Join(err, part.Close())
}

// stored gives an object of the store, if it is what it should be.
func (f *fetcher) stored(e entry) ([]byte, bool) {
	data, err := f.store.Read(e.sha256, e.size)
	if err != nil || int64(len(data)) != e.size {
		return nil, false // fetched anew; another error than a missing file shows again there
	}
	sum := sha256.Sum256(data)
	return data, hex.EncodeToString(sum[:]) == e.sha256
}

func (f *fetcher) complete(ctx context.Context, u *url.URL, what string, e entry, part Partial, came func(int64)) ([]byte, error) {
	if data, ok := f.stored(e); ok { // by whom we waited for
		came(e.size)
		return data, nil
	}
	d := &download{fetcher: f, url: u, entry: e, part: part, came: came, hash: sha256.New()}
	n, err := io.Copy(d.hash, &limited{r: part, left: e.size})
	if err != nil && !errors.Is(err, errTooLarge) {
		return nil, err
	}
	if d.have = n; err != nil {
		d.have = e.size + 1
	}
	resumed := d.have > 0
	came(min(d.have, e.size))
	if err := f.retry(ctx, func() error { return d.attempt(ctx) }); err != nil {
		return nil, fmt.Errorf("fetch %s from %s: %w", what, u.Redacted(), plain(err))
	}
	if !d.right() && resumed { // what was there before was of something else
		if err := d.reset(); err != nil {
			return nil, err
		}
		if err := f.retry(ctx, func() error { return d.attempt(ctx) }); err != nil {
			return nil, fmt.Errorf("fetch %s from %s: %w", what, u.Redacted(), plain(err))
		}
	}
	if !d.right() {
		return nil, errors.Join(&UnverifiedError{
			Object: what, Reason: "what the mirror sends is not what its signed index names (SHA-256)",
			Hint: "the mirror may be half way through an update; else it is not to be trusted",
		}, d.reset())
	}
	if err := part.Commit(); err != nil {
		return nil, err
	}
	data, ok := f.stored(e)
	if !ok {
		return nil, fmt.Errorf("%s is not in the cache, where it was just written", what)
	}
	return data, nil
}

// download is one object that comes in.
type download struct {
	*fetcher
	url   *url.URL
	entry entry
	part  Partial
	came  func(int64)
	have  int64
	hash  hash.Hash
}

func (d *download) right() bool {
	return d.have == d.entry.size && hex.EncodeToString(d.hash.Sum(nil)) == d.entry.sha256
}

func (d *download) reset() error {
	d.came(-min(d.have, d.entry.size))
	d.have = 0
	d.hash.Reset()
	return d.part.Reset()
}

// attempt asks for what is missing. It succeeds when as many bytes as there should be have come, right or not.
func (d *download) attempt(ctx context.Context) error {
	if d.have > d.entry.size {
		if err := d.reset(); err != nil {
			return err
		}
	}
	if d.have == d.entry.size {
		return nil
	}
	body, err := d.ask(ctx, d.url, d.have)
	if err != nil {
		return err
	}
	defer body.Close()
	if d.have > 0 && !body.continues {
		if err := d.reset(); err != nil {
			return err
		}
	}
	return d.take(body)
}

// take reads until the object is whole.
func (d *download) take(body io.Reader) error {
	buffer := make([]byte, 128<<10)
	for {
		n, err := body.Read(buffer)
		if over := d.have + int64(n) - d.entry.size; over > 0 {
			n -= int(over)
			err = nil // more than was announced is not wanted: what there is decides
		}
		if _, werr := d.part.Write(buffer[:n]); werr != nil {
			return werr
		}
		d.hash.Write(buffer[:n])
		d.have += int64(n)
		d.came(int64(n))
		switch {
		case d.have == d.entry.size:
			return nil
		case errors.Is(err, io.EOF):
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		}
	}
}

// continues reports an answer that goes on at that byte.
func continues(answer *http.Response, at int64) bool {
	return answer.StatusCode == http.StatusPartialContent &&
		strings.HasPrefix(answer.Header.Get("Content-Range"), "bytes "+strconv.FormatInt(at, 10)+"-")
}

// ask sends one request, from byte at on. The body ends with ctx, and when nothing of it comes for too long.
func (f *fetcher) ask(ctx context.Context, u *url.URL, at int64) (*watched, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	r.Header.Set("User-Agent", f.agent)
	r.Header.Set("Accept-Encoding", "identity") // bytes as they are in the archive
	if at > 0 {
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-", at))
	}
	w := &watched{ctx: ctx, cancel: cancel, timer: time.AfterFunc(f.stall, func() { cancel(errStalled) }), limit: f.stall}
	answer, err := f.client.Do(r) //nolint:bodyclose // it goes into w, whose Close closes it
	if err != nil {
		err = causeOf(ctx, err)
		return nil, errors.Join(err, w.Close())
	}
	w.body, w.continues = answer.Body, continues(answer, at)
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusPartialContent {
		return nil, errors.Join(&statusError{answer.StatusCode}, w.Close())
	}
	return w, nil
}

var errStalled = errors.New("the mirror sends nothing any more")

// causeOf prefers why a request was given up to what the library makes of it.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// watched is a body whose bytes push the end for a stalled one away.
type watched struct {
	body      io.ReadCloser
	continues bool            // it begins where it was asked to
	ctx       context.Context //nolint:containedctx // of the request that the body answers
	cancel    context.CancelCauseFunc
	timer     *time.Timer
	limit     time.Duration
}

// Read implements io.Reader.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.body.Read(p)
	if n > 0 {
		w.timer.Reset(w.limit)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = causeOf(w.ctx, err)
	}
	return n, err
}

// Close implements io.Closer.
func (w *watched) Close() error {
	w.timer.Stop()
	w.cancel(nil)
	if w.body == nil {
		return nil
	}
	return w.body.Close()
}

// retry does something up to three times, while another time may help.
func (f *fetcher) retry(ctx context.Context, do func() error) error {
	for n := 1; ; n++ {
		err := do()
		if err == nil || n == attempts || ctx.Err() != nil || lasting(err) || !transient(err) {
			return err
		}
		timer := time.NewTimer(f.pause * time.Duration(n))
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
}

// transient reports a failure of the network or the mirror, rather than of this machine or of what was asked.
func transient(err error) bool {
	var local *fs.PathError
	return !errors.As(err, &local) && !errors.Is(err, errTooLarge)
}

// plain takes the library's own repetition of the address off, credentials with it.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
