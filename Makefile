# The commands a change has to pass; .ci/run runs the same.
PYTHON := .venv/bin/python

.PHONY: build lint type test bench clean

build:  ## .venv with everything, extensions up to date (SEED_MATRACE_DEBUG=1: with bounds checks)
	scripts/setup_venv.sh dev

lint: build
	$(PYTHON) -m ruff check .
	.venv/bin/cython-lint cext

type: build
	$(PYTHON) -m mypy

test:
	./run_tests.sh

bench: build
	$(PYTHON) -m seed_matrace bench end_to_end --gin_file=maps/3m.gin

clean:  ## leaves .venv and runs/
	rm -rf build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find cext seed_matrace -name '*.so' -delete
	find cext seed_matrace tests -name __pycache__ -exec rm -rf {} +
