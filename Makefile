# Two commands set everything up: `make run` does the main job, `make test` passes the tests.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help install run test test-full check format ui bench bench-simulator bench-speed bench-quality lock clean

help:  ## Say what there is.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /	/' | expand -t 18

# The marker is written last, so that an interrupted installation is taken up again.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Counterfoil needs Python 3.11 to 3.13; name one with: make run PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

install: $(READY)  ## Create the environment from the locked versions.

run: $(READY)  ## Run all stale stages (the simulated source by default).
	$(BIN)/counterfoil run $(ARGS)

test: $(READY)  ## Run all tests, of long repetitions a small case each.
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not full"

test-full: $(READY)  ## Run all tests with many kills and long simulations (about half an hour).
	COUNTERFOIL_KILLS=10 $(BIN)/python -m pytest -n 2 --dist loadgroup

check: $(READY)  ## Format, lint, types, import arrows and the fast tests.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow and not full"

format:  ## Format and mend what the linter can mend.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# One server process and no job workers: the UI needs neither, and each takes 200 MB.
ui: $(READY)  ## Open the MLflow UI on the recorded runs.
	MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false \
	  $(BIN)/mlflow server --host 127.0.0.1 --port 5000 --workers 1 \
	  --backend-store-uri sqlite:///mlflow.db --artifacts-destination mlartifacts $(ARGS)

bench-simulator: $(READY)  ## Measure the simulator's speed and difficulty.
	$(BIN)/python -m pip install --quiet xgboost
	$(BIN)/python -m benchmarks.simulator

# PyTorch is measured too where it is installed; it is too large to ask for.
bench-speed: $(READY)  ## Measure training, encoders, scoring and the whole pipeline (about an hour).
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable ".[benchmarks]"
	$(BIN)/python -m benchmarks.speed $(ARGS)

# A stopped run continues where it was; finished fits are lines of benchmarks/results/quality.jsonl.
bench-quality: $(READY)  ## Judge the SGAN, its peers and its parts on real rows (hours).
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable ".[benchmarks]"
	$(BIN)/python -m benchmarks.quality $(ARGS)

bench: bench-simulator bench-speed  ## Run the benchmarks.

lock:  ## Write requirements.lock anew from pyproject.toml (needs uv).
	uv pip compile pyproject.toml --universal --python-version 3.11 --extra dev \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade \
	  --output-file requirements.lock

clean:  ## Remove what runs and tools have made; mlflow.db stays.
	rm -rf artifacts .pytest_cache .ruff_cache .mypy_cache .hypothesis
