"""What playing StarCraft II needs on a machine: the game, its maps, SMAC. Says what is missing and what to do.

``python -m seed_matrace.starcraft2.installation VERSION MAP...`` prints the findings as JSON.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seed_matrace.smac_options import STARCRAFT2_BUILDS, STARCRAFT2_VERSION
from seed_matrace.starcraft2.messages import register_messages

INSTALL_SMAC = "pip install --no-deps git+https://github.com/oxwhirl/smac.git"
MAP_FOLDER = "SMAC_Maps"
MAPS_URL = "https://github.com/oxwhirl/smac/releases/download/v0.1-beta1/SMAC_Maps.zip"
GAME_URL = "https://github.com/Blizzard/s2client-proto#downloads"
STANDIN_MARK = "# seed_matrace's stand-in for StarCraft II"
CHECK = "-check"  # the only argument of a stand-in that shall say whether it could play
_FREE_BYTES = 1 << 30
_CHECK_S = 60.0


class InstallationError(RuntimeError):
    """Something is missing on this machine; the message says what, and what to do."""


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is as it should be, and if not what to do."""

    subject: str
    good: bool
    found: str
    todo: str = ""


def base_dir() -> Path:
    """Where the game is installed: SC2PATH, else ~/StarCraftII."""
    return Path(os.environ.get("SC2PATH") or "~/StarCraftII").expanduser()


def binary(version: str) -> Path:
    return base_dir() / "Versions" / f"Base{STARCRAFT2_BUILDS[version]}" / "SC2_x64"


def stamp(game_version: str | None) -> str:
    """What results are stamped with: "sc2-4.10"; a program in the game's place shows, as "sc2-4.10-standin"."""
    version = game_version or STARCRAFT2_VERSION
    path = binary(version)
    return f"sc2-{version}" if not path.is_file() or _is_elf(path) else f"sc2-{version}-standin"


def smac_version(game_version: str | None) -> str | None:
    """``game_version`` for StarCraft2Env: None, as everybody has it, where the newest installed is the wanted one."""
    version = game_version or STARCRAFT2_VERSION
    return None if max(_installed_builds(), default=0) == STARCRAFT2_BUILDS[version] else version


def check_playable(map_name: str, game_version: str | None) -> None:
    """Raises InstallationError unless the game of that version and the map are there."""
    version = game_version or STARCRAFT2_VERSION
    for finding in (_look_at_binary(version), _look_at_maps([map_name])):
        if not finding.good:
            raise InstallationError(f"{finding.found}; {finding.todo}")


def import_smac() -> Any:
    """The class ``StarCraft2Env`` of github.com/oxwhirl/smac.

    Raises:
      InstallationError: it is not installed, or another package of that name is, or what it needs is missing.
    """
    finding = _look_at_smac()
    if not finding.good:
        raise InstallationError(f"{finding.found}; {finding.todo}")
    register_messages()
    return importlib.import_module("smac.env").StarCraft2Env


def findings(version: str, maps: Sequence[str]) -> list[Finding]:
    """All that ``seed-matrace doctor`` looks at."""
    looks: list[Callable[[], Finding]] = [
        lambda: _look_at_binary(version),
        lambda: _look_at_libraries(version),
        lambda: _look_at_maps(maps),
        _look_at_smac,
        _look_at_messages,
        _look_at_ports,
        _look_at_space,
    ]
    return [look() for look in looks]


def _installed_builds() -> list[int]:
    folders = (base_dir() / "Versions").glob("Base*")
    return sorted(int(name) for folder in folders if (name := folder.name.removeprefix("Base")).isdigit())


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _look_at_binary(version: str) -> Finding:
    path, folder = binary(version), base_dir()
    subject = f"StarCraft II {version}"
    if not folder.is_dir():
        said = f"SC2PATH={folder}" if os.environ.get("SC2PATH") else f"SC2PATH is not set, and {folder}"
        todo = f"unpack the Linux package of {GAME_URL} and set SC2PATH to its folder StarCraftII"
        return Finding(subject, False, f"{said} is no folder", todo)
    if not path.is_file():
        names = {build: name for name, build in STARCRAFT2_BUILDS.items()}
        there = ", ".join(names.get(build, f"build {build}") for build in _installed_builds()) or "no version"
        others = [
            other for other in STARCRAFT2_BUILDS if other != version and STARCRAFT2_BUILDS[other] in _installed_builds()
        ]
        instead = f", or bind env.game_version = {others[0]!r}" if others else ""
        return Finding(subject, False, f"no {path}: {folder} holds {there}", f"install {version} ({GAME_URL}){instead}")
    if not os.access(path, os.X_OK):
        return Finding(subject, False, f"{path} is not executable", f"run: chmod +x {shlex.quote(str(path))}")
    if _is_elf(path):
        return Finding(subject, True, str(path))
    return _look_at_standin(subject, path)


