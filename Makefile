# Every target installs what it needs first and says so. CARGO_TARGET_DIR moves the build elsewhere.
CARGO_TARGET_DIR ?= $(CURDIR)/target
export CARGO_TARGET_DIR
export MILLSTREAM_CACHE ?= $(HOME)/.cache/millstream
export MILLSTREAM ?= $(CARGO_TARGET_DIR)/release/millstream

.PHONY: help setup build demo test bench bench-flink conformance operators nexmark-rows kill-test kill-queries model zoo train bench-models check-scores ide bench-ide fuzz-models

help:
	@echo 'make demo         score card payments for half a minute, at full speed'
	@echo 'make test         all tests'
	@echo 'make ide          the editor, with the fraud sample open'
	@echo 'make bench-ide    what frames, compiling, previews and starts of the editor cost, against the budgets'
	@echo 'make bench        events per second, memory, where the time goes'
	@echo 'make conformance  recorded cases and samples on Millstream and on a real Flink, row by row'
	@echo 'make operators    every stateful operator, killed and restored at another parallelism: a table'
	@echo 'make bench-flink  the Nexmark queries on Millstream and on a real Flink, seconds and ratios'
	@echo 'make nexmark-rows the Nexmark queries on both, and some in DuckDB: do they leave the same tables?'
	@echo 'make kill-queries kill ten queries of joins, windows, Top-N and OVER 200 times and compare'
	@echo 'make kill-test    kill the samples at random moments and compare what they wrote'
	@echo 'make model        train the fraud model on what its own pipeline writes'
	@echo 'make train        train the models of models/trained: one a toolkit, on real flights'
	@echo 'make zoo          models of every exporter, with what ONNX Runtime gives for their rows'
	@echo 'make bench-models rows per second of Millstream and of ONNX Runtime, side by side'
	@echo 'make check-scores score payments and compare with ONNX Runtime'
	@echo 'make fuzz-models  feed the model loader broken and made-up files (SECONDS=300)'
	@echo 'make setup        only install what a build needs'

setup:
	@scripts/setup.sh

build: setup
	cargo build --release --bin millstream

demo: build
	python3 scripts/demo.py

test: setup
	@scripts/fetch-onnx-cases.sh
	cargo test --workspace

bench: build
	python3 scripts/bench.py

operators: setup
	python3 scripts/operators.py

conformance: build
	python3 scripts/record-flink.py --check --millstream
	scripts/compare-with-flink.sh

bench-flink: build
	python3 scripts/nexmark-flink.py bench

nexmark-rows: build
	python3 scripts/nexmark-flink.py rows
	python3 scripts/nexmark-flink.py batch

kill-queries: build
	python3 scripts/kill-queries.py --kills 200

kill-test: build
	python3 scripts/kill-test.py gmv --runs 20
	python3 scripts/kill-test.py gmv --runs 20 --parallelism 2
	python3 scripts/kill-test.py fraud --runs 50 --parallelism 2

model: build
	python3 scripts/train-fraud.py

zoo:
	@models/train/setup.sh trees
	$(MILLSTREAM_CACHE)/venv/trees/bin/python models/zoo/make_zoo.py

train:
	@python3 scripts/train-models.py

bench-models: zoo
	cargo build --release -p millstream-models --example score_rows
	python3 scripts/bench-models.py

check-scores: build
	python3 scripts/check-scores.py

ide: build
	cargo build --release --bin millstream-ide
	$(CARGO_TARGET_DIR)/release/millstream-ide samples/fraud

# In a window of its own; where there is no display, a virtual one.
bench-ide: setup
	@test -n "$(DISPLAY)$(WAYLAND_DISPLAY)" || command -v xvfb-run >/dev/null || \
		{ echo 'bench-ide: there is no display; installing a virtual one with apt: xvfb' >&2; apt-get install -y -q xvfb xauth >&2; }
	@test -e samples/gmv/data/orders.csv || python3 samples/gmv/fetch.py
	cargo build --release --bin millstream --bin millstream-ide --bin editor-budgets
	$(if $(DISPLAY)$(WAYLAND_DISPLAY),,xvfb-run -a -s '-screen 0 1920x1200x24') $(CARGO_TARGET_DIR)/release/editor-budgets

fuzz-models: setup
	models/fuzz/run.sh $(or $(SECONDS),300)
