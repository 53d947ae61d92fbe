# Every command that a developer needs. `make test` is what has to pass; `.ci/run` runs nothing else.

CLIENTS := tests/clients
PYTHON ?= python3
VENV := $(CLIENTS)/.venv
# A stamp is as new as what was last installed from the pinned lists.
NPM_STAMP := $(CLIENTS)/node_modules/.package-lock.json
VENV_STAMP := $(VENV)/.installed
PEER := bench/peers/socketio-node
PEER_STAMP := $(PEER)/node_modules/.package-lock.json
RESULTS := bench/results/$(shell date -u +%F).jsonl
# How many times as long as usual the long proofs run.
FACTOR ?= 1
# The tests start the binary that was just built, wherever cargo was told to put it.
export CARGO_TARGET_DIR ?= target

.DEFAULT_GOAL := help
# cargo and the client tests use all cores by themselves, and `check-tools` has to come first.
.NOTPARALLEL:
.PHONY: help build run test test-rust test-clients fuzz mutants audit prove planted bench bench-quick build-bench siege \
	timing clean check-tools

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build the server, optimised
	cargo build --release --locked

run: ## serve on 127.0.0.1:3334 with the data in ./data
	cargo run --release --locked

test: check-tools test-rust test-clients ## everything that must pass: format, lints, all tests

test-rust: ## format, lints, unit, integration and documentation tests
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --workspace --locked

test-clients: check-tools $(NPM_STAMP) $(VENV_STAMP) ## the built server with real clients: Socket.IO 2, 3 and 4, Python, WebSocket, curl
	cargo build --package nile-instance --locked
	cd $(CLIENTS) && npm test --silent
	cd $(CLIENTS)/python && ../.venv/bin/python -m unittest

fuzz: ## ten million made-up inputs for all that reads strangers' bytes, FACTOR times as many: a quarter of an hour
	@cargo fuzz --version >/dev/null 2>&1 || { \
		echo 'make fuzz needs cargo-fuzz: cargo install cargo-fuzz --locked' >&2; exit 1; }
	@command -v c++ >/dev/null || { echo 'make fuzz needs c++, a C++ compiler, which libFuzzer is built with' >&2; exit 1; }
	FACTOR=$(FACTOR) fuzz/run

# Builds in a copy, which it removes. ARGS='--shard 3/16 --sharding round-robin' for a part.
mutants: ## change one place of the code at a time, and see that a test notices: hours; ARGS=… for cargo-mutants
	@cargo mutants --version >/dev/null 2>&1 || { \
		echo 'make mutants needs cargo-mutants: cargo install cargo-mutants --locked' >&2; exit 1; }
	tests/mutants/run $(ARGS)

audit: ## licences, known defects and origins of the crates we build on
	@cargo deny --version >/dev/null 2>&1 || { \
		echo 'make audit needs cargo-deny: cargo install cargo-deny --locked' >&2; exit 1; }
	cargo deny check

# The long version of one test: its name, how often its short version goes into it, and what cargo needs to find it.
# In the development profile, as in `make test`: overflows and assertions are checked there, and slower code has wider
# races. NILE_TEST_SEED repeats a run.
prove_one = NILE_TEST_FACTOR=$$(( $(2) * $(FACTOR) )) cargo test --locked $(3) -- --nocapture $(1)

prove: check-tools $(NPM_STAMP) ## the long versions of what `make test` tries at random, see docs/reliability.md; FACTOR=3 for three times as much
	$(call prove_one,kills,20,--package nile-instance --test it)
	$(call prove_one,disk::power,10,--package nile-instance --test it)
	$(call prove_one,disk::walk,1,--package nile-instance --test it)
	$(call prove_one,simulation,20,--package nile-instance --lib)
	$(call prove_one,queue_model,20,--package nile-instance --test it)
	$(call prove_one,hub::tests::feed,10,--package nile-instance --lib)
	$(call prove_one,threats::secrets,10,--package nile-instance --test it)
	$(call prove_one,threats::guessing,100,--package nile-instance --test it)
	$(call prove_one,threats::impersonation,500,--package nile-instance --test it)
	$(call prove_one,rot_is_never_served,25,--package nile-instance --test it)
	cargo build --package nile-instance --locked
	cd $(CLIENTS) && NILE_TEST_FACTOR=$$(( 50 * $(FACTOR) )) node --test documents.test.js

planted: ## plant known bugs in a copy, one at a time, and see that the tests notice each; NAMES=… for some of them
	tests/planted/run $(NAMES)

bench: build-bench ## measure us, a peer and the limit in turn, and write docs/performance.md: half an hour
	$(CARGO_TARGET_DIR)/release/nile-bench compare full --data $(CARGO_TARGET_DIR)/bench --out $(RESULTS)
	$(CARGO_TARGET_DIR)/release/nile-bench report $(RESULTS)

bench-quick: build-bench ## a little of the same in two minutes, to see that it works
	cd $(PEER) && npm test --silent
	$(CARGO_TARGET_DIR)/release/nile-bench compare quick --data $(CARGO_TARGET_DIR)/bench \
		--out $(CARGO_TARGET_DIR)/bench-quick.jsonl

siege: ## thousands of attackers and a hundred honest clients at once, in a minute; nothing else should run
	cargo build --release --locked --package nile-instance --package nile-bench
	$(CARGO_TARGET_DIR)/release/nile-bench siege --data $(CARGO_TARGET_DIR)/siege

timing: ## whether the time of an answer tells which clients there are
	cargo build --release --locked --package nile-instance --package nile-bench
	$(CARGO_TARGET_DIR)/release/nile-bench timing --data $(CARGO_TARGET_DIR)/timing

build-bench: $(PEER_STAMP)
	cargo build --release --locked --package nile-instance --package nile-bench

clean: ## remove what was built and installed here, but not ./data
	cargo clean
	rm -rf $(CLIENTS)/node_modules $(VENV) $(PEER)/node_modules

# Names all that is missing at once, before anything long has started.
check-tools:
	@missing=; \
	need() { missing="$$missing\n  $$1"; }; \
	command -v cargo >/dev/null || need 'cargo: the Rust toolchain, https://rustup.rs'; \
	command -v cc >/dev/null || need 'cc: a C compiler, which SQLite is built with'; \
	command -v curl >/dev/null || need 'curl'; \
	command -v npm >/dev/null || need 'npm, which comes with Node.js'; \
	{ command -v node >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; } \
		|| need 'node, version 20 or newer'; \
	{ command -v $(PYTHON) >/dev/null && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))'; } \
		|| need '$(PYTHON), version 3.10 or newer'; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| need 'the Python module venv (Debian and Ubuntu: apt-get install python3-venv)'; \
	if [ -n "$$missing" ]; then \
		printf 'The tests cannot run. This is missing:%b\n' "$$missing" >&2; \
		echo 'To build and run the server, cargo and a C compiler are enough.' >&2; exit 1; \
	fi

$(NPM_STAMP): $(CLIENTS)/package.json $(CLIENTS)/package-lock.json
	cd $(CLIENTS) && npm ci
	@touch $@

$(PEER_STAMP): $(PEER)/package.json $(PEER)/package-lock.json
	cd $(PEER) && npm ci
	@touch $@

$(VENV_STAMP): $(CLIENTS)/requirements.txt
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@
