# Two commands do everything: `make demo` and `make test`. Both set up first, on a bare machine with Python >= 3.11.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
COMPILE := $(BIN)/uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test check format bench prove lock clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(STAMP)  ## create .venv and install the pinned packages

$(STAMP): requirements.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the pinned packages into $(VENV) (once, about a minute)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q auctions masking market migrations  # also where Python is told to write no bytecode
	@touch $(STAMP)

demo: $(STAMP)  ## sell a whole portfolio through the real server; writes demo-out/
	@$(BIN)/market demo

serve: $(STAMP)  ## run the server on 127.0.0.1:8000 with the demo's parties and an open auction
	@$(BIN)/market serve --with-demo

test: $(STAMP)  ## run all tests
	@$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder

check: $(STAMP)  ## style, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: $(STAMP)  ## apply the style
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

bench: $(STAMP)  ## print every figure the docs quote, each beside its baseline
	@$(BIN)/python -m bench

prove: $(STAMP)  ## the long proofs: kills and stops under load, simulated market days
	@$(BIN)/python -m bench.days
	@$(BIN)/python -m bench.prove

lock: $(STAMP)  ## pin all packages again, for every platform, with hashes and without addresses
	@$(BIN)/python -m pip install --quiet uv
	@$(COMPILE) --group dev -o requirements.txt
	@$(COMPILE) --group build -c requirements.txt -o requirements-run.txt
	@! grep -n '://' requirements.txt requirements-run.txt

clean:  ## remove the environment, the embedded database and the demo's output
	rm -rf $(VENV) .market demo-out
