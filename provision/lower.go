package provision

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/envyhq/envy/boxes/lock"
	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/provision/dockerfile"
	"github.com/envyhq/envy/provision/recipe"
	"github.com/envyhq/envy/provision/resource"
)

// lowering turns an evaluated configuration into desired resources. It reads inputs and build contexts through Host and
// decides nothing about what is there already.
type lowering struct {
	host    Host
	holding func(reference string) string // names the archive that has an image
	key     []byte
	caller  config.Host
	project *config.Project
	lock    lock.Lock
	folder  string // of the Envfile within the inside root, with a slash; "" is the root
	diags   diag.List
	out     resource.Desired
	images  map[string]bool
	builds  map[string]builtFrom // by context, dockerfile: hashed once
	locked  bool
	from    map[string]string           // see Project
	read    map[string]dockerfile.Bases // by Dockerfile, target and arguments: replicas have the same
}

// builtFrom is what was read of a build {}'s context.
type builtFrom struct {
	spec resource.BuildSpec
	text string // of the Dockerfile
}

// lower is complete only without errors in the list. base names facts by reference, as far as they are known.
func lower(ctx context.Context, env Env, p *Project) (resource.Desired, diag.List) {
	l := &lowering{
		host: env.Host, holding: env.holding, key: env.Key, caller: p.Values.Host, project: p.Config, images: map[string]bool{},
		builds: map[string]builtFrom{}, lock: p.Lock, locked: p.Locked, from: p.from, read: map[string]dockerfile.Bases{},
		out: resource.Desired{
			Identity: p.Identity, Name: p.Config.Name, Version: env.Version,
		},
	}
	if p.Values.Folder != "." && p.Values.Folder != "" {
		l.folder = p.Values.Folder + "/"
	}
	l.networks()
	for order, b := range ordered(p.Config.Boxes) {
		l.out.Boxes = append(l.out.Boxes, l.box(ctx, b, order+1))
	}
	return l.out, l.diags
}

// ordered puts boxes behind what they depend on, else as written. Cycles are config's to report.
func ordered(boxes []*config.Box) []*config.Box {
	byName := map[string]*config.Box{}
	for _, b := range boxes {
		byName[b.Name] = b
	}
	var out []*config.Box
	seen := map[string]bool{}
	var visit func(b *config.Box)
	visit = func(b *config.Box) {
		if b == nil || seen[b.Name] {
			return
		}
		seen[b.Name] = true
		for _, d := range needs(b) {
			visit(byName[d])
		}
		out = append(out, b)
	}
	for _, b := range boxes {
		visit(b)
	}
	return out
}

// needs are the boxes that must stand before b: depends_on, and whose network it shares.
func needs(b *config.Box) []string {
	var out []string
	for _, d := range b.DependsOn {
		out = append(out, d.Name)
	}
	if b.NetworkMode.Mode == "box" {
		out = append(out, b.NetworkMode.Box)
	}
	return out
}

func origin(r diag.Range) resource.Origin {
	return resource.Origin{File: r.File, Line: r.Start.Line}
}

func (l *lowering) networks() {
	declared := map[string]bool{}
	for _, n := range l.project.Networks {
		declared[n.Label] = true
		l.out.Networks = append(l.out.Networks, resource.NetworkWanted{
			Label: n.Label, External: n.External, Internal: n.Internal, IPv6: n.IPv6, Subnets: n.Subnets, Origin: origin(n.Range),
		})
	}
	if !declared["default"] {
		l.out.Networks = append(l.out.Networks, resource.NetworkWanted{Label: "default"})
	}
}

func (l *lowering) box(ctx context.Context, b *config.Box, order int) resource.BoxWanted {
	w := resource.BoxWanted{
		Key: resource.Key{Box: b.Label, Index: b.Index}, Counted: b.Counted, Autostart: b.Autostart, Origin: origin(b.Range),
		Origins: l.origins(b), Secrets: resource.StrMap{}, Hostname: b.Hostname, HostSized: b.HostSized,
	}
	if w.Hostname == "" {
		w.Hostname = b.Name
	}
	s := &w.Spec
	s.Version = resource.SpecVersion
	w.Image = l.image(ctx, b, s)
	l.command(b, s)
	l.env(b, &w)
	w.Notes = append(w.Notes, contextNote(b)...)
	l.user(b, &w)
	l.ports(b, s)
	l.mounts(b, s)
	l.joins(b, s)
	l.limits(b, s)
	l.engine(b, s)
	l.files(b, &w)
	l.provisions(ctx, b, &w)
	l.health(b, s)
	s.Meta = resource.Meta{
		Primary: b.Primary, NoAutostart: !b.Autostart, Counted: b.Counted, Order: order,
		Written:     slices.Index(l.project.Boxes, b) + 1,
		WaitTimeout: wholeSeconds(b.WaitTimeout),
	}
	w.DependsOn, s.Meta.DependsOn = l.dependencies(b)
	return w
}

