#!/usr/bin/env bash
# Sets up .venv with the development tools when needed, then runs the tests; arguments go to pytest.
#   ./run_tests.sh                 everything but the slow tests, on all cores
#   ./run_tests.sh -m slow         the slow ones: learning checks and the like
#   ./run_tests.sh tests/algo -x   as pytest takes it
set -euo pipefail

root=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
"$root/scripts/setup_venv.sh" dev
cd "$root"
if [[ $# -eq 0 ]]; then
  set -- --numprocesses=auto --maxprocesses=4 --dist=loadfile # a process needs up to 1 GB
fi
exec .venv/bin/python -m pytest "$@"
