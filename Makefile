# The daily commands. `make run` and `make test` do their own set-up on a Debian 12 machine with a Swift 6.3 toolchain.
SHELL := /bin/bash
PROGRAM := .build/release/weir
# Every interleaving, thousands of random policies, nonsense for every parser: long, so they are a run of their own.
MODELS := (Model|Trial|Fuzz)Tests

# What the unit tests ask of the database: `make clients` has PostgreSQL look at it.
STATEMENTS := $(CURDIR)/.build/statements.jsonl

# The part of the tests that `make quick` runs: a room, or any other pattern.
ROOM := Core

.PHONY: help build run test quick unit models clients fuzz soak bench format

help:
	@echo 'make build     the program, at $(PROGRAM)'
	@echo 'make run       builds and starts it: make run ARGS="--listen 0.0.0.0:5050"'
	@echo 'make test      every test: unit tests, then the real clients against the built program'
	@echo 'make quick     the unit tests of one room, not optimised, seconds after a change: make quick ROOM=Web'
	@echo 'make unit      the unit tests alone'
	@echo 'make models    those of the long trials: every interleaving, thousands of random policies'
	@echo 'make clients   the real clients alone: make clients ARGS="-k terraform"'
	@echo 'make fuzz      nonsense for every parser and at every door, ten minutes: make fuzz ARGS="--seconds 3600 --seed 7"'
	@echo 'make soak      clients and a machine that breaks, ten minutes: make soak ARGS="--minutes 60 --seed 7"'
	@echo 'make bench     side by side with docker-registry: make bench ARGS="--rounds 3 --only warm-1"'
	@echo 'make format    swift format, in place'

build:
	@scripts/setup.sh build
	swift build -c release --product weir

run: build
	exec $(PROGRAM) serve $(ARGS)

test: unit
	$(MAKE) models
	$(MAKE) clients

quick:
	@scripts/setup.sh build
	swift build --build-tests
	scripts/unit.sh --filter '^$(ROOM)'

# One configuration for everything, so that nothing is compiled twice: no test needs @testable.
unit: build
	swift build -c release --build-tests
	rm -f $(STATEMENTS)
	WEIR_STATEMENTS=$(STATEMENTS) scripts/unit.sh -c release --disable-testable-imports --skip '$(MODELS)'

models:
	scripts/unit.sh -c release --disable-testable-imports --filter '$(MODELS)'

clients: build
	@scripts/setup.sh test
	.venv/bin/python -m pytest Tests/Clients $(ARGS)

fuzz: build
	@scripts/setup.sh test
	swift build -c release --product weir-fuzz
	scripts/fuzz.sh $(ARGS)

soak: build
	@scripts/setup.sh test
	cd Tests/Clients && ../../.venv/bin/python -m harness.soak $(ARGS)

bench: build
	@scripts/setup.sh bench
	.venv/bin/python Benchmarks/bench.py $(ARGS)

format:
	swift format --in-place --recursive --parallel Package.swift Sources Tests
