# Everything here needs only Python >= 3.11, make and PyPI. The virtual environment
# makes itself; once it stands, nothing below touches the network.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: setup demo test lint bench storm crash faults quality lock clean
.DEFAULT_GOAL := test

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12")'
	@echo "Setting up $(VENV) (once; downloads about 400 MB)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

setup: $(STAMP) ## create the virtual environment from the lock file

demo: $(STAMP) ## import a sample recording twice, show the safe file and what was read
	@$(BIN)/python tools/demo.py demo-data

test: $(STAMP) ## the whole test suite, in parallel
	@$(BIN)/python -m pytest

lint: $(STAMP) ## style, types, and the import contract
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(STAMP) ## print the benchmark tables (minutes; needs ffmpeg for comparison)
	@$(BIN)/python -m benchmarks

storm: $(STAMP) ## a million tries for contended locks, then 200 times eight imports of one file (half an hour)
	@$(BIN)/python -m tools.storm --tries 1000000
	@$(BIN)/python tools/import_storm.py --rounds 200 --processes 8

crash: $(STAMP) ## kill an import at every durable operation, then cut the power there (an hour)
	@$(BIN)/python tools/crash.py --stand-in
	@$(BIN)/python tools/crash.py --power
	@$(BIN)/python tools/crash.py --sample 12

faults: $(STAMP) ## break the pass in every way that is known, besides those of the suite (minutes)
	@$(BIN)/python -m pytest -m exhaustive

quality: $(STAMP) ## draw 300 recordings and 1,000 reports, import them, count what leaks (many hours; resumes where it was)
	@$(BIN)/python -m quality

lock: ## resolve requirements.lock anew (needs uv on the PATH)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url --extra postgres --group dev pyproject.toml -o requirements.lock

clean: ## remove the virtual environment and what the demo wrote
	rm -rf $(VENV) demo-data dist build
