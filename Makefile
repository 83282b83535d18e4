# `make run` starts Switchyard, `make test` checks everything. The rest is for people who work on it.

SHELL   := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
# Passed on to `switchyard serve`: make run ARGS='--http 0.0.0.0:8080'
ARGS    ?=
FUZZTIME ?= 20s
# One package or test: make unit PKG=./peer/... RUN=TestAnswer
PKG     ?= ./...
RUN     ?= .
# Some scenarios: make e2e SCENARIO=firefox
SCENARIO ?=
# All that is compiled without the race detector is compiled alike, and so once.
export CGO_ENABLED := 0
PLAIN    = GOFLAGS=-trimpath
say      = @printf '\n\033[1m== %s\033[0m\n' '$(1)'

.PHONY: run build web test lint format vet staticcheck generated webcheck unit e2e fuzz bench bench-scale bench-floor bench-bwe bench-go soak slots setup-run setup-test clean help

help:
	@echo 'make run         build, start the server, print an invitation link'
	@echo 'make test        everything that must hold: lint, unit, web and browser tests'
	@echo 'make build       bin/switchyard, pure Go, static'
	@echo 'make fuzz        every fuzz target for FUZZTIME ($(FUZZTIME))'
	@echo 'make bench       what forwarding costs; bench-scale: among many; bench-floor: the least possible here'
	@echo 'make bench-bwe   bandwidth estimation in the test cases of RFC 8867: docs/congestion.md'
	@echo 'make soak        half an hour of comings and goings, and whether the server is as before'
	@echo 'make bench-go    Go benchmarks of the parts;  make slots: the slots gate, five minutes'
	@echo 'make lint | unit | webcheck | e2e    the parts of make test'

.DEFAULT_GOAL := help

setup-run:
	@scripts/setup --run
setup-test:
	@scripts/setup --test

run: setup-run web build
	@exec bin/switchyard serve $(ARGS)

# The pages are committed as they are built, so that `go build` works without Node. They are built
# anew where Node is there.
web:
	@if command -v node >/dev/null && [ -x web/build.sh ]; then web/build.sh; fi

# Go stamps the version from git by itself: `switchyard version` reads it.
build:
	@go build -trimpath -ldflags '-s -w' -o bin/switchyard ./cmd/switchyard

# Cheap first: what fails in seconds fails in seconds.
test: setup-test lint webcheck unit e2e

lint: format vet generated staticcheck

format:
	$(call say,gofmt)
	@bad=$$(git ls-files -co --exclude-standard '*.go' | xargs -r gofmt -l); \
	  if [ -n "$$bad" ]; then echo "not formatted:"; echo "$$bad"; exit 1; fi

vet:
	$(call say,go vet)
	@$(PLAIN) go vet ./...

generated:
	$(call say,generated files)
	@$(PLAIN) scripts/check-generated

staticcheck:
	$(call say,staticcheck)
	@$(PLAIN) go tool staticcheck ./...

webcheck:
	$(call say,web types and tests and bundle)
	@$(PLAIN) web/check.sh

# Fuzz seeds and committed crashers run here as tests. Up to two tests that fail without a race are run once more, as a
# machine that stands still for seconds can fail what is timed; the summary names them. What takes longest comes first. A
# process with the race detector waits at its end for races that still come: a twentieth of a second, and not a whole one, since
# the tests of the verbs end some hundred. `make vet` is all of vet.
unit:
	$(call say,unit tests with the race detector)
	@CGO_ENABLED=1 GORACE=atexit_sleep_ms=50 $$($(PLAIN) go tool -n gotestsum) --format pkgname-and-test-fails --format-hide-empty-pkg \
	  --rerun-fails=1 --rerun-fails-max-failures=2 --rerun-fails-abort-on-data-race --packages '$(if $(filter ./...,$(PKG)),./cmd/switchyard ./server )$(PKG)' -- \
	  -race -vet=off -timeout 10m -run '$(RUN)'

e2e: build
	$(call say,scenarios in real browsers and with real peers)
	@node e2e/run.mjs $(SCENARIO)

fuzz:
	@FUZZTIME=$(FUZZTIME) scripts/fuzz $(PKG)

# Which loads: make bench LOAD='forward shapes call half cores', or names of `switchyard bench series --list`.
LOAD ?= forward
bench: build
	@bin/switchyard bench series $(LOAD) $(ARGS)

# Whether a packet costs the same among many: 50 to 500 subscribers, 1 to 50 rooms, interleaved.
bench-scale: build
	@bin/switchyard bench series scale --repeats 5 $(ARGS)

bench-floor: build
	@bin/switchyard bench floor $(ARGS)

# Virtual time: half a minute. Draws docs/congestion/*.svg and puts the figures into docs/congestion.md.
bench-bwe: build
	@bin/switchyard bench bwe --out docs/congestion $(ARGS)

# make soak ARGS='--for 2m' is shorter.
soak: build
	@bin/switchyard bench soak $(ARGS)

# Go benchmarks of the parts.
bench-go:
	@CGO_ENABLED=1 go test -run '^$$' -bench . -benchmem $(PKG)

# Five minutes of switches in a real browser; docs/slots.md has the figures.
slots: setup-test build
	@node e2e/gates/slots.mjs $(ARGS)

clean:
	rm -rf bin e2e/out
