package cli

import (
	"net/http"

	"github.com/envyhq/envy/boxes/registry"
)

// registry makes a client for registries, with the user's credentials for them and the environment's proxies. It opens
// no connection; what it opens later ends with the session.
func (s *session) registry() *registry.Client {
	c := registry.New(registry.Config{
		Credentials: s.app.m.RegistryCredentials, Host: s.app.m.RegistryHost, Proxy: http.ProxyFromEnvironment, Agent: "envy/" + s.app.m.Version,
	})
	s.onClose(c.Close)
	return c
}
