PYTHON ?= $(firstword $(shell command -v python3 python 2>/dev/null))
BIN := .venv/bin
SAM := .venv-sam/bin/sam
NODE := tests/asl-validator tests/conformance/node

export SAM_CLI_TELEMETRY = 0

.PHONY: help
help:
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

.PHONY: setup
setup: ## make .venv and install everything (nothing to do when nothing changed)
	@test -n "$(PYTHON)" || { echo "setup: Python 3 is needed; install it and try again" >&2; exit 1; }
	@$(PYTHON) scripts/setup.py

.PHONY: demo
demo: setup ## run a task end to end on the local stack: no key, no Docker, no AWS account
	@$(BIN)/silvercup demo

.PHONY: dev
dev: setup ## start the local stack at http://127.0.0.1:8080; its data stay in .silvercup
	@$(BIN)/silvercup dev --port 8080 --state .silvercup

.PHONY: test
test: setup node ## run every test (those of OpenSearch need Java 11 to 21 and Maven)
	@$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

.PHONY: node
node: # the independent validator of state machines and the npm client, where Node.js is there
	@if command -v npm >/dev/null 2>&1; then $(MAKE) --no-print-directory $(NODE:=/node_modules/.package-lock.json); \
	else echo "node: not here, the tests that need it are skipped"; fi

%/node_modules/.package-lock.json: %/package-lock.json
	@cd $* && npm ci --silent --no-audit --no-fund
	@touch $@

.PHONY: lint
lint: setup ## ruff and the floors
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/lint-imports

.PHONY: types
types: setup ## pyright, strict
	@$(BIN)/pyright

.PHONY: template
template: setup ## validate template.yaml (cfn-lint, sam validate --lint)
	@$(PYTHON) scripts/setup.py sam
	@$(BIN)/cfn-lint template.yaml
	@AWS_DEFAULT_REGION=us-east-1 $(SAM) validate --lint --template template.yaml

.PHONY: build
build: setup ## sam build, bytecode for every module, a look at what was made
	@$(PYTHON) scripts/setup.py sam
	@$(PYTHON) scripts/setup.py build
	@PATH="$(CURDIR)/.venv-build/bin:$$PATH" $(SAM) build
	@cd .aws-sam/build && ../../.venv-build/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash .
	@.venv-build/bin/python scripts/artefacts.py --prune .aws-sam/build

.PHONY: bench
bench: setup ## print the figures of bench/README.md
	@$(BIN)/python -m bench

.PHONY: openapi
openapi: setup ## write docs/openapi.json anew
	@$(BIN)/python scripts/openapi.py

.PHONY: lock
lock: setup ## solve requirements/*.in anew
	@$(BIN)/python scripts/lock.py

.PHONY: clean
clean: ## take away everything that was made here (not .silvercup)
	@rm -rf .venv .venv-sam .venv-node .venv-build .venv-uv .aws-sam .pytest_cache .ruff_cache .import_linter_cache $(NODE:=/node_modules)
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
