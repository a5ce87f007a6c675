# `make` lists what can be done. Everything happens in .venv, in this folder; nothing needs root.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-wheel lint format clean
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
TEST_JOBS ?= 2
BIN := .venv/bin
STAMP := .venv/.installed-here
RUN := runs/dates
BUNDLE := exports/dates
PACKAGES := keras_attention training export tests benchmarks

export TF_CPP_MIN_LOG_LEVEL ?= 2

# An environment remembers its folder: where this one was moved or copied to, it is made anew.
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(CURDIR))
$(shell rm -f $(STAMP))
endif

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv and install the package with all it needs (instant when done)

$(STAMP): setup.cfg pyproject.toml
	@command -v $(PYTHON) >/dev/null || { \
	  echo "$(PYTHON) was not found. Install Python 3.11 or newer, or name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) -V 2>&1). Name another: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "Python's venv module is missing. On Debian or Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
	  echo "Making the virtual environment .venv"; $(PYTHON) -m venv --clear .venv; }
	@echo "Installing into .venv; the first time this downloads about 1 GB"
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar off -q -e '.[dev]'
	@$(BIN)/python -c 'import keras_attention' >/dev/null
	@printf '%s\n' '$(CURDIR)' > $@
	@echo "Installed"

demo: setup ## train on dates, evaluate, export, prove, translate: about 12 minutes on 2 cores
	$(BIN)/python -m keras_attention train dates --run-dir $(RUN)
	$(BIN)/python -m keras_attention evaluate $(RUN)
	$(BIN)/python -m keras_attention export $(RUN) --to $(BUNDLE)
	$(BIN)/python -m keras_attention verify $(BUNDLE)
	$(BIN)/python -m keras_attention translate $(BUNDLE) "3. März 2021" "14 July 1989" --explain

test: setup ## run all tests on TensorFlow, then layers, models, search and algebra on JAX
	@status=0; \
	echo "== All tests, TensorFlow"; \
	$(BIN)/python -m pytest -n $(TEST_JOBS) --dist loadfile || status=1; \
	echo "== Algebra, layers, models and search, JAX"; \
	KERAS_BACKEND=jax $(BIN)/python -m pytest tests/ops tests/layers tests/models tests/decoding \
	  tests/test_doctests.py || status=1; \
	if [ $$status = 0 ]; then echo "All tests passed on both backends"; \
	else echo "Some tests failed; see above" >&2; fi; \
	exit $$status

test-wheel: setup ## build the wheel and run all tests on it, not on this folder
	$(BIN)/python tests/wheels.py build/wheel
	PYTHONSAFEPATH=1 PYTHONPATH=build/wheel/site $(BIN)/python -m pytest -n $(TEST_JOBS) --dist loadfile

lint: setup ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup ## mend style and formatting where a program can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## delete what was built here: environment, caches, wheels; keeps runs/ and exports/
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
