# `make` alone lists the targets. Needs Go and, for the race detector, a C compiler.

SHELL := bash
.DEFAULT_GOAL := help

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 10s
ARGS ?=

# Runs a command with the tests' servers set up and exported.
with_services = services=$$(scripts/services) && eval "$$services" &&

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: ## run the demo shop; nothing to install (ARGS="--addr 127.0.0.1:8080")
	go run ./cmd/kassa demo $(ARGS)

.PHONY: build
build: ## build bin/kassa, one static binary
	CGO_ENABLED=0 go build -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/kassa ./cmd/kassa

.PHONY: check
check: lint test ## everything that must pass before a change is merged

.PHONY: lint
lint: ## the linters, whether go.mod is tidy, and the files of deploy
	@golangci=$$(scripts/tools golangci-lint) && scripts/stage "lint" "$$golangci" run ./... && \
	cd deploy/lint && ../../scripts/stage "lint in deploy/lint" "$$golangci" run ./...
	@scripts/stage "go.mod is tidy" go mod tidy -diff
	@scripts/stage "go.mod of deploy/lint is tidy" go -C deploy/lint mod tidy -diff
	@scripts/stage "the files of deploy" go -C deploy/lint test ./...

# Everything runs twice. The pure-Go SQLite is some thirty times slower under
# the race detector, so that run is -short: the tests that ask testing.Short()
# do less there, or skip. The second run is what `go test ./...` gives anybody:
# every test in full, at full speed.
.PHONY: test
test: ## all tests: first with the race detector, short; then in full
	@$(with_services) \
	scripts/stage "tests with the race detector, short" go test -race -short -timeout 15m ./... && \
	scripts/stage "tests in full" go test -timeout 15m ./...

.PHONY: test-crash
test-crash: ## the long crash test: kill -9 at random moments, then audit
	@$(with_services) KASSA_CRASH=long go test ./app -run TestCrash -count 1 -timeout 30m -v

.PHONY: bench
bench: build ## Kassa beside the textbook's shop (BENCH_DURATION=5s BENCH_ROUNDS=5 OUT=DIR)
	@$(with_services) scripts/bench bin/kassa && go test ./engine -run '^$$' -bench IdleHold -benchtime 1x

.PHONY: profile
profile: build ## where a checkout's microseconds go (ARGS="--duration 30s")
	@$(with_services) bin/kassa bench --scenario lifecycle --store "$$KASSA_TEST_POSTGRES" --profile bin/profile.pprof $(ARGS)
	@echo "the whole profile: go tool pprof bin/kassa bin/profile.pprof"

.PHONY: fuzz
fuzz: ## every fuzz target, FUZZTIME=10s each
	@scripts/fuzz $(FUZZTIME)

.PHONY: golden
golden: ## rewrite the saga's golden scenarios; read the diff
	go test ./saga -rewrite

.PHONY: tidy
tidy: ## tidy go.mod, format the code
	go mod tidy
	$$(scripts/tools golangci-lint) fmt

.PHONY: services
services: ## set up the servers that the tests use, and print how to reach them
	@scripts/services

.PHONY: services-stop
services-stop: ## stop the servers that `services` started
	@scripts/services stop

.PHONY: clean
clean: ## remove what the targets above built
	rm -rf bin coverage.out coverage.html
