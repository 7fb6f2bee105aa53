package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/volume"

	"github.com/envyhq/envy/internal/agent/wire"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// agentVolume is the volume that holds the agent's binary, and what would fill it.
type agentVolume struct {
	name  string
	agent Agent
}

// agentVolumePrefix begins the volume's name; the hash of the binary follows.
const agentVolumePrefix = "envy-agent-"

// agentVolume makes sure that the volume is there, once per process; whether it holds the agent is seen from the first
// box that has it mounted.
func (e *Engine) agentVolume(ctx context.Context, about engineInfo) (agentVolume, error) {
	return e.agent.get(ctx, func(ctx context.Context) (agentVolume, error) {
		if e.opts.Agent == nil {
			return agentVolume{}, &driver.Error{Kind: driver.Unsupported, Op: "find", Object: "agent", Text: "there is none"}
		}
		agent, err := e.opts.Agent(about.arch)
		if err != nil {
			return agentVolume{}, &driver.Error{
				Kind: driver.Unsupported, Op: "find", Object: "agent for " + about.arch, Text: err.Error(), Err: err,
			}
		}
		v := agentVolume{name: agentVolumePrefix + agent.Hash, agent: agent}
		_, err = e.api.VolumeCreate(ctx, volume.CreateOptions{Name: v.name, Labels: v.labels(e.opts.Version)})
		return v, e.classify(err, "create", quoted("volume", v.name))
	})
}

// labels are every label of envy's, so that nothing of an image's shows through.
func (v agentVolume) labels(version string) map[string]string {
	all := resource.Identity{}.Labels(resource.Owner{Version: version})
	all[resource.LabelAgent] = v.agent.Hash
	return all
}

// fillAgent makes sure, once per process and before any box starts, that the volume holds the whole binary. It is looked
// at through a box that was just made, which costs one call; the binary is only unpacked where it is missing.
func (e *Engine) fillAgent(ctx context.Context, v agentVolume, box, image string) error {
	_, err := e.filled.get(ctx, func(ctx context.Context) (agentVolume, error) {
		if _, err := e.api.ContainerStatPath(ctx, box, wire.Path); err == nil {
			return v, nil
		} else if err := e.classify(err, "look into", quoted("volume", v.name)); !driver.Is(err, driver.NotFound) {
			return v, err
		}
		return v, e.deliverAgent(ctx, v, image)
	})
	return err
}

// deliverAgent copies the binary into the volume through a container that is never started. Engines have no other way
// to write to a volume.
func (e *Engine) deliverAgent(ctx context.Context, v agentVolume, image string) (err error) {
	binary, err := v.agent.Binary()
	if err != nil {
		return &driver.Error{Kind: driver.Failed, Op: "unpack", Object: "agent", Text: err.Error(), Err: err}
	}
	suffix := randomHex(6)
	archive, err := agentArchive(binary, suffix)
	if err != nil {
		return fmt.Errorf("pack the agent: %w", err)
	}
	object := quoted("volume", v.name)
	e.removeStaleHelpers(ctx, v)
	config := &container.Config{Image: image, Entrypoint: []string{wire.Path}, Labels: v.labels(e.opts.Version)}
	host := &container.HostConfig{NetworkMode: "none", Mounts: []mount.Mount{{
		Type: mount.TypeVolume, Source: v.name, Target: wire.MountDir, VolumeOptions: &mount.VolumeOptions{NoCopy: true},
	}}}
	helper, err := e.api.ContainerCreate(ctx, config, host, nil, nil, v.name+"-"+suffix)
	if err != nil {
		return e.classify(err, "fill", object)
	}
	defer func() {
		clean, cancel := detached(ctx)
		defer cancel()
		if removeErr := e.RemoveBox(clean, helper.ID); err == nil {
			err = removeErr
		}
	}()
	err = e.api.CopyToContainer(ctx, helper.ID, wire.MountDir, bytes.NewReader(archive), container.CopyToContainerOptions{})
	return e.classify(err, "fill", object)
}

// staleHelper is how old a filling container is when its client must be dead.
const staleHelper = 2 * time.Minute

// removeStaleHelpers takes away what a killed client left. What fails here is left for the next time.
func (e *Engine) removeStaleHelpers(ctx context.Context, v agentVolume) {
	found, err := e.api.ContainerList(ctx, container.ListOptions{
		All: true, Filters: filters.NewArgs(filters.Arg("label", resource.LabelAgent+"="+v.agent.Hash)),
	})
	if err != nil {
		return
	}
	for _, c := range found {
		ours := len(c.Names) > 0 && strings.HasPrefix(c.Names[0], "/"+v.name+"-")
		if ours && time.Since(time.Unix(c.Created, 0)) > staleHelper {
			_ = e.RemoveBox(ctx, c.ID)
		}
	}
}

// agentArchive holds the binary under a name of this delivery and, behind it, its final name as a second link. Engines
// unpack in order, so the final name never stands for half a file, whoever else delivers at the same time.
func agentArchive(binary []byte, suffix string) ([]byte, error) {
	base := strings.TrimPrefix(wire.Path, wire.MountDir+"/")
	first := base + "." + suffix
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: first, Mode: 0o755, Size: int64(len(binary))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(binary); err != nil {
		return nil, err
	}
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeLink, Name: base, Linkname: first, Mode: 0o755}); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// ownStateDir gives the record's volume in an unprivileged box to the user the agent runs as there: uid[:gid].
func (e *Engine) ownStateDir(ctx context.Context, box, user string) error {
	first, second, _ := strings.Cut(user, ":")
	uid, err := strconv.Atoi(first)
	if err != nil { // the image's own name for its user: the record lasts until the box stops
		return nil
	}
	gid, _ := strconv.Atoi(second) // none is root's
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "./", Mode: 0o700, Uid: uid, Gid: gid}); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return e.api.CopyToContainer(ctx, box, wire.StateDir, &archive, container.CopyToContainerOptions{})
}

// detached is a context for cleaning up: it outlives the caller's, but not long.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
}

func randomHex(bytes int) string {
	raw := make([]byte, bytes)
	_, _ = rand.Read(raw) // never fails
	return hex.EncodeToString(raw)
}

// quoted is an object as errors name it: box "web".
func quoted(kind, name string) string { return fmt.Sprintf("%s %q", kind, name) }
