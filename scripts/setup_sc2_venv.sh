#!/usr/bin/env bash
# Makes .venv-sc2, the interpreter that plays the real StarCraft II: scripts/setup_sc2_venv.sh [SMAC]
#
# It holds SMAC, what SMAC needs and this program, without TensorFlow: actors and games run with it, learners do not.
# SMAC is pip's name of where to get it, by default github.com/oxwhirl/smac; a folder with its sources will do.
set -euo pipefail

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
smac=${1:-git+https://github.com/oxwhirl/smac.git}
venv=$root/.venv-sc2
# s2clientprotocol pins no protobuf and this program reads its messages under any: the newest are the fastest. pysc2 and
# smac ask for packages that draw and for an old protobuf; what playing takes of these stands here.
packages=(absl-py mpyq numpy portpicker "protobuf>=5" "s2clientprotocol>=4.10.1" "websocket-client>=1.0")

fail() {
  echo "error: $*" >&2
  exit 1
}

python=$("${PYTHON:-python3}" "$root/scripts/check_python.py" version venv compiler) || fail "$python"
[[ -x $venv/bin/python ]] || "$python" -m venv "$venv"
pip=("$venv/bin/python" -m pip --disable-pip-version-check install --quiet --no-input)
"${pip[@]}" "${packages[@]}"
"${pip[@]}" --no-deps "pysc2==4.0.0" "s2protocol"
"${pip[@]}" --no-deps "$smac" ||
  fail "SMAC could not be had from $smac; where GitHub cannot be reached, name a folder with its sources: $0 /path/to/smac"
"${pip[@]}" "$root" # built for this Python, as it is now: run this again after a change of version
echo "made $venv (what pip says of packages that smac or pysc2 lack does not matter here); next: seed-matrace doctor --sc2_python=$(printf %q "$venv/bin/python")"
