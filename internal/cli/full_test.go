package cli_test

import (
	"os"
	"testing"

	"github.com/envyhq/envy/provision/driver/fake"
)

const roomy = `box "web" {
  image = "debian:bookworm-slim"
  volume "data" { target = "/data" }
  file "/etc/motd" { content = "hi" }
  provision "deps" { run = "true" }
}
`

// An engine whose disk is full is named with what helps; once there is room the same command goes on.
func TestFullEngine(t *testing.T) {
	for _, method := range []string{"CreateNetwork", "CreateVolume", "CreateBox", "StartBox", "WriteFiles", "Provision", "Release"} {
		m := newMachine(t, roomy)
		hooks, err := fake.ParseFaults("fail 1 "+method+" no-space", os.Exit)
		if err != nil {
			t.Fatal(err)
		}
		m.engine = fake.Intercept(m.engine, hooks...)
		m.want(1, "", "up")
		m.says("docker system df", "the same command then goes on")
		m.want(0, "", "up")
		m.want(0, "", "plan", "--detailed-exitcode")
	}
}
