package fake

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// AddImage puts an image on the engine, or moves a tag to another one.
func (e *Engine) AddImage(ref string, i Image) error {
	return e.atOnce(func(s *state, _ time.Time) error {
		s.addImage(ref, i.made(ref))
		return nil
	})
}

// Publish puts an image into the registry that Pull asks.
func (e *Engine) Publish(ref string, i Image) error {
	return e.atOnce(func(s *state, _ time.Time) error {
		s.publish(ref, i)
		return nil
	})
}

// ByHand does what somebody does behind envy's back, or what happens to an engine. Boxes are named by name or id:
//
//	start BOX, stop BOX, kill BOX, pause BOX, unpause BOX, remove BOX, rename BOX NAME
//	exit BOX CODE             its command ends by itself
//	dead BOX                  its removal got stuck
//	limit BOX MEMORY          memory in bytes
//	write BOX PATH [TEXT…]    a file in it, now
//	delete BOX PATH
//	forget-record BOX         the agent's record cannot be read
//	unhealthy BOX             by the engine's probe
//	connect NETWORK BOX, disconnect NETWORK BOX
//	remove-network NAME, remove-volume NAME, remove-image REFERENCE    used or not
//	foreign-box NAME, foreign-network NAME, foreign-volume NAME        somebody else's
//	agent-volume HASH [BOX]       another version's, in which BOX has its agent
//	listen PORT, unlisten PORT    on the host
//	break-builds TEXT             builds with TEXT in a file of theirs fail
//	offline, online               no registry answers
//	mirror VERSION                all packages have that version from now on
//	publish REFERENCE TEXT        the registry's tag moves to an image with that text in /published
//	down, up                      the engine does not answer
//	restart-engine                boxes stop, and start again where their restart policy says so
func (e *Engine) ByHand(words ...string) error {
	if len(words) == 0 {
		return errors.New("by hand: nothing to do")
	}
	err := e.atOnce(func(s *state, now time.Time) error {
		h := hand{s, now, words[1:]}
		for _, try := range []func(string) (bool, error){h.engine, h.objects, h.box} {
			if done, err := try(words[0]); done || err != nil {
				return err
			}
		}
		return errors.New("it is not known")
	})
	if err != nil {
		return fmt.Errorf("by hand: %s: %w", strings.Join(words, " "), err)
	}
	return nil
}

type hand struct {
	s    *state
	now  time.Time
	args []string
}

func (h hand) arg(i int) string {
	if i < len(h.args) {
		return h.args[i]
	}
	return ""
}

// engine does what concerns the engine as a whole.
func (h hand) engine(verb string) (bool, error) {
	switch verb {
	case "down", "up":
		h.s.Down = verb == "down"
	case "offline", "online":
		h.s.Offline = verb == "offline"
	case "publish":
		h.s.publish(h.arg(0), Image{Manager: "apt", Files: map[string]string{"/published": h.arg(1) + "\n"}})
	case "mirror":
		h.s.Mirror = h.arg(0)
	case "break-builds":
		h.s.BadBuilds = append(h.s.BadBuilds, strings.Join(h.args, " "))
	case "listen", "unlisten":
		port, err := strconv.Atoi(h.arg(0))
		if err != nil {
			return true, err
		}
		delete(h.s.Listeners, port)
		if verb == "listen" {
			h.s.Listeners[port] = "a program on the host"
		}
	case "restart-engine":
		h.restart()
	default:
		return false, nil
	}
	return true, nil
}

func (h hand) restart() {
	for _, b := range h.s.boxes() {
		again := b.Restart == "always" || b.Restart == "unless-stopped" && !b.StoppedByHand
		if b.up() {
			h.s.stop(b, 9, h.now)
			b.StoppedByHand = false
		}
		if again {
			_ = h.s.start(b, h.now) // it stays down, its error says why
		}
	}
}

// objects does what concerns networks, volumes, images and names.
func (h hand) objects(verb string) (bool, error) {
	name := h.arg(0)
	seq, id := h.s.next(verb)
	switch verb {
	case "remove-network":
		n, err := h.s.networkOf(verb, name)
		if err != nil {
			return true, err
		}
		delete(h.s.Networks, n.ID)
	case "remove-volume":
		delete(h.s.Volumes, name)
	case "remove-image":
		delete(h.s.Tags, normal(name))
	case "foreign-network":
		h.s.Networks[id] = &network{ID: id, Seq: seq, Name: name, Created: h.now, Subnets: []string{h.s.freeSubnet()}}
	case "foreign-volume":
		h.s.Volumes[name] = &volume{Name: name}
	case "foreign-box":
		if err := h.s.nameFree(verb, name); err != nil {
			return true, err
		}
		h.s.Boxes[id] = &box{ID: id, Seq: seq, Name: name, Created: h.now, State: resource.StateExited, Layer: map[string]*file{}}
	case "agent-volume":
		return true, h.agentVolume()
	case "connect", "disconnect":
		return true, h.connect(verb)
	default:
		return false, nil
	}
	return true, nil
}

