# The daily commands. `make run` and `make test` do their own set-up on a Debian 12 machine with a Swift 6.3 toolchain.
SHELL := /bin/bash
PROGRAM := .build/release/weir

.PHONY: help build run test unit clients bench format

help:
	@echo 'make build     the program, at $(PROGRAM)'
	@echo 'make run       builds and starts it: make run ARGS="--listen 0.0.0.0:5050"'
	@echo 'make test      every test: unit tests, then the real clients against the built program'
	@echo 'make unit      the unit tests alone'
	@echo 'make clients   the real clients alone: make clients ARGS="-k terraform"'
	@echo 'make bench     side by side with docker-registry: make bench ARGS="--rounds 3 --only warm-1"'
	@echo 'make format    swift format, in place'

build:
	@scripts/setup.sh build
	swift build -c release --product weir

run: build
	exec $(PROGRAM) serve $(ARGS)

test: unit
	$(MAKE) clients

# One configuration for everything, so that nothing is compiled twice: no test needs @testable.
unit: build
	swift build -c release --build-tests
	swift test -c release --skip-build --disable-testable-imports

clients: build
	@scripts/setup.sh test
	.venv/bin/python -m pytest Tests/Clients $(ARGS)

bench: build
	@scripts/setup.sh bench
	.venv/bin/python Benchmarks/bench.py $(ARGS)

format:
	swift format --in-place --recursive --parallel Package.swift Sources Tests
