package plan

import (
	"cmp"
	"maps"
	"slices"

	"github.com/envyhq/envy/provision/resource"
)

// inside plans what happens in a box between its start and its being ready: files, provisioners, the command's release,
// the check, provisioners behind it (§2, Order and readiness). first is true for a box that was never ready. done is
// false where --no-provision left something out, so that the box must not bear the name of one that is done.
func (p *planner) inside(w resource.BoxWanted, spec resource.BoxSpec, t Target, rec resource.Record, release, first bool, last int) (end int, done bool) {
	last = p.writeFiles(w, t, rec, last)
	last, skipped := p.provisions(w, t, rec, "", first, last)
	if release && !rec.Released {
		last = p.step(Step{Op: OpRelease, Address: boxAddress(w), Target: t, Needs: []int{last}, Origin: w.Origin, Diff: len(spec.Provisions)+len(copies(spec)) > 0})
	}
	switch h := p.health(w); {
	case spec.Oneshot:
		last = p.step(Step{Op: OpWaitExit, Address: boxAddress(w), Target: t, Needs: []int{last}, Origin: w.Origin, Timeout: spec.Meta.WaitTimeout})
	case h != nil:
		last = p.step(Step{
			Op: OpWaitHealthy, Address: boxAddress(w), Target: t, Health: h, Needs: []int{last}, Origin: w.OriginOf("healthcheck"),
			Timeout: spec.Meta.WaitTimeout,
		})
	}
	last, skippedAfter := p.provisions(w, t, rec, "healthy", first, last)
	return last, !skipped && !skippedAfter
}

func (p *planner) writeFiles(w resource.BoxWanted, t Target, rec resource.Record, last int) int {
	var todo []resource.FileContent
	wanted := map[string]bool{}
	for _, f := range w.Files {
		wanted[f.Target] = true
		if rec.Files[f.Target] != f.Hash {
			todo = append(todo, f)
		}
	}
	for _, target := range sortedStrings(rec.Files) {
		if !wanted[target] {
			todo = append(todo, resource.FileContent{Target: target, Remove: true})
		}
	}
	if len(todo) == 0 {
		return last
	}
	return p.step(Step{
		Op: OpWriteFiles, Address: boxAddress(w), Target: t, Files: todo, Needs: []int{last}, Origin: w.OriginOf("file." + todo[0].Target),
	})
}

// provisions plans the runs of one phase, one after the other, as written.
func (p *planner) provisions(w resource.BoxWanted, t Target, rec resource.Record, phase string, first bool, last int) (end int, skipped bool) {
	for i, s := range w.Spec.Provisions {
		if s.After != phase || !p.due(w, s, rec, first || p.touched[w.Key]) {
			continue
		}
		if p.in.Options.NoProvision {
			skipped = true
			continue
		}
		addr := resource.Address{Kind: resource.KindProvision, Box: w.Replica(), Name: s.Name}
		last = p.step(Step{
			Op: OpProvision, Address: addr, Target: t, Name: s.Name, Script: &w.Scripts[i], Needs: []int{last},
			Origin: w.OriginOf("provision." + s.Name), Timeout: s.Timeout,
		})
		if first {
			p.firstRun(w, s.Name)
			continue
		}
		p.change(Change{Address: addr, Action: Update, Summary: "runs", Reason: dueReason(s, rec), Origin: w.OriginOf("provision." + s.Name)})
	}
	return last, skipped
}

// firstRun names a provisioner in the change that makes its box.
func (p *planner) firstRun(w resource.BoxWanted, name string) {
	for i := range p.plan.Changes {
		c := &p.plan.Changes[i]
		if c.Address == boxAddress(w) && (c.Action == Create || c.Action == Replace) {
			c.Provisions = append(c.Provisions, name)
		}
	}
}

// due says whether a provisioner runs now, by its `when` (§2, Scripts).
func (p *planner) due(w resource.BoxWanted, s resource.ProvisionSpec, rec resource.Record, started bool) bool {
	if s.When == "never" {
		return false
	}
	if p.told(w, p.in.Options.Provision) {
		return true
	}
	run, ran := rec.Runs[s.Name]
	switch s.When {
	case "once":
		return !ran
	case "always":
		return started || !ran
	}
	return !ran || run.Hash != s.Run && (resource.SameKey(run.Hash, s.Run) || run.Hash == "")
}

func dueReason(s resource.ProvisionSpec, rec resource.Record) string {
	switch _, ran := rec.Runs[s.Name]; {
	case !ran:
		return "did not run yet"
	case s.When == "always":
		return "runs after each start"
	case rec.Runs[s.Name].Hash != s.Run:
		return "script, env or inputs changed"
	}
	return "--provision"
}

// SecretsOf are the sensitive values of a box, which nothing that it prints may show, the longest first: one may be part
// of another.
func SecretsOf(w resource.BoxWanted) []string {
	out := slices.Collect(maps.Values(w.Secrets))
	for _, s := range w.Scripts {
		out = append(out, s.Secrets...)
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	return slices.Compact(out)
}
