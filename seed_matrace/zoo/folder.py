"""A zoo on this machine: teams are put into it whole, one at a time, whoever is killed meanwhile."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from seed_matrace.files import write_file
from seed_matrace.foreign_files import MOST_BYTES, open_file, parse_document, shown
from seed_matrace.learner.run_directory import is_team
from seed_matrace.learner.run_info import RUN_FILE
from seed_matrace.zoo.team import FILES, FORMAT, TeamError, check_name, check_team, entry_of, has, unknown

INDEX = "index.json"
_SHOWN = {"map": str, "backend": str, "env_steps": int, "won": int, "episodes": int, "bytes": int, "about": list}
_NEW, _OLD = "new-team", "old-team"  # .NAME.new-team is written there, .NAME.old-team is what it takes the place of


def parse_index(content: bytes, zoo: str) -> dict[str, dict[str, Any]]:
    """The teams that an index names.

    Args:
      content: of ``index.json``.
      zoo: what messages call the folder.

    Raises:
      TeamError: it is no index, or that of another format.
    """
    try:
        index = parse_document(content)
        if not isinstance(index, dict) or index.get("format") != FORMAT or not isinstance(index.get("teams"), dict):
            raise ValueError("it is no index of teams, or that of another version of this program")
        for name, team in index["teams"].items():
            check_name(name)
            if not has(team, _SHOWN):
                raise ValueError(f"{name} is described by {shown(team)}; {', '.join(_SHOWN)} expected")
            if other := unknown(team, _SHOWN):
                raise ValueError(f"{name} is described by {other}")
    except ValueError as error:
        raise TeamError(f"{zoo}/{INDEX} cannot be used: {error}") from None
    return dict(index["teams"])


def put(zoo: Path, name: str, files: Mapping[str, bytes], *, replace: bool, source: str = "") -> Path:
    """Writes a team and its entry in the index; a team that does not pass ``check_team`` leaves nothing.

    Args:
      source: what messages call the team; by default its name.

    Raises:
      TeamError: it does not pass; or as ``check_place``, unless that very team is there.
    """
    folder = zoo / check_name(name)
    with tempfile.TemporaryDirectory() as checked:
        _write(Path(checked), files)
        facts = check_team(Path(checked), source or name)
    check_zoo(zoo)
    zoo.mkdir(parents=True, exist_ok=True)
    with _locked(zoo):
        teams = check_zoo(zoo)
        here = not replace and is_team(folder) and (folder / RUN_FILE).read_bytes() == files[RUN_FILE]
        if here:
            check_team(folder)
        else:
            check_place(zoo, name, replace=replace)
            _write(_aside(zoo, name, _NEW), files)
        teams[name] = _entry(facts, files)
        write_file(zoo / INDEX, json.dumps({"format": FORMAT, "teams": dict(sorted(teams.items()))}, indent=2) + "\n")
        if not here:
            _take_place(zoo, name)
    return folder


def finish_puts(zoo: Path) -> None:
    """Ends what a killed ``put`` left half done, unless another is under way, or nothing can be written here."""
    if any(path for what in (_NEW, _OLD) for path in zoo.glob(f".*.{what}")):
        with contextlib.suppress(OSError), _locked(zoo, wait=False):
            pass


def check_zoo(zoo: Path) -> dict[str, dict[str, Any]]:
    """The teams of a zoo on this machine, which need not be there yet; TeamError if teams cannot be put into it."""
    around = next(path for path in (zoo, *zoo.absolute().parents) if path.exists())
    if not around.is_dir():
        raise TeamError(f"--zoo_dir={zoo}: {around} is a file; a folder expected")
    return _own_index(zoo) if (zoo / INDEX).exists() else {}


def check_place(zoo: Path, name: str, *, replace: bool) -> None:
    """Raises TeamError unless a team may be put there.

    Another one of that name is there and ``replace`` is not set; or what is there is more than a team, or none.
    """
    check_zoo(zoo)
    folder = zoo / check_name(name)
    if not os.path.lexists(folder):
        return
    if not replace:
        raise TeamError(f"{folder} is there already; --replace takes its place, --zoo_dir names another folder")
    if folder.is_symlink() or not is_team(folder):
        raise TeamError(f"{folder} is no team; nothing is put in its place")
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or path.is_file()}
    if others := sorted(found - {RUN_FILE, *FILES}):
        raise TeamError(f"{folder} holds {shown(others[0])}, which is not the team's; move it elsewhere first")


@contextlib.contextmanager
def _locked(zoo: Path, *, wait: bool = True) -> Iterator[None]:
    """Nobody else puts a team into ``zoo`` meanwhile, and nothing is left of those who were killed.

    Raises:
      OSError: it cannot be written; or somebody does just now, unless this waits.
    """
    with (zoo / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        _finish(zoo)
        yield


def _finish(zoo: Path) -> None:
    """The index decides: a whole team that it names already goes to its place, any other that lies aside is removed."""
    for new in zoo.glob(f".*.{_NEW}"):
        name = new.name[1 : -len(_NEW) - 1]
        if _is_named(zoo, name, new):
            _take_place(zoo, name)
        else:
            shutil.rmtree(new)
    for old in zoo.glob(f".*.{_OLD}"):
        place = zoo / old.name[1 : -len(_OLD) - 1]
        if place.exists():
            shutil.rmtree(old)
        else:
            old.rename(place)


def _is_named(zoo: Path, name: str, folder: Path) -> bool:
    try:
        check_team(folder)
        return bool(_own_index(zoo)[name]["about"] == entry_of((folder / RUN_FILE).read_bytes()))
    except (KeyError, OSError, TeamError):
        return False


def _take_place(zoo: Path, name: str) -> None:
    folder, old = zoo / name, _aside(zoo, name, _OLD)
    if folder.exists():
        folder.rename(old)
    _aside(zoo, name, _NEW).rename(folder)
    if old.exists():
        shutil.rmtree(old)


def _aside(zoo: Path, name: str, what: str) -> Path:
    return zoo / f".{name}.{what}"


def _own_index(zoo: Path) -> dict[str, dict[str, Any]]:
    try:
        with open_file(zoo / INDEX) as file:
            return parse_index(file.read(MOST_BYTES + 1), str(zoo))
    except OSError as error:
        raise TeamError(f"{zoo / INDEX} cannot be read: {error.strerror or error}") from None


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for file, content in files.items():
        write_file(folder / file, content)


def _entry(facts: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
    evaluation = facts["team"]["evaluation"]
    return {
        "map": facts["map"],
        "backend": facts["backend"],
        "env_steps": facts["team"]["env_steps"],
        "won": round(evaluation["win_rate"] * evaluation["episodes"]),
        "episodes": evaluation["episodes"],
        "bytes": sum(map(len, files.values())),
        "about": entry_of(files[RUN_FILE]),
    }
