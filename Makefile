# The commands that a change has to pass; .ci/run runs the same.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: build sc2-venv lint format type test docs bench clean

build:  # .venv with the tools, extensions up to date; SEED_MATRACE_DEBUG=1: with bounds checks
	scripts/setup_venv.sh dev

sc2-venv:  # .venv-sc2, the interpreter for the real StarCraft II: --sc2_python=.venv-sc2/bin/python
	scripts/setup_sc2_venv.sh

lint: build
	ruff check .
	ruff format --check .
	cython-lint cext

format: build
	ruff check --fix-only .
	ruff format .

type: build
	mypy

test:
	./run_tests.sh

docs: build  # the documentation site in build/site
	NO_MKDOCS_2_WARNING=1 mkdocs build --quiet

bench: build
	seed-matrace bench end_to_end maps/3m.gin

clean:  # all that was made but .venv and runs/
	rm -rf build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -f seed_matrace/_cext/*.so
	find benchmarks cext gcp scripts seed_matrace tests -name __pycache__ -exec rm -rf {} +
