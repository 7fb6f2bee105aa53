package docker

import (
	"fmt"
	"net/url"

	"github.com/docker/cli/cli/config"
)

// RegistryCredentials gives what docker's own client would use for a registry, by the host as references name it: a user
// with a secret, or an identity token; nothing where there is none. The configuration is read, and a credential helper
// run, only now.
func (o Options) RegistryCredentials(host string) (user, secret, identity string, err error) {
	if host == "docker.io" {
		host = hubKey
	}
	file, err := config.Load(o.configDir())
	if err != nil {
		return "", "", "", fmt.Errorf("read docker's configuration: %w", err)
	}
	found, err := file.GetAuthConfig(host)
	if err != nil {
		return "", "", "", fmt.Errorf("credentials for %s: %w", host, err)
	}
	return found.Username, found.Password, found.IdentityToken, nil
}

// RegistryHost is the host that speaks for the one that references name.
func RegistryHost(domain string) string {
	if domain != "docker.io" {
		return domain
	}
	u, err := url.Parse(hubKey)
	if err != nil {
		return domain
	}
	return u.Host
}
