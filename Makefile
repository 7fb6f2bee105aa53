# Needs Go and GNU make (3.81 or newer). What a target needs beyond that, it brings or asks for.

GO      ?= go
VERSION ?= $(shell git describe --tags --match 'v*' --dirty 2>/dev/null || echo v0.1.0+$$(git rev-parse --short HEAD 2>/dev/null || echo unknown))
BINDIR   = $(or $(shell $(GO) env GOBIN),/usr/local/bin)

# Without what urfave/cli would write manuals with, which compiles expressions at every start.
TAGS = urfave_cli_no_docs

# The tools of make check have a module file of their own: their requirements are not envy's.
TOOL = $(GO) tool -modfile=.ci/tools.mod

# Packages with tests that need an engine.
ENGINE_TESTS = $(addsuffix /...,$(wildcard ./provision/driver ./internal/agent ./cmd/envy ./examples))

AGENT_DIR     = internal/agent/bin
AGENT         = $(AGENT_DIR)/agent-linux-amd64.gz $(AGENT_DIR)/agent-linux-arm64.gz
AGENT_SOURCES = $(shell find cmd/envy-agent internal/agent internal/sync -name '*.go' ! -name '*_test.go' ! -path '$(AGENT_DIR)/*' 2>/dev/null) \
	$(AGENT_DIR)/build.sh go.mod go.sum

.DEFAULT_GOAL = help
.PHONY: help build agent demo test check bench bench-long install fmt engines vuln fuzz faults clean tidy-check fmt-check vet lint scripts race generated

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# Without cgo it starts 2 ms sooner, a quarter of what a second up takes, and runs wherever its kernel does.
build: agent ## bin/envy
	CGO_ENABLED=0 $(GO) build -trimpath -tags '$(TAGS)' -ldflags '-s -w -X main.version=$(VERSION)' -o bin/envy ./cmd/envy

agent: $(AGENT) ## what runs inside boxes, for both architectures; build does it too

# One run of the script makes both files.
$(word 1,$(AGENT)): $(AGENT_SOURCES)
	$(AGENT_DIR)/build.sh
$(word 2,$(AGENT)): $(word 1,$(AGENT))
	@test -f $@ || $(AGENT_DIR)/build.sh
	@touch $@

demo: build ## brings examples/hello up on the engine at hand
	@.ci/demo

test: agent ## all tests, on the engine at hand; without one its tests are skipped, loudly
	@.ci/test ./...

check: agent fmt-check tidy-check vet lint scripts generated race ## what must hold before a commit

fmt-check:
	@files=$$(git ls-files --cached --others --exclude-standard '*.go' | xargs ls 2>/dev/null | xargs gofmt -s -l); \
		[ -z "$$files" ] || { echo "not formatted (make fmt does it):"; echo "$$files"; exit 1; }

tidy-check:
	$(GO) mod tidy -diff

vet:
	$(GO) vet ./... ./.ci/testlog

# golangci-lint runs staticcheck's checks too; .golangci.yml says which.
lint:
	$(TOOL) golangci-lint run ./... ./.ci/testlog

# SC1007: a variable emptied for one command is meant.
scripts:
	@command -v shellcheck >/dev/null || { echo 'scripts: shellcheck is missing (apt-get install shellcheck)'; exit 1; }
	shellcheck -S warning -e SC1007 -x -P .ci .ci/run .ci/test .ci/demo .ci/images .ci/engine .ci/fuzz .ci/vuln $(AGENT_DIR)/build.sh

race: agent
	@.ci/test -race ./...

# Compares before with after, so that work under way is no failure.
generated:
	@before=$$(git status --porcelain; git diff); $(GO) generate ./... || exit 1; \
		[ "$$before" = "$$(git status --porcelain; git diff)" ] || \
		{ echo 'generated files were out of step; go generate ./... has just mended them:'; git status --short; exit 1; }

engines: agent ## engine tests on the engine at hand, then on a current one with each image store (Linux, root)
	.ci/test $(ENGINE_TESTS)
	.ci/engine graph .ci/test $(ENGINE_TESTS)
	.ci/engine graph env ENVY_ENGINE_RESTARTS=1 .ci/test -run TestEngineRestarts ./cmd/envy/e2e
	.ci/engine containerd .ci/test $(ENGINE_TESTS)
	dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && export ENVY_TEAM_CACHE="$$dir" && for engine in '' '.ci/engine graph' '.ci/engine containerd'; do \
		$$engine .ci/test -v -run TestTeamCache ./cmd/envy/e2e || exit 1; done

bench: build ## envy beside the engine's own cost and its peers; BENCH='-boxes 1,10' gives flags
	$(GO) run ./bench $(BENCH)

bench-long: build ## 1,000 boxes on the engine at hand, once: minutes, and about 10 GiB of memory
	$(GO) run ./bench -long 1000 $(BENCH)

install: build ## bin/envy to GOBIN, else /usr/local/bin (or BINDIR=…)
	install -d '$(DESTDIR)$(BINDIR)'
	install -m 755 bin/envy '$(DESTDIR)$(BINDIR)/envy'

fmt: ## formats Go
	@git ls-files --cached --others --exclude-standard '*.go' | xargs ls 2>/dev/null | xargs gofmt -s -w

vuln: agent ## known vulnerabilities in what envy is built from; skipped, loudly, where their database cannot be reached
	@.ci/vuln

fuzz: agent ## every fuzz target for TIME (30s), with how often each ran; FUZZ names some
	@.ci/fuzz $(or $(TIME),30s) $(FUZZ)

faults: agent ## every call broken in every way, on a stand-in; then KILLS (200) kills on the engine at hand
	$(GO) test -count=1 -v -run 'TestFaults|TestFaultPairs' ./provision | grep -E '^(---|ok|FAIL)|runs$$|seed'
	ENVY_KILLS=$(or $(KILLS),200) .ci/test -v -timeout 90m -run 'TestKilled$$' ./cmd/envy/e2e

clean: ## removes what was built
	rm -rf bin $(AGENT)
