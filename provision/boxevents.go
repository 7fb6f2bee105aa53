package provision

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// BoxEvent is something that happened to a box.
type BoxEvent struct {
	driver.BoxEvent
	Box string // as users type it; of a throw-away box, with the run: web.run-3f2a1c
}

// Events calls f for what happens to boxes, as the driver tells it. names select as users type them; none: all of the checkout, also
// those that are made later.
func Events(ctx context.Context, env Env, s *Scene, names []string, o driver.EventOptions, f func(BoxEvent) bool) error {
	return env.Engine.Events(ctx, s.Identity, o, func(e driver.BoxEvent) bool {
		box := s.nameOf(e.Name, e.Owner)
		return !meant(names, box, e.Owner) || f(BoxEvent{e, box})
	})
}

// nameOf is what users type for the box of a container, which may be gone by now.
func (s *Scene) nameOf(container string, o resource.Owner) string {
	base, suffix, _ := resource.SplitName(container)
	for _, project := range []string{s.Identity.Project, o.Project} {
		if name, ok := strings.CutPrefix(base, project+"-"); ok && project != "" {
			if o.Run != "" {
				name += "." + string(suffix)
			}
			return name
		}
	}
	return o.Box
}

func meant(names []string, box string, o resource.Owner) bool {
	if len(names) == 0 {
		return true
	}
	replica := resource.Key{Box: o.Box, Index: max(o.Index, 1)}.ReplicaName(true)
	for _, n := range names {
		if glob, err := path.Match(n, box); n == box || n == o.Box || n == replica || err == nil && glob {
			return true
		}
	}
	return false
}

// String is what happened, in words.
func (e BoxEvent) String() string {
	if health, ok := strings.CutPrefix(e.Action, driver.HealthAction+": "); ok {
		return "is " + health
	}
	switch e.Action {
	case "die":
		return fmt.Sprintf("ended with exit code %d", e.Code)
	case "kill":
		return "was sent signal " + e.Signal
	case "rename":
		return "renamed from " + e.From + " to " + e.Name
	}
	if words, ok := map[string]string{
		"create": "created", "start": "started", "restart": "restarted", "stop": "stopped", "oom": "has no memory left", "pause": "suspended",
		"unpause": "resumed", "update": "limits changed", "destroy": "removed",
	}[e.Action]; ok {
		return words
	}
	return e.Action
}
