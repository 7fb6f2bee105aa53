package archtest

// TopLevel are the names at the module's root, besides those that begin with a dot.
func TopLevel() []string {
	return []string{
		"cmd", "config", "provision", "boxes", "examples", "internal", "docs", "bench",
		"go.mod", "go.sum", "Makefile", "Envfile.example",
		"README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md",
		"bin", // what make build leaves; ignored by git
	}
}

// Layers is the import table. A change of it is a decision: ARCHITECTURE.md says why.
func Layers() []Layer {
	const (
		diag     = "internal/diag"
		wire     = "internal/agent/wire"
		driver   = "provision/driver"
		event    = "provision/event"
		resource = "provision/resource"
		lazyre   = "internal/lazyre"
		plan     = "provision/plan"
		timing   = "provision/timing"
	)
	engines := []string{"provision/driver/docker", "provision/driver/fake", "provision/driver/drivertest"}
	return append(append(definitions(), values()...), []Layer{
		{Dir: resource, Reason: "the vocabulary of everybody, so it depends on nobody"},
		{Dir: event, Reason: "what happens is told in values that any view can read"},
		{Dir: diag, Reason: "every layer reports in diagnostics, so they depend on none of them"},
		{Dir: wire, Reason: "the agent is built apart and stays small: both ends share values and nothing else"},
		{Dir: "internal/agent/bin", Reason: "bytes, for whoever carries them to an engine"},
		{Dir: "internal/term", Reason: "streams as values, with no idea what is written to them"},
		{Dir: "internal/trust", Reason: "what was trusted is a value of texts, so it depends on nobody"},
		{Dir: "internal/version", Reason: "comparing versions needs to know nothing of what they are versions of"},
		{Dir: "internal/hostfs", Reason: "the one door to the host's files must be readable on its own"},
		{Dir: lazyre, Reason: "a regular expression knows nobody"},

		{Dir: "config", May: []string{diag, lazyre, "internal/version"}, Reason: "the language is a pure function of files: no engine, no boxes"},
		{Dir: "boxes", May: []string{"config", diag, "boxes/source", "boxes/lock", "boxes/git", "boxes/archive"}, Reason: "definitions are written in the language; they never see an engine"},
		{Dir: "internal/agent", May: []string{"internal/sync", wire}, Reason: "runs inside the box, where nothing else of envy is"},
		{Dir: "cmd/envy-agent", May: []string{"internal/agent", wire}, Reason: "a main that starts the agent, small enough to embed"},

		{Dir: "provision/recipe", May: []string{resource, lazyre}, Reason: "pure: the recipe's hash must not depend on an engine"},
		{Dir: "provision/dockerfile", May: []string{lazyre}, Reason: "what a Dockerfile starts from is text: no engine, no lock, no files"},
		{Dir: plan, May: []string{resource}, Reason: "pure by the compiler: what plan shows is what up does"},
		{Dir: driver, May: []string{resource, event, wire}, Reason: "what an engine must do is said without knowing one"},
		{Dir: "provision/driver/docker", May: []string{driver, resource, event, wire, lazyre}, Reason: "an engine is one folder that knows only the contract"},
		{Dir: "provision/driver/fake", May: []string{driver, resource, event, wire}, Reason: "an engine is one folder that knows only the contract"},
		{Dir: "provision/driver/drivertest", May: []string{driver, resource, event, wire}, Reason: "one suite for every engine, so it names none"},
		{Dir: "provision/apply", May: []string{plan, driver, resource, event}, Reason: "it follows a plan and makes no decisions"},
		{
			Dir:    "provision",
			May:    []string{"config", "boxes", "boxes/archive", "boxes/bootstrap", "boxes/lock", "provision/dockerfile", "provision/recipe", plan, "provision/apply", "provision/graph", timing, driver, resource, event, diag, wire},
			Reason: "the use cases speak to an engine through the contract, and to people through values",
		},

		{Dir: "internal/view", May: []string{diag, "internal/term", plan, timing, resource, event}, Reason: "a rendering of values: it can ask nothing and change nothing"},
		{
			Dir: "internal/cli", May: []string{"..."},
			Not:    append([]string{"internal/archtest", "internal/agent", "internal/agent/bin", "cmd/..."}, engines...),
			Reason: "commands work with any engine; main chooses one",
		},
		{
			Dir:    "cmd/envy",
			May:    append([]string{"internal/cli", "internal/term", "internal/agent/bin", "internal/gitcred", driver}, engines...),
			Reason: "main puts the real things together: streams, engine, the agent's bytes",
		},
		{Dir: "cmd/envy/e2e", Reason: "it uses the program as people do, so it sees nothing of its insides"},
		{Dir: "bench", May: []string{"..."}, Reason: "measures whatever it wants to"},
	}...)
}

// definitions is the part of the import table below boxes.
func definitions() []Layer {
	return []Layer{
		{Dir: "boxes/archive", Reason: "what a stranger packed is read as a stream: no language, no engine, no host's files"},
		{Dir: "boxes/artifact", May: []string{"boxes/archive", "boxes/registry", "boxes/source"}, Reason: "an archive in a registry is the two and nothing else: no language, no engine"},
		{Dir: "boxes/bootstrap", Reason: "a mirror's packages become a stream: no engine, no language, no host's files"},
		{Dir: "boxes/bootstrap/mirrortest", Reason: "for tests of any package, so it knows none"},
		{Dir: "boxes/git", May: []string{"boxes/source", "internal/version"}, Reason: "it reads strangers' repositories, so that it sees nothing but what to fetch"},
		{Dir: "boxes/lock", Reason: "what was settled on is a value: it finds and fetches nothing"},
		{Dir: "boxes/signature", May: []string{"boxes/registry"}, Reason: "who signed a digest: keys and a registry, and not what is signed"},
		{Dir: "boxes/registry", Reason: "it speaks with strangers' registries, so that it sees nothing but what to ask for"},
		{Dir: "boxes/source", Reason: "what `from` says is text: what is behind it is for others to find"},
	}
}

