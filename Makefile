# make demo   sets everything up and audits a real dataset with planted faults
# make test   sets everything up and passes the tests
# make workspace   imports the demo's data into this checkout as a workspace, runs dvc.yaml, asks the gate
# Set-up builds .venv here: with uv where it is present, else with venv and pip.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
UV     := $(shell command -v uv 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help setup demo workspace test lint check format docs bench crash clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile
	@echo "make lint   ruff, mypy and the generated docs   make docs   rewrite the generated docs"
	@echo "make check  lint, then test                     make format let ruff correct what it can"
	@echo "make bench  benchmarks against peers            make crash  fifty rounds of kill -9"
	@echo "make clean  remove what these made"

setup: $(READY)

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] < (3, 15) else "Python 3.11 to 3.14 is needed, this is %d.%d: run make PYTHON=python3.12 …" % sys.version_info[:2])'
ifneq ($(UV),)
	$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	$(UV) pip install --quiet --python $(BIN)/python --constraint requirements.lock --editable . --group dev
else
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint requirements.lock --editable . --group dev
endif
	@touch $(READY)

demo: $(READY)
	$(BIN)/python examples/digits/run.py --out demo

workspace: $(READY)
	$(BIN)/python examples/digits/run.py --out demo --data-only
	$(BIN)/auditor import demo/labels.csv --name digits --map item.scanner=scanner --media demo/images --gold demo/gold.csv \
	  --predictions demo/probabilities.csv --classes demo/classes.txt
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m dvc repro
	-$(BIN)/auditor gate

test: $(READY)
	$(BIN)/python -m pytest --numprocesses=auto --dist=worksteal

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python docs/generate.py --check

check: lint test

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY)
	$(BIN)/python docs/generate.py

crash: $(READY)
	AUDITOR_CRASH_ROUNDS=50 $(BIN)/python -m pytest tests/test_crash.py

bench: $(READY)
ifneq ($(UV),)
	$(UV) pip install --quiet --python $(BIN)/python --constraint requirements.lock --group bench
else
	$(BIN)/python -m pip install --quiet --constraint requirements.lock --group bench
endif
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) audit demo dist tables tables.dvc measures findings report sources verdict.json dvc.lock .auditor .dvc/cache .dvc/tmp .mypy_cache .ruff_cache .pytest_cache .hypothesis benchmarks/.cache
