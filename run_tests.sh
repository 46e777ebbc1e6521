#!/usr/bin/env bash
# Sets up .venv with the development tools when needed, then runs the tests; arguments go to pytest.
#   ./run_tests.sh                 everything but the slow tests
#   ./run_tests.sh -m slow         the slow ones: learning checks and the like
#   ./run_tests.sh tests/algo -x   as pytest takes it
set -euo pipefail

root=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
"$root/scripts/setup_venv.sh" dev
cd "$root"
exec .venv/bin/python -m pytest "$@"
