#!/usr/bin/env bash
# Sets up .venv when needed, then submits a training job to Vertex AI: ./gcp/submit.sh --help
set -euo pipefail

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
"$root/scripts/setup_venv.sh" vertex
exec "$root/.venv/bin/python" "$root/gcp/submit.py" "$@"