func (h hand) agentVolume() error {
	name := agentVolume + h.arg(0)
	labels := resource.Identity{}.Labels(resource.Owner{})
	labels[resource.LabelAgent] = h.arg(0)
	h.s.Volumes[name] = &volume{Name: name, Created: h.now, Labels: labels}
	if h.arg(1) == "" {
		return nil
	}
	b, err := h.s.find("agent-volume", h.arg(1))
	if err != nil {
		return err
	}
	b.Agent = name
	return nil
}

func (h hand) connect(verb string) error {
	n, err := h.s.networkOf(verb, h.arg(0))
	if err != nil {
		return err
	}
	b, err := h.s.find(verb, h.arg(1))
	if err != nil {
		return err
	}
	b.Joins = slices.DeleteFunc(b.Joins, func(j *join) bool { return j.ID == n.ID })
	if verb == "connect" {
		b.Joins = append(b.Joins, &join{ID: n.ID, Name: n.Name, IP: n.address(), Met: b.up()})
	}
	return nil
}

// box does what concerns one box.
func (h hand) box(verb string) (bool, error) {
	b, err := h.s.find(verb, h.arg(0))
	if err != nil {
		return true, err
	}
	switch verb {
	case "start":
		return true, h.s.start(b, h.now)
	case "stop":
		h.s.stop(b, 15, h.now)
	case "kill":
		h.s.stop(b, 9, h.now)
	case "pause", "unpause":
		return true, h.pause(b, verb)
	case "remove":
		h.s.remove(b, h.now)
	case "rename":
		if err := h.s.nameFree(verb, h.arg(1)); err != nil {
			return true, err
		}
		h.s.rename(b, h.arg(1), h.now)
	case "dead":
		h.s.stop(b, 9, h.now)
		b.State = resource.StateDead
	case "unhealthy":
		h.s.health(b, resource.HealthUnhealthy, h.now)
		b.Probe = h.now.AddDate(1, 0, 0)
	case "forget-record":
		b.Unreadable = true
	case "exit", "limit":
		return true, h.number(b, verb)
	case "write":
		text := strings.Join(h.args[min(2, len(h.args)):], " ") + "\n"
		return true, h.s.putAll(b, h.arg(1), &file{Content: []byte(text), MTime: h.now, Mode: 0o644})
	case "delete":
		return true, h.s.drop(b, h.arg(1))
	default:
		return false, nil
	}
	return true, nil
}

func (h hand) pause(b *box, verb string) error {
	from, to := resource.StateRunning, resource.StatePaused
	if verb == "unpause" {
		from, to = to, from
	}
	if b.State != from {
		return fail(driver.NotRunning, verb, object(b), "Container is "+string(b.State))
	}
	b.State = to
	h.s.emit(b, verb, h.now)
	return nil
}

func (h hand) number(b *box, verb string) error {
	n, err := strconv.ParseInt(h.arg(1), 10, 64)
	if err != nil {
		return err
	}
	if verb == "limit" {
		b.Memory = n
		return nil
	}
	if !b.up() {
		return fail(driver.NotRunning, verb, object(b), "Container is "+string(b.State))
	}
	if b.Main != nil {
		b.Main.Done = true
	}
	h.s.exit(b, int(n), h.now)
	return nil
}

// List describes the boxes, networks and volumes on the engine, a line each, sorted by name, for scripts that look at
// the engine rather than at what a program says of it.
func (e *Engine) List() (string, error) {
	var lines []string
	err := e.atOnce(func(s *state, _ time.Time) error {
		for _, b := range s.Boxes {
			line := "box " + b.Name + " " + string(b.State)
			if b.State == resource.StateExited {
				line += " " + strconv.Itoa(b.Code)
			}
			if b.Health != resource.HealthNone {
				line += " " + string(b.Health)
			}
			lines = append(lines, line)
		}
		for _, n := range s.Networks {
			lines = append(lines, "network "+n.Name)
		}
		for _, v := range s.Volumes {
			lines = append(lines, "volume "+v.Name)
		}
		return nil
	})
	slices.Sort(lines)
	return strings.Join(append(lines, ""), "\n"), err
}
