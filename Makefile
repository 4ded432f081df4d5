# What can be done here; `make help` lists it.
.DEFAULT_GOAL := build
.PHONY: help setup build release test lint demo up bench fuzz clean

SOURCES := Package.swift Sources Tests Fuzz

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F '|' '{ printf "%-14s %s\n", $$1, $$2 }'

setup: ## install what building, testing and benchmarking need and this machine lacks
	@scripts/setup build test bench

build: ## build for debugging
	@scripts/setup build
	swift build

release: ## build the optimised programs with the Swift runtime inside (C libraries stay shared)
	@scripts/setup build
	swift build -c release --static-swift-stdlib --product safebox
	for product in safebox-system safebox-worker safebox-adapter; do swift build -c release --static-swift-stdlib --product $$product || exit 1; done

test: ## run all tests; FILTER=<regular expression> runs some
	@scripts/setup test
	scripts/test $(if $(FILTER),--filter '$(FILTER)')

lint: ## check format and shell syntax
	swift format lint --strict --recursive --parallel $(SOURCES)
	@! grep -rnE '\bProcess\(\)' --include='*.swift' Sources Tests || { echo "use ChildProcess, which says why" >&2; exit 1; }
	@for script in .ci/run scripts/*; do [ -f $$script ] || continue; case "$$(head -c 20 $$script)" in '#!'*bash*) bash -n $$script || exit 1 ;; esac; done

demo: ## a governed payment with a receipt, and a tool that pays invoices
	@scripts/setup test
	@$(MAKE) --no-print-directory release
	@scripts/demo

up: ## start the box of the demo and keep it serving on loopback
	@scripts/setup test
	@$(MAKE) --no-print-directory release
	@scripts/up

bench: ## measure beside the peers on this machine, see docs/benchmarks.md; QUICK=1 takes one short round
	@scripts/setup bench
	swift build -c release --static-swift-stdlib --product Benchmarks
	for product in safebox-system safebox-worker safebox-adapter; do swift build -c release --static-swift-stdlib --product $$product || exit 1; done
	@QUICK=$(QUICK) scripts/bench $(PARTS)

fuzz: ## fuzz every parser for a bounded time; SECONDS_EACH=<n> sets it
	@scripts/setup build
	swift build -c release --product SafeboxFuzz
	timeout 900 .build/release/SafeboxFuzz $(if $(SECONDS_EACH),--seconds $(SECONDS_EACH))

clean: ## remove everything that was built, the demo and its data
	rm -rf .build .demo .up
