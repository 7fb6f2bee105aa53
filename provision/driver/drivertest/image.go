package drivertest

import (
	"errors"
	"io"
	"strings"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/resource"
)

func imageTests() []test {
	return []test{
		{"facts", testImageFacts},
		{"package manager", testPackageManager},
		{"build", testBuild},
		{"failed build", testFailedBuild},
		{"files", testImageFile},
	}
}

func testImageFacts(b *bench) {
	if b.fact.ID == "" || b.fact.BaseID == "" || b.fact.OS == "" || b.fact.Arch == "" {
		b.Errorf("facts %+v: ID, BaseID, OS and Arch are wanted", b.fact)
	}
	byID, err := b.d.Image(b.ctx, b.fact.ID, "")
	b.must(err)
	if byID.ID != b.fact.ID || byID.BaseID != b.fact.BaseID {
		b.Errorf("by id the image is %s, %s; by reference %s, %s", byID.ID, byID.BaseID, b.fact.ID, b.fact.BaseID)
	}
	_, err = b.d.Image(b.ctx, b.Prefix+"/no-such-image:1", "")
	b.wantKind("a missing image", err, driver.NotFound)
}

func testImageFile(b *bench) {
	tag := b.project + ":files"
	_, err := b.build(tag, "FROM "+b.Image+"\nCOPY in/file.txt /usr/share/there/file.txt\nRUN ln -s /usr/share/there/file.txt /link\n")
	b.must(err)
	b.keep(&b.images, tag)
	const content = "from the context\n"
	if got, err := b.d.ImageFile(b.ctx, tag, "/usr/share/there/file.txt", int64(len(content))); err != nil || string(got) != content {
		b.Errorf("read %q, %v", got, err)
	}
	for _, path := range []string{"/usr/share/there/none", "/usr/share/there", "/link", "/nowhere/at/all"} {
		_, err := b.d.ImageFile(b.ctx, tag, path, 1000)
		b.wantKind(path, err, driver.NotFound)
	}
	_, err = b.d.ImageFile(b.ctx, tag, "/usr/share/there/file.txt", int64(len(content))-1)
	b.wantKind("a file over the limit", err, driver.Failed)
	_, err = b.d.ImageFile(b.ctx, b.project+":none", "/x", 1)
	b.wantKind("a file of no image", err, driver.NotFound)
}

func testPackageManager(b *bench) {
	_, err := b.d.PackageManager(b.ctx, b.Image)
	b.wantKind("package manager of an image without one", err, driver.NotFound)
}

func (b *bench) build(tag, dockerfile string) (*event.Recorder, error) {
	b.Helper()
	if !b.Builds {
		b.Skip("the engine cannot build from the tests' image")
	}
	sink := &event.Recorder{}
	return sink, b.d.Build(b.ctx, driver.Build{
		Tag: tag, Dockerfile: "Dockerfile", Labels: map[string]string{resource.LabelRecipe: "recipe-of-the-test"},
		Context: func() (io.ReadCloser, error) {
			return newTar(b.T, map[string]string{"Dockerfile": dockerfile, "in/file.txt": "from the context\n"}), nil
		},
	}, sink, "image.test")
}

func testBuild(b *bench) {
	tag := b.project + ":built"
	sink, err := b.build(tag, strings.Join([]string{
		"FROM " + b.Image, "COPY in/file.txt /copied.txt", "RUN echo built > /built.txt", "ENV GREETING=hello",
		"EXPOSE 5432", "VOLUME /var/data", "USER 4711", "WORKDIR /srv", `ENTRYPOINT ["sh", "-c"]`,
		`CMD ["cat /copied.txt /built.txt; echo $GREETING; sleep 1000"]`, "",
	}, "\n"))
	b.must(err)
	b.keep(&b.images, tag)
	if len(sink.Events()) == 0 {
		b.Error("a build without any event")
	}
	fact, err := b.d.Image(b.ctx, tag, "")
	b.must(err)
	if fact.BaseID == b.fact.BaseID || fact.ID == b.fact.ID || fact.Recipe != "recipe-of-the-test" {
		b.Errorf("the built image is %+v", fact)
	}
	if len(fact.Entrypoint) != 2 || len(fact.Cmd) != 1 || fact.User != "4711" || fact.Workdir != "/srv" ||
		strings.Join(fact.Volumes, " ") != "/var/data" || strings.Join(fact.ExposedPorts, " ") != "5432/tcp" {
		b.Errorf("facts of the built image: %+v", fact)
	}
	id := b.up("web", func(n *driver.NewBox) {
		n.Image, n.Fact, n.Spec.Service = tag, fact, true
		n.Spec.User = &resource.UserSpec{Name: "root"}
		n.Spec.Mounts = []resource.MountSpec{{Type: resource.MountTmpfs, Target: "/var/data"}}
	})
	for _, line := range []string{"from the context", "built", "hello"} {
		b.wantLog(id, line)
	}
	bare := b.up("bare", func(n *driver.NewBox) {
		n.Image, n.Fact = tag, fact
		n.Spec.UnsetEnv = []string{"GREETING"}
		n.Spec.Mounts = []resource.MountSpec{{Type: resource.MountTmpfs, Target: "/var/data"}}
	})
	b.want(bare, `echo "<$GREETING>"`, "<>")
	b.must(b.d.RemoveBox(b.ctx, id))
	b.must(b.d.RemoveBox(b.ctx, bare))
}

func testFailedBuild(b *bench) {
	_, err := b.build(b.project+":bad", "FROM "+b.Image+"\nRUN echo before\nRUN echo the reason; exit 3\n")
	var failed *driver.BuildError
	if !errors.As(err, &failed) {
		b.Fatalf("%v is no BuildError", err)
	}
	if !strings.Contains(failed.Step, "exit 3") || !strings.Contains(strings.Join(failed.Lines, "\n"), "the reason") {
		b.Errorf("step %q, lines %q", failed.Step, failed.Lines)
	}
	_, err = b.d.Image(b.ctx, b.project+":bad", "")
	b.wantKind("the image of a failed build", err, driver.NotFound)
}