def is_standin(path: Path) -> bool:
    """Whether a game's binary is the script of ``seed-matrace sc2-standin``."""
    with path.open("rb") as file:
        return STANDIN_MARK.encode() in file.read(1000)


def _look_at_standin(subject: str, path: Path) -> Finding:
    """Starts it, as far as it tells whether it could play."""
    if is_standin(path):
        try:
            tried = subprocess.run([str(path), CHECK], capture_output=True, text=True, timeout=_CHECK_S)
            said = tried.stderr.strip().splitlines()[-1:] if tried.returncode else None
        except (OSError, subprocess.TimeoutExpired) as error:
            said = [str(error)]
        if said is not None:
            todo = "install what it lacks, or lay it out anew with seed-matrace sc2-standin of a Python that has it"
            return Finding(subject, False, f"{path} (a stand-in) does not start: {''.join(said) or 'no word'}", todo)
    return Finding(subject, True, f"{path} (a stand-in, not the game: results say so)")


def _look_at_libraries(version: str) -> Finding:
    path = binary(version)
    if not path.is_file() or not _is_elf(path) or shutil.which("ldd") is None:
        return Finding("libraries", True, "nothing to look at")
    libraries = f"{base_dir() / 'Libs'}:{os.environ.get('LD_LIBRARY_PATH', '')}"
    listed = subprocess.run(
        ["ldd", str(path)], capture_output=True, text=True, env={**os.environ, "LD_LIBRARY_PATH": libraries}
    )
    missing = [line.split()[0] for line in listed.stdout.splitlines() if "not found" in line]
    todo = "install the packages they belong to (apt-file search NAME finds them)"
    return Finding("libraries", not missing, f"missing: {', '.join(missing)}" if missing else "all there", todo)


def _look_at_maps(maps: Sequence[str]) -> Finding:
    folder = base_dir() / "Maps" / MAP_FOLDER
    missing = [name for name in maps if not (folder / f"{name}.SC2Map").is_file()]
    if not missing:
        return Finding("maps", True, f"{len(maps)} in {folder}")
    shown = ", ".join(missing[:3]) + (" and more" if len(missing) > 3 else "")
    return Finding(
        "maps", False, f"{folder} lacks {shown}", f"unpack {MAPS_URL} into {folder.parent} (pip does not install maps)"
    )


def _look_at_smac() -> Finding:
    spec = importlib.util.find_spec("smac")
    folders = [Path(folder) for folder in (spec.submodule_search_locations or [])] if spec else []
    if spec is None:
        return Finding("smac", False, f"smac is not installed for {sys.executable}", f"run: {INSTALL_SMAC}")
    if not folders:
        todo = f"take it off PYTHONPATH; run: {INSTALL_SMAC}"
        return Finding("smac", False, f"smac is one file, {spec.origin}, and not SMAC", todo)
    if not any((folder / "env" / "starcraft2").is_dir() for folder in folders):
        return Finding(
            "smac",
            False,
            "the installed smac is PyPI's, which tunes hyper-parameters and has nothing to do with StarCraft II",
            f"run: pip uninstall -y smac && {INSTALL_SMAC}",
        )
    if importlib.util.find_spec("pysc2") is None:
        return Finding("smac", False, "smac needs pysc2, which is not installed", "run: pip install pysc2")
    return Finding("smac", True, str(folders[0]))


def _look_at_messages() -> Finding:
    try:
        register_messages()
        importlib.import_module("s2clientprotocol.sc2api_pb2")
        api = importlib.import_module("google.protobuf.internal.api_implementation")
        version = importlib.import_module("google.protobuf").__version__
    except Exception as error:
        return Finding("protobuf", False, str(error), "run: pip install -U protobuf s2clientprotocol")
    if api.Type() == "python":
        todo = "pip install -U protobuf, and unset PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"
        return Finding("protobuf", True, f"{version}, in Python: slow; faster: {todo}")
    return Finding("protobuf", True, f"{version}, in C")


def _look_at_ports() -> Finding:
    try:
        with socket.create_server(("127.0.0.1", 0)):
            return Finding("ports", True, "free ones on 127.0.0.1")
    except OSError as error:
        todo = "allow this user to listen on 127.0.0.1: games and their players meet there"
        return Finding("ports", False, f"cannot listen on 127.0.0.1 ({error.strerror})", todo)


def _look_at_space() -> Finding:
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    return Finding(
        "free space",
        free >= _FREE_BYTES,
        f"{free / 2**30:.1f} GB in {folder}",
        "games write there: free 1 GB, or set TMPDIR to a folder with more",
    )


if __name__ == "__main__":
    print(json.dumps([asdict(finding) for finding in findings(sys.argv[1], sys.argv[2:])]))
