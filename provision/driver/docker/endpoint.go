package docker

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/connhelper"
	contextdocker "github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/docker/docker/client"
	"github.com/docker/go-connections/tlsconfig"

	"github.com/envyhq/envy/provision/driver"
)

// endpoint is where the engine is and how the client gets there.
type endpoint struct {
	host string
	opts []client.Opt
}

// defaultContext is docker's name for "no context".
const defaultContext = "default"

// resolveEndpoint follows docker's own order: a context asked for by name, DOCKER_HOST, DOCKER_CONTEXT, the current
// context of the configuration, the default socket. The configuration is read only where nothing before it answers.
func resolveEndpoint(o Options) (endpoint, error) {
	if o.Host != "" {
		return hostEndpoint(o, o.Host)
	}
	if o.Context != "" {
		return contextEndpoint(o, o.Context)
	}
	if host := o.Getenv("DOCKER_HOST"); host != "" {
		return hostEndpoint(o, host)
	}
	name := o.Getenv("DOCKER_CONTEXT")
	if name == "" {
		file, err := config.Load(o.configDir())
		if err != nil {
			return endpoint{}, &driver.Error{
				Kind: driver.Unreachable, Op: "read", Object: "docker's configuration", Text: err.Error(), Err: err,
			}
		}
		name = file.CurrentContext
	}
	return contextEndpoint(o, name)
}

// Socket is the path of the engine's socket on this machine; "" where the client reaches the engine in another way.
func Socket(o Options) string {
	ep, err := resolveEndpoint(o)
	if err != nil {
		return "" // opening the engine will say so
	}
	path, ok := strings.CutPrefix(ep.host, "unix://")
	if !ok {
		return ""
	}
	return path
}

// configDir is the folder of docker's client configuration.
func (o Options) configDir() string {
	if o.ConfigDir != "" {
		return o.ConfigDir
	}
	if dir := o.Getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	return filepath.Join(o.Getenv("HOME"), ".docker")
}

func contextEndpoint(o Options, name string) (endpoint, error) {
	if name == "" || name == defaultContext {
		host := o.Getenv("DOCKER_HOST")
		if host == "" {
			host = client.DefaultDockerHost
		}
		return hostEndpoint(o, host)
	}
	ep, err := loadContext(filepath.Join(o.configDir(), "contexts"), name)
	if err != nil {
		return endpoint{}, contextError(name, err)
	}
	if ep.Host == "" {
		return hostEndpoint(o, client.DefaultDockerHost)
	}
	if strings.HasPrefix(ep.Host, "ssh://") {
		return hostEndpoint(o, ep.Host)
	}
	opts, err := ep.ClientOpts()
	if err != nil {
		return endpoint{}, contextError(name, err)
	}
	return endpoint{host: ep.Host, opts: opts}, nil
}

func loadContext(dir, name string) (contextdocker.Endpoint, error) {
	contexts := store.New(dir, store.NewConfig(
		func() any { return &map[string]any{} },
		store.EndpointTypeGetter(contextdocker.DockerEndpoint, func() any { return &contextdocker.EndpointMeta{} }),
	))
	meta, err := contexts.GetMetadata(name)
	if err != nil {
		return contextdocker.Endpoint{}, err
	}
	typed, err := contextdocker.EndpointFromContext(meta)
	if err != nil {
		return contextdocker.Endpoint{}, err
	}
	return contextdocker.WithTLSData(contexts, name, typed)
}

func contextError(name string, err error) error {
	return &driver.Error{
		Kind: driver.Unreachable, Op: "use", Object: fmt.Sprintf("docker context %q", name), Text: err.Error(), Err: err,
	}
}

// hostEndpoint is an endpoint by its URL alone; TLS comes from the environment, as for docker.
func hostEndpoint(o Options, host string) (endpoint, error) {
	fail := func(err error) (endpoint, error) {
		return endpoint{}, &driver.Error{
			Kind: driver.Unreachable, Op: "connect to", Object: host, Text: err.Error(), Err: err,
		}
	}
	helper, err := connhelper.GetConnectionHelper(host)
	if err != nil {
		return fail(err)
	}
	if helper != nil {
		return endpoint{host: host, opts: []client.Opt{
			client.WithHTTPClient(&http.Client{
				Transport:     &http.Transport{DialContext: helper.Dialer},
				CheckRedirect: client.CheckRedirect,
			}),
			client.WithHost(helper.Host),
			client.WithDialContext(helper.Dialer),
		}}, nil
	}
	opts := []client.Opt{client.WithHost(host)}
	verify := o.Getenv("DOCKER_TLS_VERIFY") != ""
	if strings.HasPrefix(host, "tcp://") && (verify || o.Getenv("DOCKER_TLS") != "") {
		tls, err := o.tlsClient(verify)
		if err != nil {
			return fail(err)
		}
		opts = append([]client.Opt{client.WithHTTPClient(tls)}, opts...)
	}
	return endpoint{host: host, opts: opts}, nil
}

func (o Options) tlsClient(verify bool) (*http.Client, error) {
	dir := o.Getenv("DOCKER_CERT_PATH")
	if dir == "" {
		dir = o.configDir()
	}
	ca, cert, key := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	material, err := tlsconfig.Client(tlsconfig.Options{CAFile: ca, CertFile: cert, KeyFile: key, InsecureSkipVerify: !verify})
	for _, without := range []tlsconfig.Options{{CAFile: ca}, {CertFile: cert, KeyFile: key}} {
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		// An engine may ask for no certificate, or have one of a public authority.
		without.InsecureSkipVerify = !verify
		material, err = tlsconfig.Client(without)
	}
	if err != nil {
		return nil, err
	}
	return &http.Client{
		Transport: &http.Transport{
			TLSClientConfig: material,
			DialContext:     (&net.Dialer{Timeout: dialTimeout, KeepAlive: dialTimeout}).DialContext,
		},
		CheckRedirect: client.CheckRedirect,
	}, nil
}
