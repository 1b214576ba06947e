# Each target does all of its own set-up on a machine with python3 (with venv) and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Exactly the versions that were tested; the requirements say which others may work.
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt
CLIP := demo_videos/jumping_jacks.mp4

.PHONY: demo test check test-newest lock clean

demo: $(VENV)/.run
	$(BIN)/python app.py run $(CLIP) --out out/demo --overwrite

test: $(VENV)/.dev
	$(BIN)/python -m pytest

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict app.py pipeline models
	$(BIN)/mypy benchmarks tests weights
	$(BIN)/codespell

# The tests with the newest release of everything that the requirements allow: do it before 'make lock'.
test-newest:
	$(PYTHON) -m venv --clear $(VENV)-newest
	$(VENV)-newest/bin/python -m pip install --quiet -r requirements-dev.txt
	$(VENV)-newest/bin/python -m pip freeze
	$(VENV)-newest/bin/python -m pytest

# Renew constraints.txt: the newest releases for every Python and system that the requirements allow.
lock:
	$(PYTHON) -m venv --clear $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet "uv>=0.13,<1"
	$(VENV)-lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.10 --no-annotate \
		--custom-compile-command "make lock" requirements-dev.txt requirements-cuda.txt -o constraints.txt

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements-run.txt constraints.txt | $(VENV)/bin/python
	$(INSTALL) -r requirements-run.txt
	touch $@

$(VENV)/.dev: requirements-dev.txt requirements.txt requirements-run.txt constraints.txt | $(VENV)/bin/python
	$(INSTALL) -r requirements-dev.txt
	touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) $(VENV)-newest $(VENV)-lock out
