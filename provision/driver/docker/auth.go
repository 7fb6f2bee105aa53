package docker

import (
	"fmt"

	"github.com/distribution/reference"
	"github.com/docker/cli/cli/config"
	"github.com/docker/docker/api/types/registry"
)

// hubKey is the name under which credentials of Docker Hub are kept.
const hubKey = "https://index.docker.io/v1/"

// registryAuth gives the header with which the engine may pull from the reference's registry: the credentials that
// docker's own client would use, of that host and no other; "" for none. The configuration is read, and a credential
// helper run, only now.
func (o Options) registryAuth(ref reference.Named) (string, error) {
	host := reference.Domain(ref)
	if host == "docker.io" {
		host = hubKey
	}
	file, err := config.Load(o.configDir())
	if err != nil {
		return "", fmt.Errorf("read docker's configuration: %w", err)
	}
	found, err := file.GetAuthConfig(host)
	if err != nil {
		return "", fmt.Errorf("credentials for %s: %w", host, err)
	}
	if found.Username == "" && found.Password == "" && found.Auth == "" && found.IdentityToken == "" && found.RegistryToken == "" {
		return "", nil
	}
	return registry.EncodeAuthConfig(registry.AuthConfig{
		Username: found.Username, Password: found.Password, Auth: found.Auth, ServerAddress: found.ServerAddress,
		IdentityToken: found.IdentityToken, RegistryToken: found.RegistryToken,
	})
}

// buildArgs adds the proxies of docker's configuration, as docker build does. Engines know these names: they are no part
// of a cache key and stay out of the image.
func (o Options) buildArgs(daemon string, args map[string]string) (map[string]*string, error) {
	out := make(map[string]*string, len(args))
	for k, v := range args {
		out[k] = &v
	}
	file, err := config.Load(o.configDir())
	if err != nil {
		return nil, fmt.Errorf("read docker's configuration: %w", err)
	}
	return file.ParseProxyConfig(daemon, out), nil
}
