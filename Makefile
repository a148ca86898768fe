# Every habit of this project: `make help` lists them. All of them work in a fresh clone.

# The first of these that is Python 3.11 or newer makes .venv; `make PYTHON=python3.12` names one.
PYTHON = python3 python3.14 python3.13 python3.12 python3.11 python

BIN = .venv/bin
PIP = $(BIN)/python -m pip install -q --disable-pip-version-check
IS_NEW_ENOUGH = import ensurepip, sys; sys.exit(sys.version_info < (3, 11))

.PHONY: help bench demo test lint types notebooks front-page classroom lecture server-figures clean

help: ## List the habits
	@awk -F ' *## *' '/^[a-z-]+:.*##/ { sub(/:.*/, "", $$1); printf "make %-14s %s\n", $$1, $$2 }' Makefile

bench: .venv/for-use ## Run the textbook's figure: both backends, N = 1 to 35
	$(BIN)/bench run kurose-ross

demo: .venv/for-use ## Show both systems live in a browser
	$(BIN)/bench demo --open

test: .venv/for-development ## Run every test
	$(BIN)/python -m pytest -n auto --dist worksteal

lint: .venv/for-development ## Check the code's style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/for-development ## Check the types
	$(BIN)/mypy

notebooks: .venv/for-development ## Run the notebooks and keep their output
	$(BIN)/python docs/run_notebooks.py

front-page: .venv/for-use ## Measure the README's pictures and figures again
	$(BIN)/python docs/front_page.py

classroom: .venv/for-development ## Record the README's lesson and photograph the demo's page
	$(BIN)/python docs/classroom.py

lecture: .venv/for-use ## Measure every claim again: docs/lecture.html and the README's verdicts
	$(BIN)/python docs/lecture.py

server-figures: .venv/for-use ## Measure the HTTP server, against nginx where it is installed
	$(BIN)/python docs/server_figures.py

clean: ## Remove .venv, caches and builds; results stay
	rm -rf .venv build ./*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@for python in $(PYTHON); do \
	  if "$$python" -c '$(IS_NEW_ENOUGH)' 2>/dev/null; then exec "$$python" -m venv .venv; fi; \
	done; \
	echo 'No Python 3.11 or newer with venv (Debian: python3-venv) among: $(PYTHON)' >&2; \
	exit 1

.venv/for-use: pyproject.toml | .venv/bin/python
	@echo 'Installing into .venv: a minute or two, once.'
	@$(PIP) -e .
	@touch $@

.venv/for-development: pyproject.toml | .venv/bin/python
	@echo 'Installing into .venv, with the tools for development: a minute or two, once.'
	@$(PIP) -e '.[dev]'
	@touch .venv/for-use $@
