package fake

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// state is all that the engine remembers. Its JSON is the file of Open.
type state struct {
	Version   int
	Down      bool                  `json:",omitempty"` // the engine does not answer
	Offline   bool                  `json:",omitempty"` // no registry answers
	Seq       int                   // numbers everything made, in order
	Boxes     map[string]*box       // by id
	Networks  map[string]*network   // by id; names are not unique
	Volumes   map[string]*volume    // by name
	Images    map[string]*image     // by id
	Tags      map[string]string     // normalised reference → image id
	Mirror    string                // the version that its packages have, "" is 1.0
	Registry  map[string]*image     // what can be pulled, by normalised reference
	Listeners map[int]string        // ports of the host that something else listens on
	BadBuilds []string              `json:",omitempty"` // builds whose files hold such a text fail
	Events    []recorded            // the last 256
	Leases    map[string]*provision `json:",omitempty"` // box id → the provisioner that runs in it
}

const stateVersion = 1

// recorded is an event with its number.
type recorded struct {
	Seq   int
	Event driver.BoxEvent
}

// box is a container.
type box struct {
	ID, Name, Hostname string
	Seq                int
	Created            time.Time
	ImageRef, ImageID  string
	Spec               resource.BoxSpec
	Labels             map[string]string
	Secrets            map[string]string `json:",omitempty"`
	Volumes            map[string]string `json:",omitempty"` // target → volume name
	Agent              string            `json:",omitempty"` // the volume that it has its agent from
	Anonymous          []string          `json:",omitempty"` // volumes that go with the box
	Joins              []*join           `json:",omitempty"` // the first is its own network
	Peer               string            `json:",omitempty"`
	Gate               bool              `json:",omitempty"`
	Run                *driver.Override  `json:",omitempty"`
	State              resource.State
	Code               int
	Error              string    `json:",omitempty"` // why the last start failed
	Started, Finished  time.Time `json:",omitzero"`
	Starts             int       // tells one life from the next
	Memory, NanoCPUs   int64     `json:",omitempty"`
	Restart            string    `json:",omitempty"`
	StoppedByHand      bool      `json:",omitempty"` // the policy does not start it again
	Retry              time.Time `json:",omitzero"`  // of a restarting one
	Retries            int       `json:",omitempty"`
	Health             resource.Health
	Probe              time.Time `json:",omitzero"` // the next one
	BadProbes          int       `json:",omitempty"`
	Life               string    `json:",omitempty"` // of the box whose file system it has; "" is its own
	Layer              map[string]*file
	Tmpfs              map[string]map[string]*file `json:",omitempty"`
	Record             resource.Record
	Written            map[string]time.Time `json:",omitempty"` // files of Record, when
	Unreadable         bool                 `json:",omitempty"` // the record cannot be read
	Main               *process             `json:",omitempty"` // the command, when it runs by itself
	Attached           bool                 `json:",omitempty"` // the command runs under Attach
	Programs           map[int]string       `json:",omitempty"` // of execs, by pid
	Signals            map[int]int          `json:",omitempty"` // sent to them and not yet seen
	Pids               int
	Log                []logLine `json:",omitempty"`
}

type join struct {
	ID, Name string
	Aliases  []string `json:",omitempty"`
	IP       string   `json:",omitempty"`
	Fixed    bool     `json:",omitempty"` // IP was asked for
	Met      bool     `json:",omitempty"` // the box ran on it: from then on it is known by its id, before by its name
}

type network struct {
	ID, Name       string
	Seq            int
	Created        time.Time
	Internal, IPv6 bool
	Subnets        []string
	Configured     bool // the subnets were asked for
	Labels         map[string]string
	Hosts          int // addresses given out
}

type volume struct {
	Name    string
	Created time.Time         `json:",omitzero"` // of an agent's
	Labels  map[string]string `json:",omitempty"`
	Files   map[string]*file  `json:",omitempty"`
}

type image struct {
	Fact     resource.ImageFact
	Manager  string            `json:",omitempty"`
	Files    map[string]*file  `json:",omitempty"`
	Programs map[string]string `json:",omitempty"` // name → script
	Users    map[string]int    `json:",omitempty"`
	Denied   bool              `json:",omitempty"`
	Created  time.Time         `json:",omitzero"`  // of one that was built here
	Of       *kept             `json:",omitempty"` // the box that it was committed from
}

// kept is what the agent of a box left in an image of it.
type kept struct {
	Life    string
	Record  resource.Record
	Written map[string]time.Time `json:",omitempty"`
}

// file is a file or a directory; Gone hides one of the image's.
type file struct {
	Content []byte    `json:",omitempty"`
	MTime   time.Time `json:",omitzero"`
	Mode    uint32    `json:",omitempty"`
	Owner   string    `json:",omitempty"`
	Dir     bool      `json:",omitempty"`
	Gone    bool      `json:",omitempty"`
}

type logLine struct {
	Time time.Time
	FD   int
	Text string // with its line end, where it has one
}

// provision is a script that runs under the agent's lock.
type provision struct {
	Token string
	Until time.Time // the lock of a process that died is free then
}

func newState() *state {
	return &state{
		Version: stateVersion, Boxes: map[string]*box{}, Networks: map[string]*network{}, Volumes: map[string]*volume{},
		Images: map[string]*image{}, Tags: map[string]string{}, Registry: map[string]*image{}, Listeners: map[int]string{},
		Leases: map[string]*provision{},
	}
}

// next numbers things and makes ids that look like an engine's.
func (s *state) next(what string) (int, string) {
	s.Seq++
	return s.Seq, resource.Digest(what + time.Unix(int64(s.Seq), 0).UTC().String())
}

func (s *state) boxes() []*box {
	return slices.SortedFunc(maps.Values(s.Boxes), func(a, b *box) int { return a.Seq - b.Seq })
}

func (s *state) networks() []*network {
	return slices.SortedFunc(maps.Values(s.Networks), func(a, b *network) int { return a.Seq - b.Seq })
}

func (s *state) volumes() []*volume {
	return slices.SortedFunc(maps.Values(s.Volumes), func(a, b *volume) int { return strings.Compare(a.Name, b.Name) })
}

// find gives a box by id, by the beginning of one, or by name.
func (s *state) find(op, id string) (*box, error) {
	if b, ok := s.Boxes[id]; ok {
		return b, nil
	}
	for _, b := range s.boxes() {
		if b.Name == id || len(id) >= 12 && strings.HasPrefix(b.ID, id) {
			return b, nil
		}
	}
	return nil, fail(driver.NotFound, op, "box "+id, "No such container: "+id)
}

// running is find for what needs a running box.
func (s *state) running(op, id string) (*box, error) {
	b, err := s.find(op, id)
	if err != nil {
		return nil, err
	}
	switch b.State {
	case resource.StateRunning:
		return b, nil
	case resource.StatePaused:
		return nil, fail(driver.NotRunning, op, "box "+b.Name, "Container "+b.ID+" is paused, unpause the container before exec")
	}
	return nil, fail(driver.NotRunning, op, "box "+b.Name, "Container "+b.ID+" is not running")
}

func (s *state) networkOf(op, id string) (*network, error) {
	if n, ok := s.Networks[id]; ok {
		return n, nil
	}
	for _, n := range s.networks() {
		if n.Name == id {
			return n, nil
		}
	}
	return nil, fail(driver.NotFound, op, "network "+id, "network "+id+" not found")
}

func fail(kind driver.Kind, op, object, text string) error {
	return &driver.Error{Kind: kind, Op: op, Object: object, Text: text}
}
