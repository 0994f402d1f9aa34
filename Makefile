# What one can do here. `make` alone lists it. Needs git, make and Python 3.11 to 3.13, nothing else.

VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
UV_INSTALL := $(UV) pip sync --quiet --require-hashes --compile-bytecode
COMPILE := $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header
ENVIRONMENTS := $(VENV)/environments
XGBOOST := $(ENVIRONMENTS)/sagemaker-xgboost-3.2-0
LAMBDA := $(ENVIRONMENTS)/lambda-python
SERVER := $(ENVIRONMENTS)/model-server
BENCHMARK := $(ENVIRONMENTS)/benchmark
TOOLKIT := $(ENVIRONMENTS)/toolkit
CHECKS := $(ENVIRONMENTS)/checks
PARITY := $(ENVIRONMENTS)/parity
PARITY_SERVER := $(PARITY)/environments/model-server
PARITY_TOOLKIT := $(ENVIRONMENTS)/parity-toolkit
PYTHONS := $(PYTHON) python3 python3.12 python3.13 python3.11
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
IMAGE_PYTHONS := $(PYTHON312) python3.12 $(wildcard $(HOME)/.pyenv/versions/3.12.*/bin/python3.12)
IS_312 := import sys; sys.exit(sys.version_info[:2] != (3, 12))
PROBLEM := Millrace needs Python 3.11, 3.12 or 3.13, and none of these is one: $(strip $(PYTHONS)).
SETUP := $(VENV)/.packages $(XGBOOST)/.packages $(LAMBDA)/.packages $(SERVER)/.packages $(BIN)/millrace

SEEDS ?= 200
FIRST_SEED ?= 1
WHERE ?= both
WORKERS ?= 2
DATA ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test rollout chaos parity quality serving check lint gates lock synth cdk cdk-check clean distclean

help: ## list what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(SETUP) ## make .venv: the toolbox and one environment per runtime (demo and test do it for you)

demo: setup ## everything once: deploy, drop data, run, approve, predict
	@$(BIN)/millrace demo

test: setup $(TOOLKIT)/.packages ## all tests, in two processes (about 2 GB each): make test WORKERS=4
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

rollout: setup ## three accounts, a canary under load, a bad model and its alarm, ending with a line of counts
	@$(BIN)/millrace rollout

chaos: setup ## seeded histories of uploads in which everything goes wrong: make chaos SEEDS=200 FIRST_SEED=1
	@$(BIN)/python tests/chaos --seeds $(SEEDS) --first $(FIRST_SEED) --where $(WHERE)

parity: $(PARITY)/.packages $(PARITY_SERVER)/.packages $(PARITY_TOOLKIT)/.packages ## the step code's tests with exactly the image's packages, on its Python 3.12
	@$(PARITY)/bin/python -m pytest tests/steps tests/toolkit

quality: setup ## how good the models are on the public data: make quality DATA=<folder with claims.csv, customers.csv, abalone.data>
	@if [ ! -d "$(DATA)" ]; then \
		echo "DATA is '$(DATA)': name the folder with claims.csv, customers.csv and abalone.data" >&2; exit 2; \
	fi
	@$(XGBOOST)/bin/python benchmarks/quality.py "$(DATA)"

serving: setup $(BENCHMARK)/.packages ## how fast the endpoint's server is, beside XGBoost alone and a FastAPI endpoint
	@$(BIN)/python benchmarks/serving.py

check: setup $(CHECKS)/.packages ## everything static: `lint` and `gates`, side by side
	@$(MAKE) --no-print-directory --jobs 2 lint gates

lint: setup ## lint, format, types, import rules
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@MYPYPATH=pipeline_code $(BIN)/mypy --exclude pipeline_code/definition pipeline_code
	@PYTHONPATH=lambda $(BIN)/lint-imports --no-logo

gates: setup $(CHECKS)/.packages ## the templates against cdk-nag, checkov, cfn-lint, parliament and our own controls
	@$(BIN)/python -m checks

synth: setup ## write the templates and assets to cdk.out
	@$(BIN)/python app.py

cdk: node_modules/.package-lock.json ## install the pinned CDK CLI (needed to deploy to AWS)

cdk-check: setup cdk ## the real CDK CLI: bootstrap, deploy, deploy again, destroy on a private embedded AWS
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tests/e2e/cdk_check.py

