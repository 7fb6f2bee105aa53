package fake

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/resource"
)

// Call is one call of a driver: the method, and the name or id of what it is about ("" for lists).
type Call struct {
	Method string
	Object string
}

// String is the form of logs: "StartBox 3f2a…".
func (c Call) String() string {
	if c.Object == "" {
		return c.Method
	}
	return c.Method + " " + c.Object
}

// Mutates reports whether the call changes something on the engine.
func (c Call) Mutates() bool {
	switch c.Method {
	case "Ping", "Observe", "Everywhere", "DiskUse", "Names", "PublishedPorts", "Events", "Detail", "Record", "Changes", "Stat", "Size", "Image",
		"PackageManager", "Architecture", "SaveImage", "NamedImages", "OwnedImages", "WaitHealthy", "WaitExit", "Logs", "LookUp", "CopyOut", "Usage", "Processes",
		"Close":
		return false
	}
	return true
}

// Hook stands around each call; next makes it. A hook that does not call next keeps the call from the engine; its error
// is the caller's. Hooks are called concurrently.
type Hook func(ctx context.Context, c Call, next func(context.Context) error) error

// Intercept puts hooks around any driver; the first is the outermost.
func Intercept(e driver.Engine, hooks ...Hook) driver.Engine {
	for i := len(hooks) - 1; i >= 0; i-- {
		e = &intercepted{next: e, hook: hooks[i]}
	}
	return e
}

type intercepted struct {
	next driver.Engine
	hook Hook
}

func (i *intercepted) do(ctx context.Context, method, object string, f func(context.Context) error) error {
	return i.hook(ctx, Call{method, object}, f)
}

// value is do for a call with a result.
func value[T any](ctx context.Context, i *intercepted, method, object string, f func(context.Context) (T, error)) (T, error) {
	var r T
	err := i.do(ctx, method, object, func(ctx context.Context) (err error) {
		r, err = f(ctx)
		return err
	})
	return r, err
}

func (i *intercepted) Close() error { return i.next.Close() }

func (i *intercepted) Ping(ctx context.Context) (resource.Engine, error) {
	return value(ctx, i, "Ping", "", i.next.Ping)
}

func (i *intercepted) Observe(ctx context.Context, id resource.Identity) (resource.Observed, error) {
	return value(ctx, i, "Observe", "", func(ctx context.Context) (resource.Observed, error) { return i.next.Observe(ctx, id) })
}

func (i *intercepted) Everywhere(ctx context.Context) (resource.Everywhere, error) {
	return value(ctx, i, "Everywhere", "", i.next.Everywhere)
}

func (i *intercepted) DiskUse(ctx context.Context, images []string) (driver.DiskUse, error) {
	return value(ctx, i, "DiskUse", "", func(ctx context.Context) (driver.DiskUse, error) { return i.next.DiskUse(ctx, images) })
}

func (i *intercepted) Names(ctx context.Context) (driver.Names, error) {
	return value(ctx, i, "Names", "", i.next.Names)
}

func (i *intercepted) PublishedPorts(ctx context.Context) ([]driver.PortHolder, error) {
	return value(ctx, i, "PublishedPorts", "", i.next.PublishedPorts)
}

func (i *intercepted) Events(ctx context.Context, id resource.Identity, o driver.EventOptions, f func(driver.BoxEvent) bool) error {
	return i.do(ctx, "Events", "", func(ctx context.Context) error { return i.next.Events(ctx, id, o, f) })
}

func (i *intercepted) Detail(ctx context.Context, id string) (resource.BoxDetail, error) {
	return value(ctx, i, "Detail", id, func(ctx context.Context) (resource.BoxDetail, error) { return i.next.Detail(ctx, id) })
}

func (i *intercepted) Record(ctx context.Context, id string) (resource.Record, error) {
	return value(ctx, i, "Record", id, func(ctx context.Context) (resource.Record, error) { return i.next.Record(ctx, id) })
}

