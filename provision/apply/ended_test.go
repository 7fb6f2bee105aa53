package apply

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// gone is a stage whose box has ended.
type gone struct{ stage }

func (g *gone) Detail(context.Context, string) (resource.BoxDetail, error) {
	return resource.BoxDetail{ExitCode: 3, Started: time.Unix(1, 0), Finished: time.Unix(2, 0)}, nil
}

func TestCommandThatEndsWhileWaitedFor(t *testing.T) {
	s := &gone{stage{fail: map[string]error{"wait web": &driver.ScriptError{Code: 137}}}}
	wait := box(plan.OpWaitHealthy, "web")
	wait.Health = &resource.HealthSpec{}
	r := Run(t.Context(), number(wait), s, nil, Options{})
	var ended *EndedError
	if err := r.Err(t.Context()); !errors.As(err, &ended) || ended.Code != 3 {
		t.Errorf("error = %v, want the command's own exit code", err)
	}
}
