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

// lacksAgent reports whether a box did not start because its volume, or the volume's folder, has lost the agent.
func lacksAgent(err error) bool {
	if err == nil || !strings.Contains(err.Error(), "no such file or directory") {
		return false
	}
	return strings.Contains(err.Error(), strconv.Quote(wire.Path)) || strings.Contains(err.Error(), "/"+agentVolumePrefix)
}

// restoreAgent brings the agent back to a stopped box. One of another version is not envy's to give.
func (e *Engine) restoreAgent(ctx context.Context, id string) error {
	about, err := e.about(ctx)
	if err != nil {
		return err
	}
	v, err := e.agentVolume(ctx, about)
	if err != nil {
		return err
	}
	box, err := e.inspect(ctx, id, "start")
	if err != nil {
		return err
	}
	name := ""
	for _, m := range box.Mounts {
		if m.Destination == wire.MountDir {
			name = m.Name
		}
	}
	if name == v.name && e.fillAgent(ctx, v, id, box.Image) == nil {
		return nil
	}
	text := fmt.Sprintf("volume %s has lost the agent; to have it back: envy destroy, docker volume rm %s, envy up", name, name)
	if name != v.name {
		text = fmt.Sprintf("volume %s has lost its agent, which was of another version; envy up --recreate makes the box anew", name)
	}
	return &driver.Error{Kind: driver.Failed, Op: "start", Object: boxObject(id), Text: text}
}

// deliverAgent copies the binary into the volume.
func (e *Engine) deliverAgent(ctx context.Context, v agentVolume, image string) error {
	binary, err := v.agent.Binary()
	if err != nil {
		return &driver.Error{Kind: driver.Failed, Op: "unpack", Object: "agent", Text: err.Error(), Err: err}
	}
	archive, err := agentArchive(binary, randomHex(6))
	if err != nil {
		return fmt.Errorf("pack the agent: %w", err)
	}
	e.removeStaleHelpers(ctx, v)
	err = e.unpack(ctx, v, image, v.name, wire.MountDir, archive)
	if err != nil && strings.Contains(err.Error(), wire.Path+": file exists") {
		return nil // another delivery was a moment faster: the final name stands for a whole file, whoever made it
	}
	return err
}

// unpack writes to a volume, as if it were at target, through a container that is never started: engines have no other
// way. The container needs an image, any one, and is told from others by the agent's name.
func (e *Engine) unpack(ctx context.Context, v agentVolume, image, volume, target string, archive []byte) (err error) {
	config := &container.Config{Image: image, Entrypoint: []string{wire.Path}, Labels: v.labels(e.opts.Version)}
	host := &container.HostConfig{NetworkMode: "none", Mounts: []mount.Mount{{
		Type: mount.TypeVolume, Source: volume, Target: target, VolumeOptions: &mount.VolumeOptions{NoCopy: true},
	}}}
	object := quoted("volume", volume)
	helper, err := e.api.ContainerCreate(ctx, config, host, nil, nil, v.name+"-"+randomHex(6))
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
	err = e.api.CopyToContainer(ctx, helper.ID, "/", bytes.NewReader(archive), container.CopyToContainerOptions{})
	return e.classify(err, "fill", object)
}

// staleHelper is how old a filling container is when its client must be dead.
const staleHelper = 2 * time.Minute

// removeStaleHelpers takes away what a killed client left: by the engine's clock, or a helper of another client that works
// would look old. What fails here is left for the next time.
func (e *Engine) removeStaleHelpers(ctx context.Context, v agentVolume) {
	found, err := e.api.ContainerList(ctx, container.ListOptions{
		All: true, Filters: filters.NewArgs(filters.Arg("label", resource.LabelAgent+"="+v.agent.Hash)),
	})
	if err != nil {
		return
	}
	now := e.clock.now()
	for _, c := range found {
		ours := len(c.Names) > 0 && strings.HasPrefix(c.Names[0], "/"+v.name+"-")
		if ours && now.Sub(time.Unix(c.Created, 0)) > staleHelper {
			_ = e.RemoveBox(ctx, c.ID)
		}
	}
}

// agentArchive holds the binary under a name of this delivery and, behind it, its final name as a second link. Engines
// unpack in order, so the final name never stands for half a file, whoever else delivers at the same time.
func agentArchive(binary []byte, suffix string) ([]byte, error) {
	final := strings.TrimPrefix(wire.Path, "/")
	first := final + "." + suffix
	return archiveOf(
		entry{tar.Header{Typeflag: tar.TypeReg, Name: first, Mode: 0o755, Size: int64(len(binary))}, binary},
		entry{tar.Header{Typeflag: tar.TypeLink, Name: final, Linkname: first, Mode: 0o755}, nil},
	)
}

// ownStateDir gives the record's folder in an unprivileged box to the user the agent runs as there, uid[:gid]. On a
// read-only root it is a volume, which is reached by another container only.
func (e *Engine) ownStateDir(ctx context.Context, box string, b driver.NewBox, user string, v agentVolume) error {
	first, second, _ := strings.Cut(user, ":")
	uid, err := strconv.Atoi(first)
	if err != nil {
		return nil //nolint:nilerr // the image's own name for its user: the record lasts until the box stops
	}
	gid, _ := strconv.Atoi(second) // none is root's
	archive, err := archiveOf(entry{tar.Header{
		Typeflag: tar.TypeDir, Name: strings.TrimPrefix(wire.StateDir, "/") + "/", Mode: 0o700, Uid: uid, Gid: gid,
	}, nil})
	if err != nil {
		return fmt.Errorf("pack the record's folder: %w", err)
	}
	if !b.Spec.ReadOnly {
		return e.api.CopyToContainer(ctx, box, "/", bytes.NewReader(archive), container.CopyToContainerOptions{})
	}
	made, err := e.api.ContainerInspect(ctx, box)
	if err != nil {
		return err
	}
	for _, m := range made.Mounts {
		if m.Destination == wire.StateDir {
			return e.unpack(ctx, v, b.Image, m.Name, wire.StateDir, archive)
		}
	}
	return nil
}

// entry is one of an archive.
type entry struct {
	header  tar.Header
	content []byte
}

func archiveOf(entries ...entry) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		if err := w.WriteHeader(&e.header); err != nil {
			return nil, err
		}
		if _, err := w.Write(e.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
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