func (i *intercepted) Changes(ctx context.Context, id string) ([]driver.Change, error) {
	return value(ctx, i, "Changes", id, func(ctx context.Context) ([]driver.Change, error) { return i.next.Changes(ctx, id) })
}

func (i *intercepted) Stat(ctx context.Context, id string, paths []string) (map[string]driver.Stat, bool, error) {
	complete := false
	stats, err := value(ctx, i, "Stat", id, func(ctx context.Context) (s map[string]driver.Stat, err error) {
		s, complete, err = i.next.Stat(ctx, id, paths)
		return s, err
	})
	return stats, complete, err
}

func (i *intercepted) Size(ctx context.Context, id string) (rw, root int64, err error) {
	err = i.do(ctx, "Size", id, func(ctx context.Context) (err error) {
		rw, root, err = i.next.Size(ctx, id)
		return err
	})
	return rw, root, err
}

func (i *intercepted) CreateNetwork(ctx context.Context, n driver.NewNetwork) (string, error) {
	return value(ctx, i, "CreateNetwork", n.Name, func(ctx context.Context) (string, error) { return i.next.CreateNetwork(ctx, n) })
}

func (i *intercepted) RemoveNetwork(ctx context.Context, id string) error {
	return i.do(ctx, "RemoveNetwork", id, func(ctx context.Context) error { return i.next.RemoveNetwork(ctx, id) })
}

func (i *intercepted) CreateVolume(ctx context.Context, v driver.NewVolume) (resource.Owner, error) {
	return value(ctx, i, "CreateVolume", v.Name, func(ctx context.Context) (resource.Owner, error) { return i.next.CreateVolume(ctx, v) })
}

func (i *intercepted) RemoveVolume(ctx context.Context, name string) error {
	return i.do(ctx, "RemoveVolume", name, func(ctx context.Context) error { return i.next.RemoveVolume(ctx, name) })
}

func (i *intercepted) CreateBox(ctx context.Context, b driver.NewBox) (string, error) {
	return value(ctx, i, "CreateBox", b.Name, func(ctx context.Context) (string, error) { return i.next.CreateBox(ctx, b) })
}

func (i *intercepted) StartBox(ctx context.Context, id, restart string) error {
	return i.do(ctx, "StartBox", id, func(ctx context.Context) error { return i.next.StartBox(ctx, id, restart) })
}

func (i *intercepted) StopBox(ctx context.Context, id string, timeout time.Duration) error {
	return i.do(ctx, "StopBox", id, func(ctx context.Context) error { return i.next.StopBox(ctx, id, timeout) })
}

func (i *intercepted) KillBox(ctx context.Context, id, signal string) error {
	return i.do(ctx, "KillBox", id, func(ctx context.Context) error { return i.next.KillBox(ctx, id, signal) })
}

func (i *intercepted) RemoveBox(ctx context.Context, id string) error {
	return i.do(ctx, "RemoveBox", id, func(ctx context.Context) error { return i.next.RemoveBox(ctx, id) })
}

func (i *intercepted) RenameBox(ctx context.Context, id, name string) error {
	return i.do(ctx, "RenameBox", id, func(ctx context.Context) error { return i.next.RenameBox(ctx, id, name) })
}

func (i *intercepted) PauseBox(ctx context.Context, id string) error {
	return i.do(ctx, "PauseBox", id, func(ctx context.Context) error { return i.next.PauseBox(ctx, id) })
}

func (i *intercepted) UnpauseBox(ctx context.Context, id string) error {
	return i.do(ctx, "UnpauseBox", id, func(ctx context.Context) error { return i.next.UnpauseBox(ctx, id) })
}

func (i *intercepted) LimitBox(ctx context.Context, id string, l driver.Limits) error {
	return i.do(ctx, "LimitBox", id, func(ctx context.Context) error { return i.next.LimitBox(ctx, id, l) })
}

