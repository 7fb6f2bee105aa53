package source

import (
	"net/url"
	"strings"
)

// String is name or name@constraint.
func (c Catalog) String() string {
	if c.Constraint == "" {
		return c.Name
	}
	return c.Name + "@" + c.Constraint
}

// String is the path.
func (d Dir) String() string { return d.Path }

// String is the path or the address with its checksum.
func (a Archive) String() string {
	s := a.Address()
	if a.Checksum != "" {
		s += "?checksum=" + a.Checksum
	}
	return s
}

// Address is where the archive is, without what it is held against: what the lock names it by.
func (a Archive) Address() string {
	if a.Host == "" {
		return a.Path
	}
	return "https://" + a.Host + escaped(a.URLPath)
}

// String is oci://host/repository with tag or digest.
func (r Registry) String() string {
	s := "oci://" + r.Host + "/" + r.Repository
	if r.Digest != "" {
		return s + "@" + r.Digest
	}
	return s + ":" + r.Tag
}

// String is the whole of it, as `from` has it.
func (g Git) String() string {
	switch {
	case g.Ref != "":
		return g.Address() + "?ref=" + queryEscaped(g.Ref)
	case g.Version != "":
		return g.Address() + "?version=" + queryEscaped(g.Version)
	}
	return g.Address()
}

// Address is the repository and the directory, without what was asked for: what the lock names it by.
func (g Git) Address() string {
	if g.Dir == "" {
		return g.Repository.String()
	}
	return g.Repository.String() + "//" + escaped(g.Dir)
}

// String is the address of the repository alone.
func (r Repository) String() string {
	if r.Relative() {
		// These two would be taken for what ends a user and a host.
		return "git::" + r.Host + ":" + strings.NewReplacer("@", "%40", ":", "%3A").Replace(escaped(r.Path))
	}
	return "git::" + r.Scheme + "://" + r.Host + escaped(r.Path)
}

// Relative reports the form host:path, whose path begins at the home of ssh's user.
func (r Repository) Relative() bool { return r.Scheme == "ssh" && !strings.HasPrefix(r.Path, "/") }

func escaped(path string) string {
	u := url.URL{Path: path}
	return u.EscapedPath()
}

// queryEscaped leaves alone what reads better as it is, and cannot be mistaken in a query.
func queryEscaped(s string) string {
	return strings.NewReplacer("+", "%20", "%2F", "/", "%3D", "=", "%2C", ",", "%3E", ">", "%3C", "<", "%21", "!", "%3A", ":", "%40", "@").
		Replace(url.QueryEscape(s))
}
