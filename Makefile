# Each target does all of its own set-up on a machine with python3 (with venv) and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CLIP := demo_videos/jumping_jacks.mp4

.PHONY: demo test check clean

demo: $(VENV)/.run
	$(BIN)/python app.py run $(CLIP) --out out/demo --overwrite

test: $(VENV)/.dev
	$(BIN)/python -m pytest

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict app.py pipeline
	$(BIN)/mypy models
	$(BIN)/codespell

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements-run.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -r requirements-run.txt
	touch $@

$(VENV)/.dev: requirements-dev.txt requirements.txt requirements-run.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) out