func (i *intercepted) Connect(ctx context.Context, network, id string, j driver.Join) error {
	return i.do(ctx, "Connect", id, func(ctx context.Context) error { return i.next.Connect(ctx, network, id, j) })
}

func (i *intercepted) Disconnect(ctx context.Context, network, id string) error {
	return i.do(ctx, "Disconnect", id, func(ctx context.Context) error { return i.next.Disconnect(ctx, network, id) })
}

func (i *intercepted) CopyIn(ctx context.Context, id string, tar io.Reader, target string) error {
	return i.do(ctx, "CopyIn", id, func(ctx context.Context) error { return i.next.CopyIn(ctx, id, tar, target) })
}

func (i *intercepted) Usage(ctx context.Context, id string) (driver.Usage, error) {
	return value(ctx, i, "Usage", id, func(ctx context.Context) (driver.Usage, error) { return i.next.Usage(ctx, id) })
}

func (i *intercepted) Processes(ctx context.Context, id string) ([]driver.Process, error) {
	return value(ctx, i, "Processes", id, func(ctx context.Context) ([]driver.Process, error) { return i.next.Processes(ctx, id) })
}

func (i *intercepted) LookUp(ctx context.Context, id, path string) (driver.PathInfo, error) {
	return value(ctx, i, "LookUp", id, func(ctx context.Context) (driver.PathInfo, error) { return i.next.LookUp(ctx, id, path) })
}

func (i *intercepted) CopyOut(ctx context.Context, id, path string, w io.Writer) error {
	return i.do(ctx, "CopyOut", id, func(ctx context.Context) error { return i.next.CopyOut(ctx, id, path, w) })
}

func (i *intercepted) Image(ctx context.Context, ref, platform string) (resource.ImageFact, error) {
	return value(ctx, i, "Image", ref, func(ctx context.Context) (resource.ImageFact, error) { return i.next.Image(ctx, ref, platform) })
}

func (i *intercepted) Pull(ctx context.Context, ref, platform string, sink event.Sink, parent string) (string, error) {
	return value(ctx, i, "Pull", ref, func(ctx context.Context) (string, error) { return i.next.Pull(ctx, ref, platform, sink, parent) })
}

func (i *intercepted) Digest(ctx context.Context, ref string) (string, error) {
	return value(ctx, i, "Digest", ref, func(ctx context.Context) (string, error) { return i.next.Digest(ctx, ref) })
}

func (i *intercepted) Build(ctx context.Context, b driver.Build, sink event.Sink, parent string) error {
	return i.do(ctx, "Build", b.Tag, func(ctx context.Context) error { return i.next.Build(ctx, b, sink, parent) })
}

func (i *intercepted) PackageManager(ctx context.Context, ref string) (string, error) {
	return value(ctx, i, "PackageManager", ref, func(ctx context.Context) (string, error) { return i.next.PackageManager(ctx, ref) })
}

func (i *intercepted) ImageFile(ctx context.Context, ref, path string, limit int64) ([]byte, error) {
	return value(ctx, i, "ImageFile", ref, func(ctx context.Context) ([]byte, error) { return i.next.ImageFile(ctx, ref, path, limit) })
}

func (i *intercepted) RemoveImage(ctx context.Context, ref string) error {
	return i.do(ctx, "RemoveImage", ref, func(ctx context.Context) error { return i.next.RemoveImage(ctx, ref) })
}

func (i *intercepted) TagImage(ctx context.Context, ref, name string) error {
	return i.do(ctx, "TagImage", name, func(ctx context.Context) error { return i.next.TagImage(ctx, ref, name) })
}

func (i *intercepted) PushImage(ctx context.Context, name string, sink event.Sink, parent string) (string, error) {
	return value(ctx, i, "PushImage", name, func(ctx context.Context) (string, error) { return i.next.PushImage(ctx, name, sink, parent) })
}

