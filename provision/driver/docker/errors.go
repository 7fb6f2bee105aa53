package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"github.com/envyhq/envy/provision/driver"
)

// classify turns whatever a call returned into a driver.Error; nil stays nil. It is the only place that reads an
// engine's status codes and texts. A context that ended stays visible to errors.Is.
func (e *Engine) classify(err error, op, object string) error {
	if err == nil {
		return nil
	}
	var known *driver.Error
	if errors.As(err, &known) {
		return err
	}
	text := shortened(strings.TrimPrefix(err.Error(), "Error response from daemon: "))
	out := &driver.Error{Kind: kindOf(err, text), Op: op, Object: object, Text: text, Err: err}
	switch out.Kind {
	case driver.Unreachable:
		out.Text = e.reason(err)
	case driver.NoSpace:
		out.Text = fullText + text
	}
	return out
}

// shortened is what of an engine's words, or of a proxy's page, is of use to anybody.
func shortened(text string) string {
	const most = 1000
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// fullText goes before the engine's words, which name a file of the engine's machine.
const fullText = "the engine's disk is full: "

// saysFull reports words about a disk without room. The kernel has the same ones for watches and groups of which there are
// too many.
func saysFull(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "no space left on device") && !strings.Contains(text, "notify") && !strings.Contains(text, "cgroup")
}

// kindOf tells by text first where an engine gives different conditions one status.
func kindOf(err error, text string) driver.Kind {
	lower := strings.ToLower(text)
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(lower, p) {
				return true
			}
		}
		return false
	}
	status := 0
	var refused *statusError
	if errors.As(err, &refused) {
		status = refused.code
	}
	switch {
	case errors.Is(err, context.Canceled):
		return driver.Failed
	case client.IsErrConnectionFailed(err), isDial(err), isBrokenOff(err), isUnanswered(err):
		return driver.Unreachable
	case errors.Is(err, context.DeadlineExceeded):
		return driver.Failed
	case saysFull(text):
		return driver.NoSpace
	case has("port is already allocated", "address already in use", "ports are not available"):
		return driver.PortTaken
	case has("is not running", "is paused", "container stopped/paused", "is restarting, wait", "received 409"):
		return driver.NotRunning
	case status == http.StatusNotFound, cerrdefs.IsNotFound(err),
		has("no such container", "no such network", "no such image", "marked for removal", "is unexpectedly nil"): // the last: its layer went first
		return driver.NotFound
	case cerrdefs.IsConflict(err), cerrdefs.IsAlreadyExists(err), has(" is ambiguous ("): // of two networks of a name
		return driver.Conflict
	case cerrdefs.IsPermissionDenied(err), cerrdefs.IsUnauthorized(err):
		return driver.Denied
	case status == http.StatusBadRequest, cerrdefs.IsInvalidArgument(err):
		return driver.Invalid
	case cerrdefs.IsNotImplemented(err):
		return driver.Unsupported
	}
	return driver.Failed
}

// isDial reports an error from before a connection stood.
func isDial(err error) bool {
	var dial *net.OpError
	return errors.As(err, &dial) && dial.Op == "dial"
}

// isBrokenOff reports a connection that ended before an answer began, or in the middle of a stream.
func isBrokenOff(err error) bool {
	var request *url.Error
	var stream *brokenStreamError
	return errors.As(err, &stream) || errors.As(err, &request) &&
		(errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE))
}

// isUnanswered reports a call that the engine took and did not answer in time.
func isUnanswered(err error) bool {
	var silent *unansweredError
	return errors.As(err, &silent)
}

// brokenStreamError is a stream that ended with its connection rather than by itself.
type brokenStreamError struct{ err error }

func (b *brokenStreamError) Error() string { return "the stream broke off: " + b.err.Error() }

func (b *brokenStreamError) Unwrap() error { return b.err }

// streamEnd tells the end of a stream's connection from other errors of reading it.
func streamEnd(err error) error {
	var connection *net.OpError
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &connection) {
		return &brokenStreamError{err}
	}
	return err
}

// reason says which engine does not answer, why, and what to do about it where that is known.
func (e *Engine) reason(err error) string {
	var silent *unansweredError
	if errors.As(err, &silent) {
		return fmt.Sprintf("the engine at %s did not answer within %s", e.endpoint, roughly(silent.after))
	}
	if dialed := e.dialError.Load(); dialed != nil && !isDial(err) {
		err = *dialed
	}
	why := err.Error()
	switch {
	case errors.Is(err, fs.ErrPermission):
		why = "permission denied; is this user in the group that owns the socket?"
	case errors.Is(err, fs.ErrNotExist):
		why = "there is no such socket; is it running?"
	case errors.Is(err, syscall.ECONNREFUSED):
		why = "connection refused; is it running?"
	case isBrokenOff(err):
		why = "the connection broke off; did it stop?"
	}
	return fmt.Sprintf("cannot reach the engine at %s: %s", e.endpoint, why)
}
