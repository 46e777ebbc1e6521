"""A folder that looks like an installation of StarCraft II and starts the stand-in."""

from __future__ import annotations

import fcntl
import itertools
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seed_matrace.interpreter import start_apart
from seed_matrace.sc2_standin.faults import Fault, parse_faults
from seed_matrace.skirmish.maps import map_names
from seed_matrace.smac_options import STARCRAFT2_BUILDS, STARCRAFT2_VERSION
from seed_matrace.starcraft2.installation import CHECK, MAP_FOLDER, STANDIN_MARK, is_standin

_ROOT = Path(__file__).parents[2]  # where this program is found, if it is not installed
SCRIPT = """#!/bin/sh
{mark}
unset PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION  # the caller's old protobuf may be slow
exec {python} sc2-standin --game_version={version} -- "$@"
"""
FAULTS_VARIABLE = "SEED_MATRACE_SC2_FAULTS"
FAULTS_FILE, LAUNCHES_FILE = "faults.txt", "launches"


def install(folder: Path, faults: str = "", version: str = STARCRAFT2_VERSION) -> None:
    """Lays out what pysc2 and smac look for: the game's binary and the maps' files.

    Files of real maps stay, and so does another version. The binary starts this Python.

    Args:
      faults: of every game that is started from here, see ``faults.parse_faults``.
      version: of the game, that it claims to be; a key of ``STARCRAFT2_BUILDS``.

    Raises:
      ValueError: bad faults, or ``folder`` holds the real game.
      ImportError: this Python lacks what the stand-in needs; the message says what and how to get it.
      OSError: the folder cannot be written.
    """
    parse_faults(faults)
    import seed_matrace.sc2_standin.server  # noqa: F401  # what the binary will do

    binary = folder / "Versions" / f"Base{STARCRAFT2_BUILDS[version]}" / "SC2_x64"
    if binary.exists() and not is_standin(binary):
        raise ValueError(f"{binary} is the game itself; give the stand-in a folder of its own")
    binary.parent.mkdir(parents=True, exist_ok=True)
    command = start_apart("seed_matrace", sys.executable, [str(_ROOT)])
    binary.write_text(SCRIPT.format(mark=STANDIN_MARK, python=shlex.join(command), version=version), encoding="utf-8")
    binary.chmod(0o755)
    maps = folder / "Maps" / MAP_FOLDER
    maps.mkdir(parents=True, exist_ok=True)
    for name in map_names():
        if not (maps / f"{name}.SC2Map").exists():
            (maps / f"{name}.SC2Map").write_text(f"{name} of seed_matrace's stand-in\n", encoding="utf-8")
    (folder / FAULTS_FILE).write_text(faults + "\n" if faults else "", encoding="utf-8")
    (folder / LAUNCHES_FILE).write_bytes(b"")


@dataclass(frozen=True)
class Launch:
    """How a game was started."""

    host: str
    port: int
    faults: tuple[Fault, ...]
    number: int  # of this launch from its installation


def asks_for_check(arguments: Sequence[str]) -> bool:
    """Whether the binary was only asked if it could play, as ``seed-matrace doctor`` does."""
    return list(arguments) == [CHECK]


def read_launch(arguments: Sequence[str]) -> Launch:
    """Reads StarCraft II's command line and counts the launch; what does not matter to the stand-in is passed over.

    Args:
      arguments: such as -listen 127.0.0.1 -port 5000 -dataDir /games/StarCraftII/ -tempDir /tmp/x.

    Raises:
      ValueError: no port, or bad faults.
    """
    given = dict(itertools.pairwise(arguments))
    port = given.get("-port", "")
    if not port.isdecimal():
        raise ValueError(f"-port is {port or 'missing'}; the number of a port expected")
    folder = Path(given["-dataDir"]) if "-dataDir" in given else None
    faults = os.environ.get(FAULTS_VARIABLE)
    if faults is None and folder is not None and (folder / FAULTS_FILE).exists():
        faults = (folder / FAULTS_FILE).read_text(encoding="utf-8")
    number = _count_launch(folder) if folder is not None else 1
    return Launch(given.get("-listen", "127.0.0.1"), int(port), parse_faults(faults or ""), number)


def _count_launch(folder: Path) -> int:
    """One byte for each launch; several games may start at once."""
    with (folder / LAUNCHES_FILE).open("ab") as launches:
        fcntl.flock(launches, fcntl.LOCK_EX)
        launches.write(b".")
        launches.flush()
        return launches.tell()