func (i *intercepted) Architecture(ctx context.Context) (string, error) {
	return value(ctx, i, "Architecture", "", i.next.Architecture)
}

func (i *intercepted) ImportImage(ctx context.Context, m driver.ImageImport, out io.Writer) (string, error) {
	return value(ctx, i, "ImportImage", strings.Join(m.Tags, " "), func(ctx context.Context) (string, error) { return i.next.ImportImage(ctx, m, out) })
}

func (i *intercepted) SaveImage(ctx context.Context, ref, platform string, w io.Writer) error {
	return i.do(ctx, "SaveImage", ref, func(ctx context.Context) error { return i.next.SaveImage(ctx, ref, platform, w) })
}

func (i *intercepted) LoadImage(ctx context.Context, r io.Reader) error {
	return i.do(ctx, "LoadImage", "", func(ctx context.Context) error { return i.next.LoadImage(ctx, r) })
}

func (i *intercepted) NamedImages(ctx context.Context, prefix string) ([]driver.NamedImage, error) {
	return value(ctx, i, "NamedImages", prefix, func(ctx context.Context) ([]driver.NamedImage, error) { return i.next.NamedImages(ctx, prefix) })
}

func (i *intercepted) CommitBox(ctx context.Context, c driver.Commit) (driver.Committed, error) {
	return value(ctx, i, "CommitBox", c.ID, func(ctx context.Context) (driver.Committed, error) { return i.next.CommitBox(ctx, c) })
}

func (i *intercepted) CopyVolume(ctx context.Context, c driver.VolumeCopy) (int64, error) {
	return value(ctx, i, "CopyVolume", c.To, func(ctx context.Context) (int64, error) { return i.next.CopyVolume(ctx, c) })
}

func (i *intercepted) OwnedImages(ctx context.Context, id resource.Identity) ([]driver.OwnedImage, error) {
	return value(ctx, i, "OwnedImages", "", func(ctx context.Context) ([]driver.OwnedImage, error) { return i.next.OwnedImages(ctx, id) })
}

func (i *intercepted) WriteFiles(ctx context.Context, id string, files []resource.FileContent) error {
	return i.do(ctx, "WriteFiles", id, func(ctx context.Context) error { return i.next.WriteFiles(ctx, id, files) })
}

func (i *intercepted) Provision(ctx context.Context, id string, p resource.ProvisionScript, out io.Writer) error {
	return i.do(ctx, "Provision", id, func(ctx context.Context) error { return i.next.Provision(ctx, id, p, out) })
}

func (i *intercepted) Release(ctx context.Context, id string, baseline []string) error {
	return i.do(ctx, "Release", id, func(ctx context.Context) error { return i.next.Release(ctx, id, baseline) })
}

func (i *intercepted) WaitHealthy(ctx context.Context, id string, h resource.HealthSpec) error {
	return i.do(ctx, "WaitHealthy", id, func(ctx context.Context) error { return i.next.WaitHealthy(ctx, id, h) })
}

func (i *intercepted) WaitExit(ctx context.Context, id string) (int, error) {
	return value(ctx, i, "WaitExit", id, func(ctx context.Context) (int, error) { return i.next.WaitExit(ctx, id) })
}

func (i *intercepted) Exec(ctx context.Context, id string, x driver.Exec, s driver.Streams) (int, error) {
	return value(ctx, i, "Exec", id, func(ctx context.Context) (int, error) { return i.next.Exec(ctx, id, x, s) })
}

func (i *intercepted) Attach(ctx context.Context, id string, s driver.Streams) (int, error) {
	return value(ctx, i, "Attach", id, func(ctx context.Context) (int, error) { return i.next.Attach(ctx, id, s) })
}

func (i *intercepted) Logs(ctx context.Context, id string, o driver.LogOptions, out, errOut io.Writer) error {
	return i.do(ctx, "Logs", id, func(ctx context.Context) error { return i.next.Logs(ctx, id, o, out, errOut) })
}