func (l *lowering) dependencies(b *config.Box) (keys []resource.Key, labels []string) {
	seen := map[string]bool{}
	for _, name := range needs(b) {
		for _, d := range l.project.Boxes {
			if d.Name != name {
				continue
			}
			keys = append(keys, resource.Key{Box: d.Label, Index: d.Index})
			if !seen[d.Label] {
				seen[d.Label] = true
				labels = append(labels, d.Label)
			}
		}
	}
	return keys, labels
}

// origins maps attribute paths, as plans write them, to places in the Envfile.
func (l *lowering) origins(b *config.Box) map[string]resource.Origin {
	out := map[string]resource.Origin{}
	for name, r := range b.Attrs {
		out[name] = origin(r)
	}
	if b.Build != nil {
		out["build"], out["image"] = origin(b.Build.Range), origin(b.Build.Range)
	}
	for _, p := range b.Ports {
		out["port."+p.Label] = origin(p.HostRange)
	}
	for _, x := range b.Shares {
		out["share."+x.Label] = origin(x.Range)
	}
	for _, v := range b.Volumes {
		out["volume."+v.Label] = origin(v.Range)
	}
	for _, t := range b.Tmpfs {
		out["tmpfs."+t.Target] = origin(t.Range)
	}
	for _, n := range b.Networks {
		out["network."+n.Label] = origin(n.Range)
	}
	for _, f := range b.Files {
		out["file."+f.Target] = origin(f.Range)
	}
	for _, s := range b.Setups {
		out["setup."+s.Label] = origin(s.Range)
	}
	for _, p := range b.Provisioners {
		out["provision."+p.Label] = origin(p.Range)
	}
	if b.Healthcheck != nil {
		out["healthcheck"] = origin(b.Healthcheck.Range)
	}
	return out
}

// image lowers what the box is made from, and registers it once for all boxes that share it.
func (l *lowering) image(ctx context.Context, b *config.Box, s *resource.BoxSpec) string {
	i := resource.ImageSpec{Reference: b.Image, Platform: b.Platform}
	w := resource.ImageWanted{Reference: b.Image, Origin: origin(b.AttrRange("image")), Origins: map[string]resource.Origin{}}
	w.Archive = l.holding(b.Image)
	if d := digestOf(l.lock, b.Image); d != "" && b.Build == nil && w.Archive == "" {
		w.Reference, w.Digest, w.Locked = pinned(b.Image, d), d, true
	}
	if b.Build != nil {
		spec, wanted := l.build(ctx, b)
		i.Reference, i.Build, w.Build = "", &spec, &wanted
		w.Reference = recipe.BuildTag(resource.ImageSpec{Build: &spec, Platform: b.Platform})
		w.Origin = origin(b.Build.Range)
	}
	i.Packages = packagesOf(b)
	for _, x := range b.Setups {
		setup := l.setup(ctx, x)
		w.Setups = append(w.Setups, setup)
		i.Setups = append(i.Setups, recipe.Setup(setup))
		w.Origins["setup."+x.Label] = origin(x.Range)
	}
	if len(b.Packages) > 0 {
		w.Origins["packages"] = origin(b.AttrRange("packages"))
	}
	w.Spec, s.Image = i, i
	w.ID = resource.Digest(resource.BoxSpec{Image: i}.Encode())[:16]
	if !l.images[w.ID] {
		l.images[w.ID] = true
		l.out.Images = append(l.out.Images, w)
	}
	return w.ID
}

// packagesOf are a box's packages and those of its setups, which join its package step (§3), each once.
func packagesOf(b *config.Box) []string {
	var all []string
	add := func(packages []config.Package) {
		for _, p := range packages {
			if !slices.Contains(all, p.Written) {
				all = append(all, p.Written)
			}
		}
	}
	add(b.Packages)
	for _, x := range b.Setups {
		add(x.Packages)
	}
	return all
}

