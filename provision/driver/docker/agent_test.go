package docker

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/volume"

	"github.com/envyhq/envy/internal/agent/wire"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// freshAgent is the agent under a hash that no volume on the engine has.
func freshAgent(t *testing.T, e func() *Engine) func(*Options) {
	t.Helper()
	hash := "test" + randomHex(6)
	t.Cleanup(func() {
		engine := e()
		err := engine.RemoveVolume(context.Background(), agentVolumePrefix+hash)
		if err := errors.Join(err, engine.Close()); err != nil { // closed before, it has a connection again
			t.Error(err)
		}
	})
	return func(o *Options) {
		o.Agent = func(arch string) (Agent, error) {
			a, err := testAgent(arch)
			a.Hash = hash
			return a, err
		}
	}
}

// Two clients at once, on an engine where a third died half way: no box ever starts from half a binary.
func TestAgentIsDeliveredWhole(t *testing.T) {
	var engines []*Engine
	fresh := freshAgent(t, func() *Engine { return engines[0] })
	for range 3 {
		engines = append(engines, openEngine(t, fresh))
	}
	agent, err := engines[0].opts.Agent(goArch("x86_64"))
	if err != nil {
		t.Skip(err)
	}
	half := agentVolume{name: agentVolumePrefix + agent.Hash, agent: agent}
	if _, err := engines[0].api.VolumeCreate(t.Context(), volume.CreateOptions{Name: half.name, Labels: half.labels("test")}); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for _, e := range engines {
		p := newProject(t, e)
		b := p.box(resource.BoxSpec{})
		all.Go(func() {
			id, err := e.CreateBox(t.Context(), b)
			if err != nil {
				t.Error(err)
				return
			}
			if err := e.StartBox(t.Context(), id, ""); err != nil {
				t.Error(err)
				return
			}
			if got := p.sh(id, "echo alive"); got != "alive" {
				t.Errorf("got %q", got)
			}
		})
	}
	all.Wait()
	left, err := engines[0].api.ContainerList(t.Context(), container.ListOptions{All: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range left {
		if strings.HasPrefix(c.Names[0], "/"+half.name) {
			t.Errorf("helper %s is left", c.Names[0])
		}
	}
}

// The binary is unpacked only where the volume lacks it.
func TestAgentIsNotDeliveredTwice(t *testing.T) {
	p := newProject(t, openEngine(t))
	p.up(p.box(resource.BoxSpec{}))
	again := openEngine(t, func(o *Options) {
		o.Agent = func(arch string) (Agent, error) {
			a, err := testAgent(arch)
			a.Binary = func() ([]byte, error) { t.Error("the binary was asked for"); return nil, nil }
			return a, err
		}
	})
	second := newProject(t, again)
	second.up(second.box(resource.BoxSpec{}))
}

// A stopped box whose agent somebody took away starts all the same; where it was of another version, what to do is said.
func TestAgentIsRestored(t *testing.T) {
	var engines []*Engine
	fresh := freshAgent(t, func() *Engine { return engines[0] })
	for range 3 {
		engines = append(engines, openEngine(t, fresh))
	}
	engines = append(engines, openEngine(t))
	p := newProject(t, engines[0])
	id := p.up(p.box(resource.BoxSpec{}))
	agent, err := engines[0].opts.Agent(goArch("x86_64"))
	if err != nil {
		t.Skip(err)
	}
	lose := func() {
		t.Helper()
		if err := p.e.StopBox(t.Context(), id, 0); err != nil {
			t.Fatal(err)
		}
		volume := agentVolumePrefix + agent.Hash
		out, err := exec.CommandContext(t.Context(), "docker", "run", "--rm", "-v", volume+":/v", testImage, "sh", "-c", "rm /v/*").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	lose()
	other := engines[3].StartBox(t.Context(), id, "")
	if !driver.Is(other, driver.Failed) || !strings.Contains(other.Error(), agentVolumePrefix+agent.Hash+" has lost its agent") {
		t.Errorf("by an envy with another agent: %v", other)
	}
	for _, e := range engines[1:3] {
		if err := e.StartBox(t.Context(), id, ""); err != nil {
			t.Fatal(err)
		}
		if got := p.sh(id, "echo alive"); got != "alive" {
			t.Errorf("got %q", got)
		}
		lose()
	}
}

// The agent's protocol version travels with each order, so that an agent of another release can say no.
func TestAgentsRefusalIsTold(t *testing.T) {
	p := newProject(t, openEngine(t))
	id := p.up(p.box(resource.BoxSpec{}))
	err := p.e.do(t.Context(), id, "write files in", order{verb: wire.VerbFiles, stdin: []byte(`{"version":99,"value":{}}`)})
	if !driver.Is(err, driver.Failed) || !strings.Contains(err.Error(), "newer") {
		t.Errorf("error %v", err)
	}
}
