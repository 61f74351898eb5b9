# Every target does its own set-up: it needs Python 3.11 or newer with pip, and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
OUT ?= backproof-lab

.PHONY: app lab test check bench docs pictures clean

lab: $(VENV)/installed
	$(BIN)/backproof lab --out "$(OUT)"

app: $(VENV)/installed-app
	$(BIN)/backproof app

test: check
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal

check: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/installed-dev
	$(BIN)/python benchmarks/lab.py
	$(BIN)/python benchmarks/gradcheck.py
	$(BIN)/python benchmarks/tape.py
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/app.py
	$(PIP) --editable '.[bench]'
	$(BIN)/python benchmarks/risk.py
	$(BIN)/python benchmarks/scale.py

docs: $(VENV)/installed-dev
	$(BIN)/sphinx-build --fail-on-warning --keep-going docs docs/_build
	@echo "The documentation is docs/_build/index.html"

pictures: $(VENV)/installed-dev
	BACKPROOF_PICTURES=docs/images $(BIN)/python -m pytest tests/app/test_app_pictures.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist docs/_build docs/_generated

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Backproof needs Python 3.11 or newer; name one with make PYTHON=...")'
	@echo "Setting up $(VENV); the first time takes a few minutes."
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	@touch $@

$(VENV)/installed-app: $(VENV)/installed
	$(PIP) --editable '.[app]'
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) --editable '.[dev]'
	@touch $@
