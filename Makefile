# Everything a fresh machine needs is Python 3.11, make and a package registry.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS ?= 2
YAML_STYLE := '{extends: default, rules: {document-start: disable, line-length: {max: 200}, comments: {min-spaces-from-content: 1}}}'

# Nothing is sent to anyone, and bytecode is written whatever the machine is used to: without it starts take three times as long.
export GX_ANALYTICS_ENABLED := false
export SCARF_ANALYTICS := false
export DO_NOT_TRACK := 1
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: $(READY) ## run the sample's last day through Airflow and say where its report lies
	@$(BIN)/python scripts/run_day.py $(if $(SENTINELA_CONFIG),,--labels examples/aurora/labels/posts-september.xlsx)

.PHONY: airflow
airflow: $(READY) ## serve Airflow on this machine alone, until Ctrl-C
	@exec $(BIN)/python scripts/airflow_local.py

.PHONY: test
test: $(READY) ## run the tests
	@scripts/get_chromium.sh
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not slow"

.PHONY: test-all
test-all: $(READY) ## run the slow tests, too: soaks, every family, every store
	@scripts/get_chromium.sh
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: lint
lint: $(READY) ## check style, types, import arrows, contracts and the deployment files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy dags scripts
	$(BIN)/lint-imports
	$(BIN)/python -m data_contracts.lint
	$(BIN)/yamllint --strict --config-data $(YAML_STYLE) docker examples
	$(BIN)/hadolint docker/Dockerfile
	$(BIN)/python scripts/lint_docker.py

.PHONY: lock
lock: $(READY) ## resolve the dependencies anew into the lock files
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header \
	  --extra training --extra spark --group dev pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header \
	  --constraints requirements.lock pyproject.toml -o docker/requirements.lock

.PHONY: clean
clean: ## remove the environment and everything that was made from the sources
	if [ -x $(BIN)/python ]; then $(BIN)/python scripts/airflow_local.py --forget; fi
	rm -rf $(VENV) .airflow build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf examples/*/lake examples/*/reports
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock pyproject.toml scripts/install.sh
	@scripts/install.sh $(VENV)
	@touch $@
