# `make` alone lists the targets. .ci/run calls these too.

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench smoke
MAKEFLAGS += --no-print-directory

# Further arguments for the tests, e.g. `make test ARGS="--test relay quarantine"`.
ARGS ?=

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{ printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## see it work: needs no database, stays up until Ctrl-C
	@cargo run --quiet --locked -- demo

test: ## all tests, on a private PostgreSQL (installed when missing)
	cargo test --locked --no-run $(ARGS)
	RUST_BACKTRACE=1 scripts/with-postgres cargo test --locked --no-fail-fast $(ARGS)

lint: ## formatting, clippy, documentation, container files, licences
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items
	scripts/check-ship
	scripts/cargo-deny --locked check --hide-inclusion-graph bans licenses sources

bench: ## figures beside a floor and a naive receiver (BENCH_ONLY=name,… BENCH_SECONDS=n)
	cargo bench --locked --bench throughput --no-run
	ulimit -n $$(ulimit -Hn) && scripts/with-postgres --bench cargo bench --locked --bench throughput

smoke: ## the built binary as a user meets it: demo, check, schema, the README's commands, serve
	cargo build --locked
	scripts/smoke