// values is the part of the import table for what stands by itself, and for what measures.
func values() []Layer {
	return []Layer{
		{Dir: "internal/gitcred", Reason: "credentials are the user's git's: what they are for is nobody's business there"},
		{Dir: "internal/sync", Reason: "runs on both sides, so it knows neither"},
		{Dir: "internal/archtest", Reason: "it reads the other packages as text"},
		{Dir: "internal/pagetest", Reason: "for tests of any package, so it knows none"},
		{
			Dir: "provision/graph", Reason: "a drawing is a function of a graph, whatever that is of",
		},
		{
			Dir: "provision/timing", May: []string{"provision/plan", "provision/resource", "provision/event"},
			Reason: "it measures what others do, and does nothing itself",
		},
	}
}

// Libraries says who may import the modules that shape a layer.
func Libraries() []Library {
	const engine = "the engine's types stay in its driver, so that another engine is another folder"
	docker := []string{"provision/driver/docker", "bench/..."}
	return []Library{
		{Path: "github.com/docker/docker", Only: docker, Reason: engine},
		{Path: "github.com/docker/cli", Only: docker, Reason: engine},
		{Path: "github.com/docker/go-connections", Only: docker, Reason: engine},
		{Path: "github.com/moby", Except: []string{"github.com/moby/patternmatcher"}, Only: docker, Reason: engine},
		{Path: "github.com/go-git", Only: []string{"boxes/git"}, Reason: "fetching definitions is the only use of git, and a narrow door to strangers' data"},
		{Path: "github.com/ProtonMail/go-crypto", Only: []string{"boxes/bootstrap/..."}, Reason: "signatures are verified in one place, by one set of rules"},
		{Path: "github.com/ulikunitz/xz", Only: []string{"boxes/bootstrap"}, Reason: "it believes what a header says of its memory; the one who calls it bounds that"},
		{Path: "github.com/klauspost/compress", Only: []string{"boxes/bootstrap"}, Reason: "packages are compressed so; envy's own data is not"},
		{Path: "github.com/fatih/color", Only: []string{"internal/view"}, Reason: "what text looks like is decided in one place"},
		{Path: "github.com/urfave/cli", Only: []string{"internal/cli"}, Reason: "commands are one way to reach the use cases"},
		{Path: "github.com/hashicorp/hcl", Only: []string{"config", "boxes", "internal/diag"}, Reason: "past the configuration everything is typed values"},
		{Path: "github.com/zclconf/go-cty", Only: []string{"config", "boxes", "internal/diag"}, Reason: "past the configuration everything is typed values"},
	}
}

// HostAccess says who may touch the host.
func HostAccess() []Access {
	const door = "the host's files are touched only through internal/hostfs"
	files := []string{
		"internal/hostfs",
		"internal/agent/...", // the files it touches are the box's
		"internal/term",      // devices
		"internal/archtest",
		"internal/pagetest",
		"cmd/...",
		"bench/...",
		"provision/driver/drivertest", // tests
		"provision/driver/fake",       // its state in a file, for scripts
		"provision/driver/docker",     // the engine client's own configuration and socket
	}
	return []Access{
		{Path: "os", Only: files, Reason: door, Names: []string{
			"Chdir", "Chmod", "Chown", "Chtimes", "CopyFS", "Create", "CreateTemp", "DirFS", "Lchown", "Link", "Lstat", "Mkdir", "MkdirAll",
			"MkdirTemp", "NewFile", "Open", "OpenFile", "OpenInRoot", "OpenRoot", "ReadDir", "ReadFile", "Readlink", "Remove", "RemoveAll",
			"Rename", "Stat", "Symlink", "Truncate", "WriteFile",
		}},
		{Path: "path/filepath", Only: files, Reason: door, Names: []string{"EvalSymlinks", "Glob", "Walk", "WalkDir"}},
		{Path: "io/ioutil", Reason: "deprecated, and a second door to the host's files"},
		{Path: "golang.org/x/sys/unix", Only: files, Reason: door},
		{Path: "os/exec", Only: []string{"internal/agent", "internal/gitcred", "bench/..."}, Reason: "envy starts no host program that a checkout could choose: only the user's git, for credentials; the engine client's ssh helper is the library's own"},
		{Path: "os", Only: []string{"internal/agent", "bench/..."}, Names: []string{"StartProcess"}, Reason: "envy starts no host program"},
		// The fake exits on demand, as a process does that is killed half way.
		{Path: "os", Only: []string{"cmd/...", "bench/...", "provision/driver/fake"}, Names: []string{"Args", "Exit", "Stdin", "Stdout", "Stderr"}, Reason: "streams, arguments and the exit code arrive as values from main"},
		{Path: "plugin", Reason: "envy loads no code"},
	}
}

// Constructors build values that nobody writes afterwards; "pkg.*" is all of a package, and what a package calls of its
// own has the package's directory in front.
func Constructors() []string {
	return []string{
		"errors.New", "fmt.Errorf",
		"regexp.MustCompile", "lazyre.New",
		"strings.NewReplacer",
		"netip.MustParseAddr", "netip.MustParsePrefix",
		"template.Must",
		"cty.*",                                                                      // types and values of the language are immutable
		"function.New", "config.textFunction", "config.testFunction", "config.truth", // the language's functions
	}
}

// Variables are the package variables that CheckState would refuse.
func Variables() []Variable {
	return []Variable{
		{Dir: "cmd/envy", Name: "version", Reason: "written by the linker"},
	}
}
