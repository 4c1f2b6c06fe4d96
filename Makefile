# What can be done here; each target works alone after a fresh clone, with only Python 3.11 or newer, make and git.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip --quiet --disable-pip-version-check
READY := .venv/ready
JOBS ?= 2
TARGET ?= feed
SECONDS ?= 60
PYTEST := $(BIN)/pytest -n $(JOBS)

CHAOS ?= --json docs/chaos.json

.PHONY: help demo test test-services check chaos soak bench bench-services fuzz audit-dependencies lock docs clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## see it work: a small news site of its own, crawled, matched and alerted
	@$(BIN)/copytaster demo

check: $(READY) ## format, lint, types, layers and the quick tests (under 3 minutes)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST) -q -m "not slow and not service"

test: $(READY) ## every test, with the real services that this machine has (under 25 minutes)
	tests/services/install
	$(PYTEST)

test-services: $(READY) ## only the tests with PostgreSQL, Redis, Elasticsearch, Prometheus, mail and a browser
	tests/services/install
	$(PYTEST) -m service

chaos: $(READY) ## each fault of the design on real processes, the long form; CHAOS="--times 3 F7" chooses
	tests/services/install
	$(BIN)/python -m tests.chaos $(CHAOS)
	$(BIN)/python docs/make_reliability.py

soak: $(READY) ## a day of 60,000 articles in an hour, each process looked at; nothing else should run
	$(BIN)/python -m tests.chaos.soak --json docs/benchmarks/soak.json
	$(BIN)/python docs/make_reliability.py
	$(BIN)/python docs/make_plots.py

bench: $(READY) ## the figures of docs/performance.md
	$(BIN)/copytaster bench match
	$(BIN)/copytaster bench extract
	$(BIN)/copytaster bench pipeline

fuzz: $(READY) ## look for inputs that break it, guided by coverage: make fuzz TARGET=feed SECONDS=600
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --group fuzz
	$(BIN)/python -m tests.fuzz.run $(TARGET) $(SECONDS)

docs: $(READY) ## write anew what is made from something else: configuration page, plots, dashboards, the chart's rules
	$(BIN)/python docs/make_configuration.py
	$(BIN)/python docs/make_plots.py
	$(BIN)/python docs/make_tables.py
	$(BIN)/python deploy/kibana/make.py
	$(BIN)/python deploy/grafana/make.py
	cp deploy/prometheus/rules/*.yml deploy/helm/copytaster/files/rules/

bench-services: $(READY) ## every figure of docs/performance.md anew, on real services, in 45 minutes; nothing else should run
	tests/services/install
	tests/services/install-elasticsearch
	tests/services/install-percolator
	$(BIN)/python docs/measure.py

audit-dependencies: $(READY) ## known vulnerabilities of what requirements.lock pins (asks the network)
	$(BIN)/uv tool run pip-audit --disable-pip --require-hashes --requirement requirements.lock

lock: $(READY) ## resolve requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --extra render --group dev --universal --python-version 3.11 \
		--generate-hashes --no-header --quiet --upgrade --output-file requirements.lock

clean: ## take away what was built here; data stays
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "copytaster needs Python 3.11 or newer, and $(PYTHON) is older: name another with make PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "This Python can't make virtual environments: install the package python3-venv and try again." >&2; exit 1; }
	@echo "Setting up .venv (once) …"
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv
	@awk '/^uv==/ {on = 1; print; next} /^[^ ]/ {on = 0} on' requirements.lock > .venv/uv.txt
	@$(PIP) install --require-hashes --requirement .venv/uv.txt
# uv takes seconds where pip takes a minute or more; but it does not read pip's own settings, so pip is the second try.
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes --requirement requirements.lock \
		|| $(PIP) install --require-hashes --requirement requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
# A command takes 1.5 s with its bytecode at hand and 3.7 s without; where PYTHONDONTWRITEBYTECODE is set nobody else writes it.
	@$(BIN)/python -m compileall -q copytaster scrapers search workers desk
	@touch $(READY)
