package provision

import (
	"strconv"

	"github.com/envyhq/envy/provision/resource"
)

// NewIdentity tells checkouts apart: by host, user and the real path of the Envfile's directory, plus the file's name
// where it is not one of the usual ones; never by the project's name (§6, Identity).
func NewIdentity(hostID string, uid int, path, file string) resource.Identity {
	text := hostID + "\x00" + strconv.Itoa(uid) + "\x00" + path
	if file != "Envfile" && file != "Envfile.json" {
		text += "\x00" + file
	}
	return resource.Identity{Checkout: resource.Digest(text)[:32], HostID: hostID, User: strconv.Itoa(uid), Path: path}
}
