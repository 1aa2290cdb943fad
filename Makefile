# `make` alone lists the targets. .ci/run calls these too.

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench smoke screenshots
.PHONY: example-closed-won example-person-to-warehouse example-list-to-slack
MAKEFLAGS += --no-print-directory

# Further arguments for the tests, e.g. `make test ARGS="--test relay quarantine"`.
ARGS ?=

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{ printf "  make %-27s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## see it work: needs no database, stays up until Ctrl-C
	@cargo run --quiet --locked -- demo

example-closed-won: ## config/examples: a deal is won, billing is told by HTTP
	@cargo run --quiet --locked -- demo closed-won

example-person-to-warehouse: ## config/examples: a new person becomes a row in Postgres
	@cargo build --quiet --locked
	@scripts/with-postgres sh -c \
		'WAREHOUSE_URL=$$RELAY_TEST_DATABASE_URL cargo run --quiet --locked -- demo person-to-warehouse'

example-list-to-slack: ## config/examples: a list gets an entry, a person a Slack message
	@cargo run --quiet --locked -- demo list-to-slack

test: ## all tests, on a private PostgreSQL, in a real browser (installed when missing)
	cargo test --locked --no-run $(ARGS)
	RUST_BACKTRACE=1 scripts/with-browser scripts/with-postgres \
		cargo test --locked --no-fail-fast $(ARGS)

screenshots: ## docs/screenshots, as the browser tests see the pages
	@command -v pngquant >/dev/null || scripts/apt-install pngquant
	RELAY_SCREENSHOTS=$(CURDIR)/docs/screenshots scripts/with-browser \
		cargo test --locked --test relay browser::
	pngquant --force --ext .png --skip-if-larger 64 docs/screenshots/*.png

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
