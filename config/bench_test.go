package config_test

import (
	"os"
	"testing"

	"github.com/envyhq/envy/config"
)

// BenchmarkLoad is what an `up` that changes nothing pays for its Envfile.
func BenchmarkLoad(b *testing.B) {
	src, err := os.ReadFile("testdata/valid_reference.hcl")
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, string(src))
}

// BenchmarkLoadManyBoxes: replicas share what does not read self.
func BenchmarkLoadManyBoxes(b *testing.B) {
	benchmark(b, `
box "web" {
  image    = "debian"
  count    = 50
  packages = ["git", "curl"]
  env      = { A = "1", NAME = self.name }
  port "http" { guest = 80 }
  share "." { target = "/workspace" }
  provision "deps" { run = "make" }
}
`)
}

func benchmark(b *testing.B, src string) {
	v := values()
	for b.Loop() {
		if _, list := config.Load(b.Context(), v, sources(src)...); list.HasErrors() {
			b.Fatal(list.Err())
		}
	}
}
