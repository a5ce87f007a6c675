# `make` lists what can be done. Everything happens in .venv, in this folder; nothing needs root.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo multi30k test test-all torch test-wheel conformance pictures benchmark lint format clean
MAKEFLAGS += --no-print-directory

# TensorFlow 2.21 is built for Python 3.11 to 3.13; the first of these that fits is taken.
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(or $(shell for python in python3 python3.13 python3.12 python3.11; do \
  $$python -c '$(FITS)' 2>/dev/null && echo $$python && break; done),python3)
TEST_JOBS ?= 2
BIN := .venv/bin
STAMP := .venv/.installed-here
RUN := runs/dates
BUNDLE := exports/dates

export TF_CPP_MIN_LOG_LEVEL ?= 2
# TensorFlow and Keras are compiled to bytecode once, not again by every process: 6 s instead of 17 s.
unexport PYTHONDONTWRITEBYTECODE

# An environment contains the path of its folder: if the folder was moved or copied, make it again.
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(CURDIR))
$(shell rm -f $(STAMP))
endif

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Shows pip's progress in one line of a terminal; warnings and errors go to standard error.
LAST_LINE := if [ -t 1 ]; then \
  awk '{ printf "\r\033[K  %.70s", $$0; fflush() } END { printf "\r\033[K" }'; else cat >/dev/null; fi

setup: $(STAMP) ## make .venv and install the package with all it needs (instant when done)
	@:

$(STAMP): setup.cfg pyproject.toml
	@$(PYTHON) -c '$(FITS)' 2>/dev/null || { \
	  echo "Python 3.11, 3.12 or 3.13 is needed; $(PYTHON) is: $$($(PYTHON) -V 2>/dev/null || echo missing)." \
	    "Install one, or name it: make PYTHON=/path/to/python3.13 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "Python's venv module is missing. On Debian or Ubuntu: sudo apt install python3-venv" >&2; \
	  exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
	  echo "Making the virtual environment .venv"; $(PYTHON) -m venv --clear .venv; }
	@echo "Installing into .venv; the first time this downloads about 1 GB and takes a few minutes"
	@set -o pipefail; $(BIN)/python -m pip install --disable-pip-version-check --no-compile \
	  --no-input --progress-bar off -e '.[dev]' | $(LAST_LINE)
	@printf '%s\n' '$(CURDIR)' > $@
	@echo "Installed"

# Ten dates in ten languages, all of the test split: their calendar days are never trained on.
define DATES
montag, 3. november 2059
August 28th, 2048
mercredi 1 décembre 2004
sábado, 31 de mayo de 2092
четверг, 11 октября 1917 г.
Πέμπτη 27 Οκτωβρίου 2011
1947年5月10日土曜日
2048년 4월 3일 (금)
الثلاثاء ٨ مايو ١٩٥١
सोमवार, २२ जून १९४२
endef
export DATES

demo: setup ## train on dates, evaluate, export, verify, translate: about 6 minutes on 2 cores
	@echo "1 of 3: training on dates in 40 locales, 2 to 4 minutes on 2 cores; after Ctrl-C, make demo resumes"
	@$(BIN)/keras-attention train dates --run-dir $(RUN)
	@echo
	@echo "2 of 3: exporting, and comparing the files with the trained model, about 2 minutes"
	@$(BIN)/keras-attention export $(RUN) --to $(BUNDLE)
	@echo
	@echo "3 of 3: translating ten dates that were never trained on, with their alignments"
	@printf '%s\n' "$$DATES" | $(BIN)/keras-attention translate $(BUNDLE) --explain
	@$(BIN)/keras-attention translate $(BUNDLE) "mercredi 1 décembre 2004" --picture $(BUNDLE).png \
	  >/dev/null
	@echo "The run:      $(RUN)          scores in $(RUN)/evaluation.json"
	@echo "The bundle:   $(BUNDLE)       how to serve it in $(BUNDLE)/README.md"
	@echo "A heatmap:    $(BUNDLE).png"
	@echo "TensorBoard:  $(BIN)/tensorboard --logdir $(RUN)/logs"
	@echo "Your dates:   $(BIN)/keras-attention translate $(BUNDLE) \"3 mars 2021\""

