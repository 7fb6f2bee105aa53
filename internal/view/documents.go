package view

// The versions of the small documents.
const (
	PortsVersion   = 1
	AboutVersion   = 1
	FailureVersion = 1
)

// PortsJSON is the document of port.
type PortsJSON struct {
	Format  string        `json:"format"` // "envy.ports"
	Version int           `json:"version"`
	Ports   []BoxPortJSON `json:"ports"`
}

// BoxPortJSON is a published port with the box that it leads to.
type BoxPortJSON struct {
	Box string `json:"box"`
	PortRow
}

// NewPorts makes the document of port.
func NewPorts(rows []BoxRow) PortsJSON {
	j := PortsJSON{Format: "envy.ports", Version: PortsVersion, Ports: []BoxPortJSON{}}
	for _, r := range rows {
		for _, p := range r.Ports {
			j.Ports = append(j.Ports, BoxPortJSON{Box: r.Name, PortRow: p})
		}
	}
	return j
}

// VersionJSON is the document of version. EnvyVersion is envy's own, Go and Platform what it was built with and for.
type VersionJSON struct {
	Format      string `json:"format"` // "envy.version"
	Version     int    `json:"version"`
	EnvyVersion string `json:"envy_version"`
	Go          string `json:"go"`
	Platform    string `json:"platform"` // linux/amd64
}

// NewVersion makes the document of version.
func NewVersion(envy, goVersion, platform string) VersionJSON {
	return VersionJSON{Format: "envy.version", Version: AboutVersion, EnvyVersion: envy, Go: goVersion, Platform: platform}
}
