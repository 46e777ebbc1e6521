#!/usr/bin/env bash
# Sets up .venv when needed, then trains a team on this machine: see usage below.
set -euo pipefail

root=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")

usage() {
  cat <<TEXT
Trains a team on this machine; the first call sets up $root/.venv.

usage: ./run_local.sh [GIN_FILE...] [NUM_ACTORS] [FLAGS...]

  GIN_FILE     what to train: files of gin/ or your own, *.gin (default: maps/3m.gin; with --run_dir that run's own)
  NUM_ACTORS   actor processes (default: as the machine allows)
  FLAGS        flags of the train command, passed on as they are

examples:
  ./run_local.sh
  ./run_local.sh maps/8m.gin 4 --seed=3
  ./run_local.sh maps/8m.gin --run_dir=runs/8m --gin_param='loss.discount=0.98'
  ./run_local.sh --run_dir=runs/8m                (goes on with that run)

environment:
  PYTHON=python3.12        the interpreter to make .venv with (3.10 to 3.13)
  SEED_MATRACE_DEBUG=1     build the extensions with bounds checks

All flags of the train command, once set up: .venv/bin/seed-matrace train --help
TEXT
}

fail() {
  echo "error: $*" >&2
  exit 2
}

args=()
if [[ ${1:-} == -h || ${1:-} == --help ]]; then
  usage
  exit
fi
num_actors=
while [[ $# -gt 0 && $1 != -* ]]; do
  if [[ $1 == *.gin ]]; then
    args+=("$1")
  elif [[ $1 =~ ^[0-9]+$ && -z $num_actors ]]; then
    num_actors=$1
    args+=("--num_actors=$1")
  elif [[ $1 =~ ^[0-9]+$ ]]; then
    fail "one number of actors was expected, not '$num_actors' and '$1' (see ./run_local.sh --help)"
  else
    fail "a gin file (*.gin), the number of actors or a flag was expected, not '$1' (see ./run_local.sh --help)"
  fi
  shift
done

"$root/scripts/setup_venv.sh" learner
# Modules of your own are found in the working folder, after all others: python -m would look there first.
exec "$root/.venv/bin/python" -c 'import os, sys
sys.path[:1] = []
sys.path.append(os.getcwd())
from seed_matrace.cli import main
sys.exit(main())' train "${args[@]}" "$@"
