#!/usr/bin/env bash
# Trains the teams that come with the program and puts them into seed_matrace/zoo/teams: scripts/train_zoo.sh [MAP...]
# Runs stay in build/zoo/COMMIT, where those of this commit are gone on with. All are trained before any is put in its
# place, so that they note a clean commit; what is not committed is refused.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ -n $(git status --porcelain) ]]; then echo "commit your changes first: teams note what they were trained with" >&2; exit 2; fi
runs=build/zoo/$(git rev-parse --short=12 HEAD)
maps=("$@")
if [[ ${#maps[@]} -eq 0 ]]; then maps=(3m 8m 2s3z MMM2 corridor); fi
export PATH="$PWD/.venv/bin:$PATH"
for map in "${maps[@]}"; do
  seed-matrace train "maps/$map.gin" --num_actors=0 --seed=1 --run_dir="$runs/$map"
done
for map in "${maps[@]}"; do
  seed-matrace zoo add "$runs/$map" "$map" --zoo_dir=seed_matrace/zoo/teams --replace
done
rm -f seed_matrace/zoo/teams/.lock
seed-matrace zoo
