# make demo, make test: each sets everything up by itself. See README.md.
PYTHON := .venv/bin/python

.PHONY: demo test lint setup clean

demo: setup
	@$(PYTHON) -m ppghost demo

test: setup
	@$(PYTHON) -m pytest -n logical --dist worksteal

lint: setup
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@.venv/bin/lint-imports --no-logo
	@$(PYTHON) -m mypy

setup: .venv/ready

.venv/ready: requirements.txt pyproject.toml .ci/setup
	@sh .ci/setup

clean:
	rm -rf .venv .bootstrap output