// lockIn is the lock's path below a folder of the host, none where it does not lie there. What up writes is no input of what
// it makes.
func lockIn(p *config.Project, folder string) []string {
	rel, ok := strings.CutPrefix(path.Join(p.Dir, lock.NameFor(p.File)), strings.TrimSuffix(folder, "/")+"/")
	if !ok {
		return nil
	}
	return []string{rel}
}

func (l *lowering) fail(r diag.Range, summary, detail, hint string) {
	l.diags = append(l.diags, diag.Diagnostic{Class: diag.Invalid, Summary: summary, Detail: detail, Hint: hint, Range: r})
}

// build reads a build {}'s context: once for each folder and Dockerfile.
func (l *lowering) build(ctx context.Context, b *config.Box) (resource.BuildSpec, resource.BuildWanted) {
	x := b.Build
	wanted := resource.BuildWanted{Dir: x.Context.Path, Dockerfile: x.Dockerfile, Target: x.Target, Args: pairs(x.Args)}
	help := "context is a folder of the checkout with a Dockerfile in it; dockerfile is relative to it"
	if x.Tree != nil {
		wanted.Definition, wanted.Dir = x.Definition, x.Context.Rel
		help = "context is a folder of the definition's own files with a Dockerfile in it; dockerfile is relative to it"
	}
	key := wanted.Definition + "\x00" + wanted.Dir + "\x00" + x.Dockerfile
	read, known := l.builds[key]
	if !known {
		c, err := contextOf(l.host, l.project, x)
		if err == nil {
			read.spec.Context, err = c.Hash(ctx)
		}
		if err == nil {
			read.text, err = c.Text()
			read.spec.Dockerfile = resource.Digest(read.text)
		}
		if err != nil {
			l.fail(x.Range, fmt.Sprintf("the build context of box %q cannot be used", b.Label), err.Error(), help)
			if refused := (*RefusedError)(nil); errors.As(err, &refused) {
				last := &l.diags[len(l.diags)-1]
				last.Class, last.Hint = diag.Refused, refused.Hint
			}
		}
		l.builds[key] = read
	}
	spec := read.spec
	spec.Target, spec.Args = x.Target, pairs(x.Args)
	l.bases(b, read.text, &spec, &wanted)
	return spec, wanted
}

// contextOf opens a build's context, where it lies on the host or in a definition's tree.
func contextOf(host Host, p *config.Project, x *config.Build) (*recipe.Context, error) {
	tree, err := sourceOf(host, x)
	if err != nil {
		return nil, err
	}
	var hidden []string
	if x.Tree == nil {
		hidden = lockIn(p, x.Context.Path)
	}
	return recipe.NewContext(tree, x.Dockerfile, hidden...)
}

// sourceOf opens the folder of a build's context.
func sourceOf(host Host, x *config.Build) (recipe.Source, error) {
	if x.Tree == nil {
		return host.Tree(x.Context.Path)
	}
	sub, err := x.Tree.Below(x.Context.Rel)
	if err != nil {
		return nil, err
	}
	tree, ok := sub.(recipe.Source)
	if !ok {
		return nil, fmt.Errorf("the files of %s cannot be listed", x.Definition)
	}
	return tree, nil
}

func (l *lowering) setup(ctx context.Context, x *config.Setup) resource.SetupWanted {
	w := resource.SetupWanted{Name: x.Label, Script: x.Run, User: x.User, Env: pairs(x.Env), Unset: x.Unset}
	folder, left := "", maxInputs
	if x.Folder != "." && x.Folder != "" {
		folder = x.Folder + "/"
	}
	for _, f := range l.match(ctx, x.Tree, x.Inputs) {
		data, err := l.readInput(x.Tree, f.Name, left)
		if err != nil {
			l.fail(x.Range, fmt.Sprintf("an input of setup %q cannot be read", x.Label), err.Error(), "")
			break
		}
		left -= len(data)
		w.Inputs = append(w.Inputs, resource.InputFile{
			Path: strings.TrimPrefix(f.Name, folder), Mode: uint32(f.Mode.Perm()), Content: data,
		})
	}
	return w
}

func pairs(in []config.Pair) resource.StrMap {
	if len(in) == 0 {
		return nil
	}
	out := resource.StrMap{}
	for _, p := range in {
		out[p.Key] = p.Value
	}
	return out
}
