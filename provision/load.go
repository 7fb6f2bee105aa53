package provision

import (
	"context"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/provision/resource"
)

// Load parses and evaluates an Envfile. The project is nil when the list has errors. Definitions are the gate's list of
// those that the Envfile names where one is not trusted yet; nothing more is known of the project then. Ports without a number have the
// derived one until the engine was asked (§2, Values in expressions).
func Load(ctx context.Context, layers []config.Source, v config.Values, id resource.Identity) (p *Project, definitions []config.GateEntry, list diag.List) {
	v.Checkout = id.Checkout
	file, diags := config.ParseWith(ctx, v.Definitions, layers...)
	if file == nil {
		return nil, nil, diags
	}
	if definitions := file.Untrusted(); definitions != nil {
		diags.Sort()
		return nil, definitions, diags
	}
	evaluated, more := file.Evaluate(ctx, v)
	diags = append(diags, more...)
	diags.Sort()
	if diags.HasErrors() || evaluated == nil {
		return nil, nil, diags
	}
	return &Project{File: file, Values: v, Config: evaluated, Identity: id}, nil, diags
}

// with evaluates once more, with the name that the checkout bears and the ports of boxes that exist, and asks the gate.
func (p *Project) with(ctx context.Context, env Env, name string, ports map[config.PortKey]int) (*Project, error) {
	v := p.Values
	v.Name, v.KnownPorts = name, ports
	evaluated, diags := p.File.Evaluate(ctx, v)
	if err := diags.Err(); err != nil {
		return nil, err
	}
	if env.Gate != nil {
		if err := env.Gate(ctx, evaluated); err != nil {
			return nil, err
		}
	}
	q := *p
	q.Values, q.Config, q.Identity.Project = v, evaluated, name
	return &q, nil
}
