package docker

import (
	"strings"
	"testing"

	"github.com/envyhq/envy/provision/driver/drivertest"
	"github.com/envyhq/envy/provision/resource"
)

func TestConformance(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) drivertest.Engine {
		e := openEngine(t)
		local := strings.HasPrefix(e.endpoint, "unix://")
		return drivertest.Engine{
			Driver:    e,
			Image:     testImage,
			ImageFile: "/bin/vi",
			Prefix:    "envydrv-" + randomHex(4),
			Identity: func(project string) resource.Identity {
				return resource.Identity{
					Checkout: resource.Digest(project)[:16], HostID: "conformance", User: "4711", Path: "/nowhere/" + project,
					Project: project,
				}
			},
			RealInside: true, PublishedPorts: local, HostFiles: local, Builds: true,
		}
	})
}
