#!/usr/bin/env bash
# Trains the teams that come with the program and puts them into seed_matrace/zoo/teams: scripts/train_zoo.sh [MAP...]
# Runs stay in build/zoo; what is there already is gone on with. All are trained first, so that they note a clean commit.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

maps=("$@")
if [[ ${#maps[@]} -eq 0 ]]; then maps=(3m 8m 2s3z MMM2 corridor); fi
export PATH="$PWD/.venv/bin:$PATH"
for map in "${maps[@]}"; do
  seed-matrace train "maps/$map.gin" --num_actors=0 --seed=1 --run_dir="build/zoo/$map"
done
for map in "${maps[@]}"; do
  seed-matrace zoo add "build/zoo/$map" "$map" --zoo_dir=seed_matrace/zoo/teams --replace
done
seed-matrace zoo
