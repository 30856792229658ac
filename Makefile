# `make` alone prints what can be done. Everything happens inside the tree: .venv, .cache, web/node_modules.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

OWN := .venv/bin/python
UV := $(OWN) scripts/uv.py
FOLDER ?= gwanje-data
TESTS ?=
LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

.PHONY: up
up: setup ## set up, then run all of gwanje here (FOLDER=gwanje-data)
	@exec .venv/bin/gwanje up $(FOLDER)

.PHONY: test
test: setup ## set up, bring what the tests need where root, run every test (TESTS=… for some)
	@scripts/packages.sh tests
	@$(OWN) scripts/page.py check
	@$(OWN) scripts/side_by_side.py $(TESTS)

.PHONY: check
check: setup ## format, lint, types, import directions, page, tests without engines and browser
	@$(OWN) -m ruff format --check .
	@$(OWN) -m ruff check .
	@$(OWN) -m mypy
	@.venv/bin/lint-imports
	@$(OWN) scripts/page.py check
	@$(OWN) -m pytest -q -m "not engine and not e2e" $(TESTS)

.PHONY: setup
setup: .venv/.project ## make .venv from the locks, and the page; nothing where nothing changed
	@$(OWN) scripts/page.py build

.PHONY: engines
engines: ## bring the real servers that tests use (Debian packages, as root; Prometheus 3 by Go)
	@scripts/packages.sh engines
	@scripts/base_image.sh
	@scripts/prometheus.sh

.PHONY: bench
bench: setup ## run the benchmarks side by side with their peers, which `make engines` brings
	@for name in ingest queries alerting agent bytes store store_memory; do echo "== $$name"; $(OWN) "benchmarks/$$name.py"; done

.PHONY: reference
reference: setup ## write docs/reference again from the code
	@$(OWN) scripts/reference.py

.PHONY: wheel
wheel: setup ## build the source archive and the wheel into dist/
	@$(OWN) -m hatchling build

.PHONY: lock
lock: .venv/.python ## resolve requirements/*.txt again from pyproject.toml
	@$(LOCK) pyproject.toml --extra server --group dev -o requirements/dev.txt $(UPGRADE)
	@$(LOCK) pyproject.toml --extra server -c requirements/dev.txt -o requirements/server.txt
	@$(LOCK) pyproject.toml -c requirements/dev.txt -o requirements/agent.txt
	@$(LOCK) --group build -c requirements/dev.txt -o requirements/build.txt
	@echo uv | $(LOCK) - -c requirements/dev.txt --no-annotate -o requirements/uv.txt

.PHONY: clean
clean: ## remove everything that the other targets made
	@rm -rf .venv .cache dist web/node_modules src/gwanje/show/page
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

.venv/.python: requirements/uv.txt scripts/venv.sh
	@scripts/venv.sh
	@touch $@

.venv/.locked: .venv/.python requirements/dev.txt
	@$(UV) pip sync --quiet --require-hashes requirements/dev.txt
	@touch $@

.venv/.project: .venv/.locked pyproject.toml hatch_build.py
	@$(UV) pip install --quiet --no-build-isolation --no-deps --editable .
	@touch $@
