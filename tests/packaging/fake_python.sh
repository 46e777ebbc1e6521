#!/usr/bin/env bash
# Stands in for Python in the tests of scripts/setup_venv.sh: writes what it is asked to calls.log, installs nothing.
# FAKE_PIP=no_network|broken: how `pip install` of the project ends. FAKE_PAUSE_S: how long it takes.
set -euo pipefail

extensions() {
  local source
  for source in cext/*.pyx; do
    source=${source##*/}
    touch "seed_matrace/_cext/${source%.pyx}.fake.so"
  done
}

case "$*" in
  "-V") echo "Python 3.99.0" ;;
  "scripts/check_python.py"*) echo "$0" ;;
  "-m pip --version") ;;
  "-m venv "*)
    echo "venv" >>calls.log
    mkdir -p "$3/bin"
    cp "$0" "$3/bin/python"
    ;;
  "-m pip install "*"--editable"*)
    echo "install ${!#}" >>calls.log
    sleep "${FAKE_PAUSE_S:-0}"
    case ${FAKE_PIP:-} in
      no_network) echo "connection broken by 'NewConnectionError(...)'"; exit 1 ;;
      broken) echo "Installing collected packages: tensorflow"; echo "No space left on device"; exit 1 ;;
    esac
    extensions
    ;;
  "-m pip install "*) ;;
  "setup.py build_ext "*)
    echo "${@:2}" >>calls.log
    extensions
    ;;
  *) echo "unexpected: $*"; exit 9 ;;
esac
