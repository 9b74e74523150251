# The README's test command is `go test ./...`, which needs Go alone; `make test` does that and more.

SHELL       := /bin/bash -o pipefail
GO          ?= go
FUZZTIME    ?= 10s
SOAKTIME    ?= 30s
BENCHFLAGS  ?= -all -o BENCHMARKS.md
LOADFLAGS   ?=
BIN         := $(CURDIR)/.bin
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS     := -s -w -X main.version=$(VERSION)
PLAIN       := ./backend ./front
HOT         := ./wire ./route ./backend ./front ./proxy ./fanout ./journal/disk ./metrics ./trust ./accesslog
COUNT       ?= 10
# Of writes and their journal, and long: run without a detector and without TLS alone.
LONG        := ABacklogWaits|KilledAgain|AReaderNever|AcceptedIsSettled|ReplicasAgree|AFullDiskIs503|AKeyRepeatedAcross|AJournalThatIsAsLarge

.DEFAULT_GOAL := help

.PHONY: help
help: ## show this
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: all
all: build lint test ## build, lint and test

.PHONY: build
build: ## the static binary ./tutti, its version stamped
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o tutti .

.PHONY: test
test: vet plain tls journal race ## every test: as `go test ./...`, under the race detector, over plain I/O, over TLS, with a journal
	$(GO) test ./...
	$(GO) test -C loadtest -count=1 ./...
	$(GO) test -C deploy/check -count=1 ./...

.PHONY: vet
vet:
	$(GO) vet ./...

# What is left out runs other programs beside ours, which it builds without the detector, or is long.
.PHONY: race
race: ## the tests under the race detector, in random order (needs a C compiler)
	$(GO) test -p 1 -race -shuffle=on -pgo=off $$($(GO) list ./... | grep -v /e2e)
	$(GO) test -race -shuffle=on -pgo=off -skip '$(LONG)' ./e2e

# tutti_plain replaces the raw system calls by the standard library, as on systems that are not Linux.
.PHONY: plain
plain: ## the tests of what does raw I/O, over the standard library instead
	$(GO) test -p 1 -tags tutti_plain $(PLAIN)

# With TUTTI_TLS set these tests' clients, backends and programs speak TLS.
.PHONY: tls
tls: ## the tests of what does I/O, and of the whole binary, over TLS on both sides
	TUTTI_TLS=1 $(GO) test -p 1 -count=1 -skip '$(LONG)' $(PLAIN) ./e2e

# With TUTTI_JOURNAL set these tests' writes lie in a journal.
.PHONY: journal
journal: ## the tests of the fan-out, with a journal
	TUTTI_JOURNAL=1 $(GO) test -p 1 -count=1 ./fanout

.PHONY: e2e
e2e: ## the whole binary, killed, flooded and drained
	$(GO) test -count=1 ./e2e/...

# A module of its own, for the sake of its dependencies.
.PHONY: browser
browser: ## the status page in headless Chromium
	$(GO) test -C e2e/browser -count=1 -parallel 4 ./...

.PHONY: lint
lint: $(BIN)/golangci-lint ## golangci-lint, formatting included, and a look whether other systems build
	$(BIN)/golangci-lint run --allow-parallel-runners ./...
	$(BIN)/golangci-lint run --allow-parallel-runners --build-tags=tutti_plain $(PLAIN)
	cd loadtest && $(BIN)/golangci-lint run --allow-parallel-runners --config=../.golangci.yml ./...
	cd deploy/check && $(BIN)/golangci-lint run --allow-parallel-runners --config=../../.golangci.yml ./...
	cd e2e/browser && $(BIN)/golangci-lint run --allow-parallel-runners --config=../../.golangci.yml ./...
	GOOS=darwin $(GO) vet ./...

.PHONY: fmt
fmt: $(BIN)/golangci-lint ## format everything
	$(BIN)/golangci-lint fmt

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (10s)
	@GO='$(GO)' .ci/fuzz $(FUZZTIME)

.PHONY: cover
cover: ## test coverage, cover.out and cover.html
	$(GO) test -pgo=off -coverpkg=./... -coverprofile=cover.out ./...
	$(GO) tool cover -html=cover.out -o cover.html
	$(GO) tool cover -func=cover.out | tail -n 1

.PHONY: bench
bench: ## everything beside its peers, into BENCHMARKS.md: 11 minutes (BENCHFLAGS='-rounds 1': little, printed)
	$(GO) run ./bench $(BENCHFLAGS)

# What the compiler is told of where the time goes, taken from the bench's own reads and writes.
.PHONY: pgo
pgo: ## a new default.pgo: two minutes, then benchstat or bench tell whether it pays
	$(GO) run ./bench -only reads -rounds 1 -duration 15s -profile reads.prof
	$(GO) run ./bench -only writes -rounds 1 -duration 15s -profile writes.prof
	$(GO) tool pprof -proto reads.prof writes.prof >default.pgo
	rm reads.prof writes.prof

# What is left out measures one action of an operator on a great many writes, and takes its time.
.PHONY: micro
micro: ## micro-benchmarks of the hot functions, COUNT (10) times, for benchstat
	@$(GO) test -p 1 -run '^$$' -bench . -skip 'Forget|ListOfMany|HundredThousand' -count $(COUNT) $(HOT)

# A module of its own, for the sake of its dependencies.
.PHONY: loadtest
loadtest: ## drive reads and writes at flaky demo backends; a verdict, and charts in loadtest.html (LOADFLAGS='-duration 5m')
	$(GO) run -C loadtest . -o $(CURDIR)/loadtest.html $(LOADFLAGS)

.PHONY: soak
soak: ## both routes under load for SOAKTIME (30s) each, no errors, no growth; the long tests of the journal, the fan-out and e2e; 100,000 seeds
	$(GO) run ./bench -soak $(SOAKTIME)
	$(GO) test -count=1 -timeout 2h ./sim -run Simulation -seeds 100000 -v
	TUTTI_SOAK=1 $(GO) test -count=1 -timeout 2h ./journal/disk ./fanout
	TUTTI_SOAK=1 $(GO) test -count=1 -timeout 90m ./e2e

.PHONY: image
image: ## build the container image with buildah and try it
	deploy/build-image

.PHONY: dist
dist: ## what is published: archives of static binaries for Linux and macOS, and checksums, in dist/
	GO='$(GO)' VERSION='$(VERSION)' deploy/dist

.PHONY: clean
clean: ## remove what the targets above made
	rm -rf tutti cover.out cover.html bench.md loadtest.html dist .bin .image

$(BIN)/golangci-lint: tools/go.mod tools/go.sum
	GOBIN=$(BIN) $(GO) install -C tools tool
	@touch $@
