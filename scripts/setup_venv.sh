#!/usr/bin/env bash
# Makes .venv match this checkout: scripts/setup_venv.sh learner|vertex|dev   (dev holds all of the others)
#
# What was done is remembered in .venv/setup/, so that a call with nothing to do takes no time and no network:
#   installed.EXTRA                    what the metadata in pyproject.toml was when it was installed
#   built                              what the extensions were built from
#   root                               the checkout that .venv belongs to
#   unfinished                         there while packages are being changed; found at the start, .venv is made anew
set -euo pipefail

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
extra=${1:-}
venv=$root/.venv
state=$venv/setup
log=$venv/setup.log
python=$venv/bin/python
cd "$root"

say() { echo "[set-up] $*" >&2; }
fail() {
  echo "error: $*" >&2
  exit 1
}

[[ $extra =~ ^(learner|vertex|dev)$ ]] || fail "set up what? say: scripts/setup_venv.sh learner|vertex|dev"

check_python() { # INTERPRETER CHECK...: prints the interpreter's path
  local answer
  answer=$("$1" scripts/check_python.py "${@:2}" 2>&1) || fail "$answer"
  echo "$answer"
}

find_python() {
  if [[ -n ${PYTHON:-} ]]; then
    command -v "$PYTHON" >/dev/null || fail "PYTHON=$PYTHON: there is no such interpreter"
    check_python "$PYTHON" version
    return
  fi
  for candidate in python3 python3.13 python3.12 python3.11 python3.10; do
    "$candidate" scripts/check_python.py version 2>/dev/null && return
  done
  command -v python3 >/dev/null || fail "no Python: install Python 3.10 to 3.13 or name one with PYTHON=..."
  check_python python3 version
}

# The tools' settings at the end of pyproject.toml do not matter to what is installed.
metadata_key() { { sed '/^\[tool\./Q' pyproject.toml; echo "$1"; } | sha256sum; } # EXTRA
flavour_key() { { cat setup.py; "$python" -V; echo "debug=${SEED_MATRACE_DEBUG:-0}"; } | sha256sum; }
build_key() { flavour_key && find cext -name '*.p[yx][xd]' -o -name '*.h' | sort | xargs sha256sum; }

is_installed() { [[ ! -e $state/unfinished && $(metadata_key "$extra") == "$(cat "$state/installed.$extra" 2>/dev/null)" ]]; }
is_built() {
  local source
  for source in cext/*.pyx; do
    source=${source##*/}
    compgen -G "seed_matrace/_cext/${source%.pyx}.*.so" >/dev/null || return 1
  done
  [[ $(build_key) == "$(cat "$state/built" 2>/dev/null)" ]]
}
is_ready() {
  [[ -x $python && $(cat "$state/root" 2>/dev/null) == "$root" ]] && is_installed && is_built
}

run_logged() { # COMMAND...: into the log; a terminal sees the latest line
  "$@" 2>&1 | while IFS= read -r line; do
    echo "$line" >>"$log"
    if [[ -t 2 ]]; then printf '\r\e[K  %.74s' "$line" >&2; fi
  done || {
    if [[ -t 2 ]]; then printf '\r\e[K' >&2; fi
    return 1
  }
  if [[ -t 2 ]]; then printf '\r\e[K' >&2; fi
}

explain_failure() { # WHAT
  if grep -qE 'NewConnectionError|NameResolutionError|Timeout|ProxyError|IncompleteRead|Network is unreachable' "$log"; then
    fail "$1 failed for want of network: connect (or tell pip your proxy) and call again; details in $log"
  fi
  tail -n 20 "$log" | sed 's/^/  /' >&2
  fail "$1 failed: the lines above are the end of $log"
}

why_unusable() { # prints what is wrong with the .venv that exists, if anything
  if [[ -e $state/unfinished ]]; then
    echo "its set-up was interrupted"
  elif ! "$python" -m pip --version >/dev/null 2>&1; then
    echo "its Python or pip does not work"
  elif ! "$python" scripts/check_python.py version >/dev/null 2>&1; then
    echo "its Python version is not supported"
  elif [[ -e $state/root && $(cat "$state/root") != "$root" ]]; then
    echo "it was made for another folder"
  fi
}

ensure_venv() {
  local base reason=""
  if [[ -e $venv || -L $venv ]]; then
    reason=$(why_unusable)
    [[ -n $reason ]] || return 0
  fi
  base=$(find_python)
  check_python "$base" venv compiler >/dev/null
  if [[ -n $reason ]]; then say "making .venv anew: $reason"; else say "making .venv"; fi
  rm -rf "$venv"
  mkdir -p "$state"
  touch "$state/unfinished"
  run_logged "$base" -m venv "$venv" || explain_failure "making .venv"
}

pip_install() {
  if run_logged "$python" -m pip install --no-input --progress-bar off "$@"; then return; fi
  # Nothing was changed if pip did not get to installing: keep what is there.
  if ! grep -q "^Installing collected packages" "$log"; then rm -f "$state/unfinished"; fi
  explain_failure "installing"
}

install() {
  local build_requires implied
  mapfile -t build_requires < <(sed -n 's/^requires = //p' pyproject.toml | grep -o '"[^"]*"' | tr -d '"')
  mkdir -p "$state"
  touch "$state/unfinished"
  say "installing packages for '$extra', building the extensions: some minutes the first time"
  pip_install "pip>=23" "${build_requires[@]}" # they stay, for building again without network
  pip_install --no-build-isolation --editable ".[$extra]"
  echo "$root" >"$state/root"
  metadata_key "$extra" >"$state/installed.$extra"
  if [[ $extra == dev ]]; then
    for implied in learner vertex; do metadata_key "$implied" >"$state/installed.$implied"; done
  fi
  build_key >"$state/built"
  rm "$state/unfinished"
}

build() {
  local force=()
  say "building the extensions"
  if [[ $(flavour_key) != "$(head -n 1 "$state/built" 2>/dev/null)" ]]; then
    force=(--force) # another compiler's work, or an interrupted build, must not be mistaken for up to date
    export CYTHON_FORCE_REGEN=1
  fi
  rm -f "$state/built"
  run_logged "$python" setup.py build_ext --inplace "${force[@]}" || explain_failure "building the extensions"
  build_key >"$state/built"
}

if is_ready; then exit; fi
exec 9>>.venv.lock
if ! flock --nonblock 9; then
  say "another set-up of .venv is at work: waiting for it"
  flock 9
  if is_ready; then exit; fi
fi
# pip answers Ctrl-C with an ordinary exit code: what is half-done must stay marked.
trap 'echo >&2; say "interrupted: call again to finish"; exit 130' INT
ensure_venv
: >"$log"
check_python "$python" compiler >/dev/null
if is_installed; then build; else install; fi
say "done in $SECONDS s"
