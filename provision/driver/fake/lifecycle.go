package fake

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// up reports whether the box has a process.
func (b *box) up() bool {
	return b.State == resource.StateRunning || b.State == resource.StatePaused
}

// ports are the published ones, with their defaults filled in.
func (b *box) ports() []resource.PortSpec {
	if b.Run != nil {
		return nil
	}
	out := slices.Clone(b.Spec.Ports)
	for i, p := range out {
		if p.Protocol == "" {
			out[i].Protocol = "tcp"
		}
		if p.Address == "" {
			out[i].Address = "127.0.0.1"
		}
	}
	return out
}

func (b *box) missingSource() string {
	for _, m := range b.Spec.Mounts {
		if m.Type == resource.MountBind {
			if _, err := os.Stat(m.Source); err != nil {
				return m.Source
			}
		}
	}
	return ""
}

// start is what a start by anybody does.
func (s *state) start(b *box, now time.Time) error {
	if b.State == resource.StateRunning {
		return nil
	}
	if b.State == resource.StatePaused {
		return fail(driver.Failed, "start", object(b), "cannot start a paused container, try unpause instead")
	}
	if err := s.startable(b); err != nil {
		b.Error = err.Text
		return err
	}
	b.State, b.Started, b.Error, b.StoppedByHand = resource.StateRunning, now, "", false
	b.Starts++
	b.Tmpfs, b.Programs, b.Signals, b.Retry = nil, nil, nil, time.Time{}
	b.BadProbes, b.Health, b.Probe = 0, resource.HealthNone, time.Time{}
	for _, j := range b.Joins {
		j.Met = true
		if j.IP == "" {
			j.IP = s.Networks[j.ID].address()
		}
	}
	s.setUp(b, now)
	s.emit(b, "start", now)
	if !b.Gate || b.Record.Released {
		s.launch(b, now)
	}
	return nil
}

// startable refuses what engines refuse at start.
func (s *state) startable(b *box) *driver.Error {
	refuse := func(kind driver.Kind, format string, args ...any) *driver.Error {
		return &driver.Error{Kind: kind, Op: "start", Object: object(b), Text: fmt.Sprintf(format, args...)}
	}
	for _, j := range b.Joins {
		named := s.named(j.Name)
		switch {
		case j.Met && s.Networks[j.ID] != nil:
		case j.Met || len(named) == 0:
			return refuse(driver.Failed, "network %s not found", j.ID)
		case len(named) > 1:
			return refuse(driver.Failed, "network %s is ambiguous (%d matches found on name)", j.Name, len(named))
		default:
			j.ID = named[0].ID
		}
	}
	if b.Peer != "" {
		if peer, err := s.find("start", b.Peer); err != nil || !peer.up() {
			return refuse(driver.Failed, "cannot join network of a non running container: %s", b.Peer)
		}
	}
	if missing := b.missingSource(); missing != "" {
		return refuse(driver.Failed, "bind source path does not exist: %s", missing)
	}
	for _, p := range b.ports() {
		if holder := s.holder(p); holder != "" {
			return refuse(driver.PortTaken, "Bind for %s:%d failed: port is already allocated (%s)", p.Address, p.Host, holder)
		}
	}
	return nil
}

// holder names who has a host port.
func (s *state) holder(p resource.PortSpec) string {
	if who, ok := s.Listeners[p.Host]; ok && p.Protocol == "tcp" {
		return who
	}
	for _, other := range s.boxes() {
		if !other.up() {
			continue
		}
		for _, q := range other.ports() {
			every := p.Address == "0.0.0.0" || q.Address == "0.0.0.0"
			if p.Host == q.Host && p.Protocol == q.Protocol && (p.Address == q.Address || every) {
				return other.Name
			}
		}
	}
	return ""
}

// setUp is what the agent does when a box first starts: a user that the image lacks is made.
func (s *state) setUp(b *box, now time.Time) {
	u := b.Spec.User
	if b.Starts > 1 || u == nil {
		return
	}
	id, ok := s.identify(b, u.Name)
	if !ok || id.Name == "" || id.UID == 0 || b.Spec.ReadOnly {
		return
	}
	line := fmt.Sprintf("%s:x:%d:%d::%s:/bin/sh\n", id.Name, id.UID, id.GID, id.Home)
	old, _ := s.read(b, "/etc/passwd") // an image without one gets one
	_ = s.put(b, "/etc/passwd", &file{Content: append([]byte(line), old...), MTime: now, Mode: 0o644})
	_ = s.mkdirs(b, id.Home, now) // a home that cannot be made is left out, as the agent does
	b.Record.Own, b.Record.SetUp = []string{"/etc/passwd"}, now
}

// launch begins the command of a running box.
func (s *state) launch(b *box, now time.Time) {
	if !b.runsCommand() || b.Attached {
		return
	}
	if b.Spec.Oneshot && b.Record.Oneshot && b.Run == nil {
		s.exit(b, 0, now)
		return
	}
	b.Main = s.newProcess(b, s.argv(b), s.boxUser(b), b.Spec.Workdir)
	b.Main.EOF = true
	if h := b.healthcheck(s); h != nil {
		b.Health, b.Probe = resource.HealthStarting, now.Add(interval(h))
	}
	s.settleBox(b, now)
}

