# make app: from a machine with nothing but Python 3.11+ to the app in the browser.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# A stamp carries the check sum of the requirements it installed: change them and the next make installs again.
APP_STAMP := $(VENV)/.app-$(shell cat requirements.txt | cksum | cut -d' ' -f1)
DEV_STAMP := $(VENV)/.dev-$(shell cat requirements.txt requirements-dev.txt | cksum | cut -d' ' -f1)

.PHONY: app test lint bench
.DEFAULT_GOAL := app

app: $(APP_STAMP)
	$(BIN)/streamlit run app.py

# A file of tests stays in one process: its networks are built once. `make test PYTEST=-n0` runs them one after the other.
PYTEST ?= -n auto --maxprocesses 4 --dist loadfile
test: $(DEV_STAMP)
	$(BIN)/python -m pytest $(PYTEST)

lint: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/pyright

bench: $(DEV_STAMP)
	$(BIN)/python -m benchmarks

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("xraykit needs Python 3.11 or newer, this is %s: make app PYTHON=python3.12" % sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(APP_STAMP): | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@rm -f $(VENV)/.app-* && touch $@

$(DEV_STAMP): | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@rm -f $(VENV)/.dev-* $(VENV)/.app-* && touch $@ $(APP_STAMP)
