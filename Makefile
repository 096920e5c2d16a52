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
	@scripts/get_nginx.sh
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not slow"

.PHONY: test-all
test-all: $(READY) ## run the slow tests, too: soaks, every family, every store
	@scripts/get_chromium.sh
	@scripts/get_nginx.sh
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
	  --extra deployment --extra training --extra spark --group dev pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --extra deployment \
	  --constraints requirements.lock --no-emit-package tensorflow --no-emit-package libclang \
	  pyproject.toml -o docker/requirements.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --extra deployment \
	  --extra kubernetes --constraints requirements.lock --no-emit-package tensorflow --no-emit-package libclang \
	  pyproject.toml -o docker/helm/requirements.lock
	sed -n 's/^tensorflow==\([^ ;]*\).*/tensorflow-cpu==\1/p' requirements.lock \
	  | $(BIN)/uv pip compile --python-version 3.11 --generate-hashes --no-header --no-annotate --no-deps - -o docker/tensorflow.lock

.PHONY: sbom
sbom: $(READY) ## write the bill of materials of the image's packages, build/sbom.cdx.json
	@mkdir -p build
	@cat docker/requirements.lock docker/tensorflow.lock > build/sbom.txt
	$(BIN)/uv tool run --quiet --from cyclonedx-bom==7.5.0 cyclonedx-py requirements build/sbom.txt \
	  --pyproject pyproject.toml --output-reproducible --output-file build/sbom.cdx.json
	@rm build/sbom.txt

.PHONY: clean
clean: ## remove the environment and everything that was made from the sources
	if [ -x $(BIN)/python ]; then $(BIN)/python scripts/airflow_local.py --forget; fi
	rm -rf $(VENV) .airflow build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf examples/*/lake examples/*/reports
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock pyproject.toml scripts/install.sh
	@scripts/install.sh $(VENV)
	@touch $@
