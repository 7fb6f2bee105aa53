package docker

import (
	"context"
	"errors"
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
	text := strings.TrimPrefix(err.Error(), "Error response from daemon: ")
	out := &driver.Error{Kind: kindOf(err, text), Op: op, Object: object, Text: text, Err: err}
	if out.Kind == driver.Unreachable {
		out.Op, out.Object, out.Text = "connect to", e.endpoint, e.reason(err)
	}
	return out
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
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return driver.Failed
	case client.IsErrConnectionFailed(err), isDial(err), isBrokenOff(err):
		return driver.Unreachable
	case has("port is already allocated", "address already in use", "ports are not available"):
		return driver.PortTaken
	case has("is not running", "is paused", "container stopped/paused", "is restarting, wait", "received 409"):
		return driver.NotRunning
	case status == http.StatusNotFound, cerrdefs.IsNotFound(err), has("no such container", "no such network", "no such image"):
		return driver.NotFound
	case cerrdefs.IsConflict(err), cerrdefs.IsAlreadyExists(err):
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

// isBrokenOff reports a request whose connection ended before the answer began.
func isBrokenOff(err error) bool {
	var request *url.Error
	return errors.As(err, &request) &&
		(errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE))
}

// reason says why there is no answer, and what to do about it where that is known.
func (e *Engine) reason(err error) string {
	if dialed := e.dialError.Load(); dialed != nil && !isDial(err) {
		err = *dialed
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "permission denied; is this user in the group that owns the socket?"
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such socket; is the engine running?"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused; is the engine running?"
	case isBrokenOff(err):
		return "the connection broke off; did the engine stop?"
	}
	return err.Error()
}
