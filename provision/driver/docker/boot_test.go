package docker

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/internal/agent/wire"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

func argv(words ...string) *resource.Argv {
	a := resource.Argv(words)
	return &a
}

func TestCommandOf(t *testing.T) {
	image := resource.ImageFact{Entrypoint: []string{"/entry", "-x"}, Cmd: []string{"serve"}}
	for _, c := range []struct {
		name string
		spec resource.BoxSpec
		fact resource.ImageFact
		run  *driver.Override
		want []string
		bad  bool
	}{
		{name: "idles", fact: image},
		{name: "service", spec: resource.BoxSpec{Service: true}, fact: image, want: []string{"/entry", "-x", "serve"}},
		{name: "oneshot without command", spec: resource.BoxSpec{Oneshot: true}, fact: image, want: []string{"/entry", "-x", "serve"}},
		{name: "command keeps the entrypoint", spec: resource.BoxSpec{Command: argv("a", "b c")}, fact: image, want: []string{"/entry", "-x", "a", "b c"}},
		{name: "command of a service", spec: resource.BoxSpec{Service: true, Command: argv("a")}, fact: image, want: []string{"/entry", "-x", "a"}},
		{name: "entrypoint drops the command", spec: resource.BoxSpec{Entrypoint: argv("e")}, fact: image, want: []string{"e"}},
		{name: "both", spec: resource.BoxSpec{Entrypoint: argv("e"), Command: argv("c")}, fact: image, want: []string{"e", "c"}},
		{name: "empty entrypoint and command", spec: resource.BoxSpec{Entrypoint: argv(), Command: argv("c")}, fact: image, want: []string{"c"}},
		{name: "empty command of a service", spec: resource.BoxSpec{Command: argv()}, fact: image, want: []string{"/entry", "-x"}},
		{name: "throw-away", spec: resource.BoxSpec{Service: true}, fact: image, run: &driver.Override{Command: []string{"ls"}}, want: []string{"ls"}},
		{name: "service of an image with nothing to run", spec: resource.BoxSpec{Service: true}, bad: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := commandOf(driver.NewBox{Spec: c.spec, Fact: c.fact, Run: c.run, Image: "img"})
			if (err != nil) != c.bad {
				t.Fatalf("error %v, want one: %t", err, c.bad)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBootOf(t *testing.T) {
	dev := &resource.UserSpec{Name: "dev", UID: 1000, GID: 1001, Adopt: true}
	for _, c := range []struct {
		name  string
		box   driver.NewBox
		about engineInfo
		want  wire.Boot
	}{
		{
			name: "idle box with the image's own user",
			box:  driver.NewBox{Fact: resource.ImageFact{User: "app", Workdir: "/app", StopSignal: "SIGINT"}},
			want: wire.Boot{User: "app", Dir: "/app", StopSignal: "SIGINT"},
		},
		{
			name: "made user, volumes, shares",
			box: driver.NewBox{
				Spec: resource.BoxSpec{
					User: dev, Groups: []string{"docker"}, Shell: "/bin/zsh", Workdir: "/workspace", Command: argv("run"),
					StopSignal: "USR1",
					Mounts: []resource.MountSpec{
						{Type: resource.MountVolume, Target: "/data"},
						{Type: resource.MountVolume, Target: "/fixed", ReadOnly: true},
						{Type: resource.MountVolume, Target: "/theirs", External: "x"},
						{Type: resource.MountBind, Source: "/src", Target: "/workspace"},
					},
				},
				Volumes: map[string]string{"/data": "v", "/fixed": "w", "/image": "u"},
				GitSafe: []string{"/workspace"},
				Gate:    true,
			},
			want: wire.Boot{
				Users: []wire.UserBoot{{Name: "dev", UID: 1000, GID: 1001, Adopt: true, Shell: "/bin/zsh", Groups: []string{"docker"}}},
				User:  "dev", Groups: []string{"docker"}, Argv: []string{"run"}, Dir: "/workspace", Gate: true, StopSignal: "USR1",
				Volumes: []string{"/data", "/image", "/theirs"}, SafeDirs: []string{"/workspace"},
			},
		},
		{
			name: "login is another user",
			box:  driver.NewBox{Spec: resource.BoxSpec{User: &resource.UserSpec{Name: "app", UID: 5, GID: 6}, Login: &resource.UserSpec{Name: "dev", UID: 5, GID: 6}}},
			want: wire.Boot{User: "app", Users: []wire.UserBoot{{Name: "app", UID: 5, GID: 6}, {Name: "dev", UID: 5, GID: 6}}},
		},
		{
			name:  "rootless engine",
			box:   driver.NewBox{Spec: resource.BoxSpec{User: dev}},
			about: engineInfo{rootless: true},
			want:  wire.Boot{User: "dev", Users: []wire.UserBoot{{Name: "dev", Adopt: true}}},
		},
		{
			name: "numeric user with groups",
			box:  driver.NewBox{Spec: resource.BoxSpec{User: &resource.UserSpec{Name: "7:8"}, Groups: []string{"9"}}},
			want: wire.Boot{User: "7:8", Groups: []string{"9"}},
		},
		{
			name: "read-only root",
			box:  driver.NewBox{Spec: resource.BoxSpec{User: dev, ReadOnly: true, Groups: []string{"9"}}, Volumes: map[string]string{"/v": "v"}},
			want: wire.Boot{
				User: "1000:1001", Users: []wire.UserBoot{{Name: "dev", UID: 1000, GID: 1001, Adopt: true, Groups: []string{"9"}}},
				Groups: []string{"9"}, Unprivileged: true,
			},
		},
		{
			name: "dropped capabilities and the image's own user",
			box:  driver.NewBox{Spec: resource.BoxSpec{CapDrop: []string{"ALL"}}, Fact: resource.ImageFact{User: "app"}},
			want: wire.Boot{User: "app", Unprivileged: true},
		},
		{
			name: "oneshot is named by its spec",
			box:  driver.NewBox{Spec: resource.BoxSpec{Oneshot: true, Command: argv("x")}, Labels: map[string]string{resource.LabelSpecHash: "h1"}},
			want: wire.Boot{Argv: []string{"x"}, Oneshot: "h1"},
		},
		{
			name: "throw-away box",
			box: driver.NewBox{
				Spec: resource.BoxSpec{User: &resource.UserSpec{Name: "root"}, Oneshot: true, Workdir: "/w"},
				Run:  &driver.Override{Command: []string{"id"}, User: "9", Dir: "/d"},
			},
			want: wire.Boot{User: "9", Dir: "/d", Argv: []string{"id"}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.ID = "the-id"
			got, err := bootOf(c.box, c.about, "the-id")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestContainerUser(t *testing.T) {
	dev := &resource.UserSpec{Name: "dev", UID: 1000, GID: 1001}
	for _, c := range []struct {
		name     string
		spec     resource.BoxSpec
		image    string
		rootless bool
		want     string
	}{
		{name: "PID 1 is root", spec: resource.BoxSpec{User: dev}, image: "app", want: "0:0"},
		{name: "read-only, by number", spec: resource.BoxSpec{User: dev, ReadOnly: true}, want: "1000:1001"},
		{name: "dropped, as written", spec: resource.BoxSpec{User: &resource.UserSpec{Name: "7:8"}, CapDrop: []string{"ALL"}}, want: "7:8"},
		{name: "dropped, root", spec: resource.BoxSpec{User: &resource.UserSpec{Name: "root"}, CapDrop: []string{"ALL"}}, want: "0:0"},
		{name: "dropped, the image's own", spec: resource.BoxSpec{CapDrop: []string{"ALL"}}, image: "app", want: "app"},
		{name: "dropped, nobody said", spec: resource.BoxSpec{CapDrop: []string{"ALL"}}, want: "0:0"},
		{name: "rootless", spec: resource.BoxSpec{User: dev, ReadOnly: true}, rootless: true, want: "0:0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := driver.NewBox{Spec: c.spec, Fact: resource.ImageFact{User: c.image}}
			if got := containerUser(b, engineInfo{rootless: c.rootless}); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	box := driver.NewBox{
		Spec: resource.BoxSpec{
			Env: resource.StrMap{"B": "1=2", "A": ""}, Path: []string{"/x/bin", "/y"}, UnsetEnv: []string{"GONE", "TOKEN"},
		},
		Secrets: map[string]string{"TOKEN": "s"},
		Fact:    resource.ImageFact{Env: []string{"X=1", "PATH=/usr/bin"}},
		Run:     &driver.Override{Env: map[string]string{"A": "over"}},
	}
	want := []string{"A=over", "B=1=2", "PATH=/x/bin:/y:/usr/bin", "TOKEN=s", "GONE"}
	if diff := cmp.Diff(want, environment(box)); diff != "" {
		t.Error(diff)
	}
	box.Spec.Env["PATH"] = "/mine"
	if got := environment(box)[2]; got != "PATH=/x/bin:/y:/mine" {
		t.Errorf("with a PATH of its own: %s", got)
	}
	bare := driver.NewBox{Spec: resource.BoxSpec{Path: []string{"/z"}}}
	if got := environment(bare); len(got) != 1 || got[0] != "PATH=/z:"+defaultPath {
		t.Errorf("image without PATH: %q", got)
	}
}
