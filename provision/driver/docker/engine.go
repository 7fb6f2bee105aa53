package docker

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/docker/docker/client"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/resource"
)

// Options say which engine to use and what to tell about it. The zero value, with Getenv, is what `docker` itself would
// use.
type Options struct {
	Host      string              // endpoint, before everything else; "" is: as the rest says
	Context   string              // name of a docker context; "" is: DOCKER_HOST, DOCKER_CONTEXT, the current one
	ConfigDir string              // folder of docker's config.json; "" is DOCKER_CONFIG, else ~/.docker
	Getenv    func(string) string // the environment; nil is an empty one
	Version   string              // of envy, for the User-Agent

	// Agent gives the program that runs in boxes, for an architecture as Go names it ("amd64").
	Agent func(arch string) (Agent, error)

	// Answer bounds what the engine answers by itself, where the caller's context does not do so sooner. 0 is DefaultAnswer.
	Answer time.Duration

	// Events gets warnings: limits that were clamped. May be nil.
	Events event.Sink
	// OnCall is called when the answer to a request has begun, from any goroutine. May be nil, which costs nothing.
	OnCall func(method, path string, took time.Duration, err error)
}

// Agent is the program that runs in boxes. Hash names its volume; Binary, which may cost time to unpack, is asked only
// where that volume lacks it.
type Agent struct {
	Hash   string
	Binary func() ([]byte, error)
}

// Engine is one engine. It is safe for concurrent use.
type Engine struct {
	api       *client.Client
	http      *http.Client // the same connections as api's, for what api cannot say
	transport *http.Transport
	opts      Options
	endpoint  string // as it was asked for: unix:///…, ssh://…

	base      string                // URL before a request's path
	dialError atomic.Pointer[error] // the last failure to connect
	clock     clock

	pinged once[resource.Engine]
	info   once[engineInfo]
	agent  once[agentVolume] // named and there
	filled once[agentVolume] // seen to hold the agent

	networks sync.Map // by name, a *sync.Mutex: whose turn it is to create it
}

// Open prepares a connection; nothing is sent yet. An error names the endpoint or context that cannot be used.
func Open(opts Options) (*Engine, error) {
	if opts.Getenv == nil {
		opts.Getenv = func(string) string { return "" }
	}
	if opts.Events == nil {
		opts.Events = event.Discard{}
	}
	if opts.Answer <= 0 {
		opts.Answer = DefaultAnswer
	}
	target, err := resolveEndpoint(opts)
	if err != nil {
		return nil, err
	}
	e := &Engine{opts: opts, endpoint: target.host}
	if err := e.connect(target); err != nil {
		return nil, &driver.Error{
			Kind: driver.Unreachable, Op: "connect to", Object: target.host, Text: err.Error(), Err: err,
		}
	}
	return e, nil
}

// connect makes the client. Its options choose the transport (plain, TLS, a command's pipes); the last of them takes
// hold of it, so that every call, api's own too, goes through one pool and one hook.
func (e *Engine) connect(target endpoint) error {
	shared := &http.Client{}
	adopt := func(c *client.Client) error {
		*shared = *c.HTTPClient()
		if t, ok := shared.Transport.(*http.Transport); ok {
			e.transport = t
		} else {
			e.transport = &http.Transport{}
			shared.Transport = e.transport
		}
		e.transport.MaxIdleConns = 0 // no limit but the next
		e.transport.MaxIdleConnsPerHost = maxIdle
		e.transport.IdleConnTimeout = time.Minute
		e.rememberDials()
		return client.WithHTTPClient(shared)(c)
	}
	opts := append(target.opts,
		client.WithVersion(e.opts.Getenv("DOCKER_API_VERSION")),
		client.WithAPIVersionNegotiation(),
		client.WithUserAgent("envy/"+e.opts.Version),
		adopt,
	)
	api, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return err
	}
	if e.base, err = baseURL(api.DaemonHost(), e.transport.TLSClientConfig != nil); err != nil {
		return err
	}
	// The client has wrapped the transport in tracing that nobody listens to.
	shared.Transport = e.observed(e.transport)
	e.api, e.http = api, shared
	return nil
}

// rememberDials keeps the last failure to connect, whose cause the client library drops.
func (e *Engine) rememberDials() {
	dial := e.transport.DialContext
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: dialTimeout}).DialContext
	}
	e.transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			e.dialError.Store(&err)
			return nil, err
		}
		e.dialError.Store(nil)
		if d, ok := ctx.Value(dialedKey{}).(*dialed); ok {
			d.have(conn)
		}
		return conn, nil
	}
}

const dialTimeout = 30 * time.Second

// maxIdle connections are kept: as many as apply runs steps at once, with room for their parallel calls.
const maxIdle = 64

// Close drops idle connections. Calls that run are not ended.
func (e *Engine) Close() error {
	e.transport.CloseIdleConnections()
	return nil
}

// once remembers the first success of a question; a failure is asked again.
type once[T any] struct {
	mu    sync.Mutex
	done  bool
	value T
}

func (o *once[T]) get(ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.done {
		return o.value, nil
	}
	value, err := ask(ctx)
	if err == nil {
		o.value, o.done = value, true
	}
	return value, err
}

func (o *once[T]) put(value T) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.value, o.done = value, true
}