lock: $(UV) ## pin the newest packages that the requirements*.in files allow
	@$(COMPILE) requirements.in --output-file requirements.lock
	@$(COMPILE) requirements-image.in --output-file requirements-image.lock
	@$(COMPILE) requirements-lambda.in --output-file requirements-lambda.lock
	@$(COMPILE) requirements-server.in --output-file requirements-server.lock
	@$(COMPILE) requirements-benchmark.in --output-file requirements-benchmark.lock
	@$(COMPILE) requirements-parity.in --output-file requirements-parity.lock
	@$(COMPILE) requirements-checks.in --output-file requirements-checks.lock
	@$(COMPILE) requirements-toolkit.in --override requirements-toolkit.override --output-file requirements-toolkit.lock

clean: ## remove what is made from the sources (keeps .venv and the state of the embedded AWS)
	@rm -rf cdk.out node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean ## stop the embedded AWS, remove its state and .venv too
	@if [ -x $(BIN)/millrace ]; then $(BIN)/millrace down; fi
	@rm -rf .millrace $(VENV)

# Set-up: each stamp says that a lock file has been installed.

$(BIN)/python:
	@for python in $(PYTHONS); do \
		if "$$python" -c '$(SUPPORTED)' 2> /dev/null; then \
			echo "Making $(VENV) with $$("$$python" --version)"; \
			"$$python" -m venv $(VENV) || { rm -rf $(VENV); exit 1; }; \
			exit 0; \
		fi; \
	done; \
	echo "$(PROBLEM)" >&2; \
	echo "Install one, or name one: make setup PYTHON=/path/to/python3.12" >&2; \
	exit 1

$(UV): requirements-uv.lock | $(BIN)/python
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(VENV)/.packages: requirements.lock $(UV)
	@echo "Installing the toolbox (about 1 GB; the first time takes a few minutes)"
	@$(UV_INSTALL) --python $(BIN)/python $<
	@touch $@

$(XGBOOST)/.packages: requirements-image.lock
$(LAMBDA)/.packages: requirements-lambda.lock
$(SERVER)/.packages: requirements-server.lock
$(BENCHMARK)/.packages: requirements-benchmark.lock
$(TOOLKIT)/.packages: requirements-toolkit.lock
$(CHECKS)/.packages: requirements-checks.lock
$(PARITY)/.packages: requirements-parity.lock | $(PARITY)/bin/python
$(PARITY_SERVER)/.packages: requirements-server.lock | $(PARITY)/bin/python $(PARITY_SERVER)/bin/python
$(PARITY_TOOLKIT)/.packages: requirements-toolkit.lock | $(PARITY_TOOLKIT)/bin/python

$(ENVIRONMENTS)/%/.packages: $(UV)
	@echo "Installing the runtime $*"
	@test -x $(@D)/bin/python || $(UV) venv --quiet --python $(BIN)/python $(@D)
	@$(UV_INSTALL) --python $(@D)/bin/python $(filter %.lock,$^)
	@touch $@

$(PARITY)/bin/python $(PARITY_SERVER)/bin/python $(PARITY_TOOLKIT)/bin/python: | $(UV)
	@for python in $(IMAGE_PYTHONS); do \
		if "$$python" -c '$(IS_312)' 2> /dev/null; then \
			exec $(UV) venv --quiet --python "$$python" $(@D)/..; \
		fi; \
	done; \
	echo "The image runs Python 3.12, and none of these is one: $(strip $(IMAGE_PYTHONS))." >&2; \
	echo "Install it, or name it: make parity PYTHON312=/path/to/python3.12" >&2; \
	exit 1

$(BIN)/millrace: Makefile | $(BIN)/python
	@$(BIN)/python -c 'import pathlib, sysconfig; \
		pathlib.Path(sysconfig.get_path("purelib"), "millrace.pth").write_text("$(CURDIR)\n")'
	@printf '#!/bin/sh\nexec "%s/python" -P -m millrace "$$@"\n' "$(CURDIR)/$(BIN)" > $@
	@chmod +x $@

node_modules/.package-lock.json: package-lock.json | $(VENV)/.packages
	@echo "Installing the CDK CLI"
	@PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --silent --no-audit --no-fund
	@touch $@
