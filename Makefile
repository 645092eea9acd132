# make app: from a machine with nothing but Python 3.11+ to the app in the browser.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# A stamp carries the check sum of what it installed: change the requirements and the next make installs again.
APP_STAMP := $(VENV)/.app-$(shell cat requirements.txt constraints.txt | cksum | cut -d' ' -f1)
DEV_STAMP := $(VENV)/.dev-$(shell cat requirements.txt requirements-dev.txt constraints.txt | cksum | cut -d' ' -f1)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: app test test-all lint bench fuzz attack docs pictures constraints extras compiled
.DEFAULT_GOAL := app

app: $(APP_STAMP)
	$(BIN)/streamlit run app.py

# A file of tests stays in one process, those of one server as well; the longest begin (tests/conftest.py). `make test PYTEST=-n0`: one after the other.
# Two processes more than cores: the browser tests mostly wait, the others compute (docs/decisions/0027).
PYTEST ?= -n $(shell expr $$(nproc 2>/dev/null || echo 2) + 2) --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# The tests start hundreds of processes: they read what the first has compiled, whatever the user's Python does elsewhere.
test: $(DEV_STAMP)
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest $(PYTEST)

# With the slow tests, which .ci/run has too, and the longest
test-all: export XRAYKIT_TESTS = all
test-all: test

lint: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

# What is optional for everybody else, and whose tests must really run in .ci/run: Keras' second backend, and Ray
extras: $(DEV_STAMP)
	$(INSTALL) jax -r requirements-ray.txt

# What the tests import, compiled once where pip left it (PIP_NO_COMPILE), not in each of their processes
compiled: $(DEV_STAMP)
	PYTHONDONTWRITEBYTECODE= TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/python -c "import tensorflow, streamlit.testing.v1, altair, \
	    scipy.stats, sklearn.linear_model, statsmodels.api, pydicom, ai_edge_litert.interpreter, hypothesis"

bench: $(DEV_STAMP)
	$(BIN)/python -m benchmarks

# Films with something wrong in them: every answer in time, every accepted film what its file says. `make fuzz FUZZ="--seed 7"`
fuzz: $(DEV_STAMP)
	$(BIN)/python -W ignore -m tests.helpers.fuzz_films $(FUZZ)

# What once broke the app, at full size (the suite takes a tenth): damaged films. `make attack ATTACK="--seed 7"`
attack: $(DEV_STAMP)
	$(BIN)/python -W ignore -m tests.attack $(ATTACK)

# Draws the map of the rooms, the list of recipe fields, what the gate refuses, the readme's first picture and, where DCMTK
# is installed, the table of pydicom's films anew; then checks that what is written about the code is so.
docs: $(DEV_STAMP)
	$(BIN)/python -m tests.helpers.import_map
	$(BIN)/python -m tests.helpers.recipe_page
	$(BIN)/python -m tests.helpers.gate_page
	$(BIN)/python -m tests.helpers.story_picture
	$(BIN)/python -m tests.helpers.pydicom_films
	$(BIN)/python -m pytest -q tests/test_docs.py

# The pictures of the readme and the guides anew, of the real app on synthetic films. `make pictures PICTURES="review stage"`
pictures: $(DEV_STAMP)
	$(BIN)/python -m tests.helpers.pictures $(PICTURES)

# After the tests passed with newer versions: write down which.
constraints: $(DEV_STAMP)
	$(BIN)/python -m tests.helpers.constraints

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("xraykit needs Python 3.11 or newer, this is %s: make app PYTHON=python3.12" % sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(APP_STAMP): | $(BIN)/python
	$(INSTALL) -r requirements.txt
	@rm -f $(VENV)/.app-* && touch $@

$(DEV_STAMP): | $(BIN)/python
	$(INSTALL) -r requirements-dev.txt
	@rm -f $(VENV)/.dev-* $(VENV)/.app-* && touch $@ $(APP_STAMP)