// newProcess is a program that is about to run.
func (s *state) newProcess(b *box, argv []string, user, dir string) *process {
	id, _ := s.identify(b, user)
	id.Groups = s.groups(b, user)
	b.Pids++
	p := &process{PID: 100 + b.Pids, User: id, Env: s.environment(b, id)}
	if img := s.Images[b.ImageID]; dir == "" && img != nil {
		dir = img.Fact.Workdir
	}
	if f, err := s.lookUp(b, clean("/", dir)); err != nil || !f.Dir {
		dir = id.Home
	}
	if f, err := s.lookUp(b, clean("/", dir)); err != nil || !f.Dir {
		dir = "/"
	}
	p.Frames = []frame{{Todo: []node{literal(append([]string{"exec"}, argv...)...)}, Args: argv, Vars: map[string]string{}, Dir: clean("/", dir)}}
	return p
}

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func (s *state) environment(b *box, id identity) map[string]string {
	env := map[string]string{"PATH": defaultPath, "HOSTNAME": b.Hostname, "HOME": id.Home}
	if id.Name != "" {
		env["USER"], env["LOGNAME"] = id.Name, id.Name
	}
	if img := s.Images[b.ImageID]; img != nil {
		for _, e := range img.Fact.Env {
			k, v, _ := strings.Cut(e, "=")
			env[k] = v
		}
	}
	for _, name := range b.Spec.UnsetEnv {
		delete(env, name)
	}
	maps.Copy(env, b.Spec.Env)
	maps.Copy(env, b.Secrets)
	if b.Run != nil {
		maps.Copy(env, b.Run.Env)
	}
	for _, name := range b.Spec.UnsetEnv {
		delete(env, name)
	}
	if len(b.Spec.Path) > 0 {
		env["PATH"] = strings.Join(b.Spec.Path, ":") + ":" + env["PATH"]
	}
	return env
}

// exit ends a box that ran.
func (s *state) exit(b *box, code int, now time.Time) {
	if b.Spec.Oneshot && code == 0 && b.Main != nil && b.Main.Done {
		b.Record.Oneshot = true
	}
	b.State, b.Code, b.Finished = resource.StateExited, code, now
	b.Main, b.Attached, b.Programs, b.Signals, b.Health, b.Tmpfs = nil, false, nil, nil, resource.HealthNone, nil
	for _, j := range b.Joins {
		if !j.Fixed {
			j.IP = ""
		}
	}
	s.record(b, driver.BoxEvent{Action: "die", Code: code}, now)
	policy, _, _ := strings.Cut(b.Restart, ":")
	again := policy == "always" || policy == "unless-stopped" || policy == "on-failure" && code != 0
	if again && !b.StoppedByHand {
		b.Retries++
		b.State, b.Retry = resource.StateRestarting, now.Add(min(100*time.Millisecond<<min(b.Retries, 9), time.Minute))
	}
}

// settle lets what happens by itself happen: commands go on, end and are restarted, probes run.
func (s *state) settle(now time.Time) {
	if s.Down {
		return
	}
	for _, b := range s.boxes() {
		if b.State == resource.StateRestarting && !now.Before(b.Retry) {
			b.State = resource.StateExited
			if s.start(b, now) != nil {
				b.State = resource.StateExited
			}
		}
		s.settleBox(b, now)
		s.probe(b, now)
	}
}

func (s *state) settleBox(b *box, now time.Time) {
	if b.State != resource.StateRunning || b.Main == nil {
		return
	}
	p := b.Main
	m := machine{s: s, b: b, p: p, now: now, emit: func(fd int, text string) { b.print(now, fd, text) }}
	if n := b.Signals[p.PID]; n > 0 {
		m.end(128 + n)
	}
	m.run()
	if p.Done {
		s.exit(b, p.Code, now)
	}
}

// print adds to the log, line by line.
func (b *box) print(now time.Time, fd int, text string) {
	for line := range strings.Lines(text) {
		n := len(b.Log)
		if n > 0 && b.Log[n-1].FD == fd && !strings.HasSuffix(b.Log[n-1].Text, "\n") {
			b.Log[n-1].Text += line
			continue
		}
		b.Log = append(b.Log, logLine{Time: now, FD: fd, Text: line})
	}
}

func (b *box) alive(pid int) bool {
	_, ok := b.Programs[pid]
	return ok || pid == 1 && b.up() || b.Main != nil && b.Main.PID == pid && !b.Main.Done
}

func (b *box) signal(pid, n int) {
	if b.Signals == nil {
		b.Signals = map[int]int{}
	}
	b.Signals[pid] = n
}

// stop ends a box's processes by a signal, as by hand.
func (s *state) stop(b *box, signal int, now time.Time) {
	b.StoppedByHand = true
	switch {
	case b.State == resource.StateRestarting:
		b.State = resource.StateExited
	case b.up():
		code := 128 + signal
		if b.Main == nil && !b.Attached && signal != 9 {
			code = 0 // an idle agent leaves of its own accord
		}
		s.exit(b, code, now)
		s.emit(b, "stop", now)
	}
}

func (s *state) remove(b *box, now time.Time) {
	s.stop(b, 9, now)
	delete(s.Boxes, b.ID)
	delete(s.Leases, b.ID)
	for _, v := range b.Anonymous {
		delete(s.Volumes, v)
	}
	s.emit(b, "destroy", now)
}
