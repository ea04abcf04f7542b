# Needs Python 3.11 or newer, make and a package index. Everything lives in .venv in this folder.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check bench docs

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

help:
	@echo "make demo    fit, sample and audit the simulated cohort; prints the path of the report"
	@echo "make test    the tests"
	@echo "make check   linter, formatter, types, import directions"
	@echo "make bench   the figures of the README: the kernel against its rivals, and real patient tables"
	@echo "make docs    the documentation, into site/"

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer not found: name one, as in 'make demo PYTHON=python3.12'." >&2; exit 1; }
	$(PYTHON) -m venv .venv

# One environment, two stamps: the demo installs what it runs, the rest adds the tools. The tools include all
# that the demo needs, so installing them sets both stamps and a later `make demo` installs nothing.
.venv/.flows: pyproject.toml | $(BIN)/python
	@echo "installing synthema-core[flows] into .venv (once, some minutes at most)"
	@$(PIP) --editable ".[flows]"
	@touch $@

.venv/.dev: pyproject.toml | $(BIN)/python
	@echo "installing synthema-core[dev] into .venv (once, some minutes at most)"
	@$(PIP) --editable ".[dev]"
	@touch .venv/.flows $@

demo: .venv/.flows
	@$(BIN)/synthema demo

test: .venv/.dev
	$(BIN)/python -m pytest -rs

check: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.dev
	bench/rivals.sh
	$(BIN)/python -m bench.neighbors
	$(BIN)/python -m bench.aml
	$(BIN)/python -m bench.tables

docs: .venv/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