# The corpus is https://github.com/multi30k/dataset, task 1, folder `tok`: not for commercial use.
MULTI30K ?= ../shared/data/multi30k/tok
MINUTES ?= 51
multi30k: setup ## train Multi30k en-de for MINUTES=51, score it; MULTI30K=folder
	@test -f $(MULTI30K)/train.lc.norm.tok.en || { \
	  echo "There is no train.lc.norm.tok.en in $(MULTI30K); name the folder: make multi30k MULTI30K=..." >&2; \
	  exit 1; }
	timeout $(MINUTES)m $(BIN)/keras-attention train translation \
	  --run-dir runs/multi30k --name multi30k-en-de \
	  --train-source $(MULTI30K)/train.lc.norm.tok.en --train-target $(MULTI30K)/train.lc.norm.tok.de \
	  --validation-source $(MULTI30K)/val.lc.norm.tok.en \
	  --validation-target $(MULTI30K)/val.lc.norm.tok.de \
	  --test-source $(MULTI30K)/test_2016_flickr.lc.norm.tok.en \
	  --test-target $(MULTI30K)/test_2016_flickr.lc.norm.tok.de --bleu-tokenizer none \
	  --no-byte-fallback \
	  || $(BIN)/keras-attention evaluate runs/multi30k

# By default, tests that repeat others are skipped on TensorFlow, such as the ONNX export of every layer. On
# JAX, the tests of ops, of one layer of each kind, of models and of search run. BACKEND=jax or torch runs all
# tests of that backend.
TESTS := -m pytest -n $(TEST_JOBS)
CHECKLISTS := $(addprefix tests/layers/test_,checklist.py input_checklist.py two_inputs.py order.py)
JAX_TESTS := tests/ops $(if $(BACKEND),tests/layers,$(CHECKLISTS)) tests/models tests/decoding
BACKEND ?=
define run_tests
status=0; \
for backend in $(1); do \
  case $$backend in \
    tensorflow) tests=tests;; \
    jax) tests="$(JAX_TESTS)";; \
    torch) tests="$(CHECKLISTS)";; \
    *) echo "Expected BACKEND to be tensorflow, jax or torch. Received: BACKEND=$$backend" >&2; exit 2;; \
  esac; \
  echo "== $$backend: $$tests"; \
  KERAS_BACKEND=$$backend $(BIN)/python $(TESTS) $(2) $$tests || status=1; \
done; \
if [ $$status = 0 ]; then echo "All tests passed"; else echo "Some tests failed; see above" >&2; fi; \
exit $$status
endef

test: setup $(if $(filter torch,$(BACKEND)),torch) ## test on TensorFlow and JAX, about 28 minutes; or BACKEND=jax
	@$(call run_tests,$(or $(BACKEND),tensorflow jax),$(if $(BACKEND),--exhaustive))

test-all: JAX_TESTS := tests/ops tests/layers tests/models tests/decoding
test-all: setup torch ## run all tests on all backends, and examples with their full training
	@export JAX_DISABLE_MOST_OPTIMIZATIONS=0 XLA_FLAGS=; $(call run_tests,tensorflow jax torch,--exhaustive)

torch: setup # Keras' third backend; some 2 GB where pip takes the one with CUDA
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -e '.[torch]'

test-wheel: setup ## build the wheel and run all tests on it, not on this folder
	rm -rf build/wheel
	$(BIN)/python tests/wheel_files.py build/wheel
	PYTHONSAFEPATH=1 PYTHONPATH='$(CURDIR)/build/wheel/site' KERAS_ATTENTION_WHEEL=1 \
	  $(BIN)/python $(TESTS)

conformance: setup ## make docs/conformance.md by running every layer's checklist: about 10 minutes
	$(BIN)/python tests/conformance.py

pictures: setup ## draw the pictures of docs/attention.md
	$(BIN)/python docs/pictures.py

# The tables of docs/benchmark-log.md come from these. On a CPU with AVX-512 TensorFlow takes oneDNN's
# kernels, elsewhere its own; TF_ENABLE_ONEDNN_OPTS=0 or 1 selects either.
benchmark: setup ## compare time and memory with other libraries (3 GB); about an hour
	$(BIN)/python -m pip install --disable-pip-version-check --no-compile -e '.[benchmark]'
	$(BIN)/python benchmarks/attention_layers.py
	$(BIN)/python benchmarks/attention_scaling.py
	$(BIN)/python benchmarks/decoding.py
	$(BIN)/python benchmarks/decoding.py --growth --sizes tiny
	$(BIN)/python benchmarks/training_step.py

lint: setup ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup ## fix style and formatting with ruff
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## delete what was built here: environment, caches, wheels; keeps runs/ and exports/
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
