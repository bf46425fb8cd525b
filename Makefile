# make book   everything from a fresh copy to a book in the browser
# make test   everything that is tested
PYTHON ?= python3
VENV := .venv/bin/python

.PHONY: help book test serve lab notebooks tables bench gpu clean ready
.DEFAULT_GOAL := help

help:
	@echo "make book       install into .venv, run every chapter (profile cpu), render _build/html"
	@echo "make serve      show the rendered book on this machine"
	@echo "make lab        open the chapters in JupyterLab"
	@echo "make notebooks  make the .ipynb beside each chapter again"
	@echo "make test       install, lint, type-check, and run all tests, chapters included"
	@echo "make tables     the papers' tables, published numbers beside ours"
	@echo "make bench      speed and memory"
	@echo "make gpu        on a CUDA GPU: its tests, benchmarks and trainings, gone on with where it was cut off"
	@echo "make clean      delete what was built (not .venv)"
	@echo "Options: PYTHON=python3.12 (to make .venv), DEPTHLIB_PROFILE=smoke|cpu|gpu, PORT=8000, MINUTES=9 (of make gpu)"

ready:
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo "make: there is no $(PYTHON). Install Python 3.11 or newer, or say make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) tools/bootstrap.py

book: ready
	@$(VENV) tools/tasks.py book

test: ready
	@$(VENV) tools/tasks.py test

serve: ready
	@$(VENV) tools/tasks.py serve --port $(or $(PORT),8000)

lab: ready
	@$(VENV) -m jupyter lab --notebook-dir=book

notebooks: ready
	@$(VENV) tools/pairs.py

tables: ready
	@$(VENV) -m depthlib table all

bench: ready
	@$(VENV) tools/tasks.py bench

gpu: ready
	@$(VENV) tools/gpu.py $(if $(MINUTES),--minutes $(MINUTES))

clean:
	rm -rf _build .pytest_cache .mypy_cache .ruff_cache .hypothesis
