"""A zoo: a folder of teams, here or behind a URL, with an index that names them."""

from __future__ import annotations

import contextlib
import difflib
import fcntl
import http.client
import json
import os
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from seed_matrace.files import write_file
from seed_matrace.foreign_files import MOST_BYTES, open_file, parse_document, printable, shown
from seed_matrace.learner.run_directory import is_team
from seed_matrace.learner.run_info import RUN_FILE
from seed_matrace.zoo.team import CARD, FILES, FORMAT, TeamError, check_name, check_team, entry_of, has, read_whole

INDEX = "index.json"
PREFIX = "zoo/"  # a team's name where a run may stand
OWN = Path(__file__).parent / "teams"  # those that come with the program
_TIMEOUT_S = 30.0
_SHOWN = {"map": str, "backend": str, "env_steps": int, "won": int, "episodes": int, "bytes": int, "about": list}


def read_index(zoo: str) -> dict[str, dict[str, Any]]:
    """The teams of a zoo by name, as ``index.json`` has them.

    Args:
      zoo: folder, or URL of one.

    Raises:
      TeamError: it cannot be reached, or there is no index, or no sound one.
    """
    content = _read(zoo, INDEX, MOST_BYTES)
    try:
        index = parse_document(content)
        if not isinstance(index, dict) or index.get("format") != FORMAT or not isinstance(index.get("teams"), dict):
            raise ValueError("it is no index of teams, or that of another version of this program")
        for name, team in index["teams"].items():
            check_name(name)
            if not has(team, _SHOWN):
                raise ValueError(f"{name} is described by {shown(team)}; {', '.join(_SHOWN)} expected")
    except ValueError as error:
        raise TeamError(f"{_shown(zoo)}/{INDEX} cannot be used: {error}") from None
    return dict(index["teams"])


def card_of(zoo: str, name: str) -> str:
    """The model card of a team; TeamError as ``fetch``."""
    return _files(zoo, name.removeprefix(PREFIX))[CARD].decode(errors="replace")


def fetch(zoo: str, name: str, into: Path, *, replace: bool = False) -> Path:
    """Copies a team into another zoo on this machine; returns its folder there.

    Raises:
      TeamError: no such team, it cannot be reached, it is not what the index says, or another team of that name is
        there.
    """
    name = name.removeprefix(PREFIX)
    return put(into, name, _files(zoo, name), replace=replace, source=f"{_shown(zoo)}/{name}")


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
    with _locked(zoo):
        _tidy(zoo, name)
        teams = check_zoo(zoo)
        if not replace and is_team(folder) and (folder / RUN_FILE).read_bytes() == files[RUN_FILE]:
            check_team(folder)
        else:
            check_place(zoo, name, replace=replace)
            aside, old = _aside(zoo, name)
            _write(aside, files)
            if folder.exists():
                folder.rename(old)
            aside.rename(folder)
            _tidy(zoo, name)
        teams[name] = _entry(facts, files)
        write_file(zoo / INDEX, json.dumps({"format": FORMAT, "teams": dict(sorted(teams.items()))}, indent=2) + "\n")
    return folder


def check_zoo(zoo: Path) -> dict[str, dict[str, Any]]:
    """The teams of a zoo on this machine, which need not be there yet; TeamError if teams cannot be put into it."""
    around = next(path for path in (zoo, *zoo.absolute().parents) if path.exists())
    if not around.is_dir():
        raise TeamError(f"--zoo_dir={zoo}: {around} is a file; a folder expected")
    return read_index(str(zoo)) if (zoo / INDEX).exists() else {}


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


def _aside(zoo: Path, name: str) -> tuple[Path, Path]:
    """Where a team is written, and where the one goes whose place it takes."""
    return zoo / f".{name}.new-team", zoo / f".{name}.old-team"


def _tidy(zoo: Path, name: str) -> None:
    """Removes what a kill left, but for a team that no other has taken the place of yet: that comes back."""
    new, old = _aside(zoo, name)
    if old.exists() and not (zoo / name).exists():
        old.rename(zoo / name)
    for left in (new, old):
        shutil.rmtree(left, ignore_errors=True)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for file, content in files.items():
        write_file(folder / file, content)


@contextlib.contextmanager
def _locked(zoo: Path) -> Iterator[None]:
    """Waits until nobody else puts a team into ``zoo``."""
    zoo.mkdir(parents=True, exist_ok=True)
    with (zoo / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


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


def find_run(word: str) -> str:
    """The folder that a run is read from: ``word``, or the program's own team that it names, as zoo/3m does.

    A folder that is called so comes first. A team is checked.

    Raises:
      TeamError: no such team, or it is damaged.
    """
    path = Path(word)
    if not path.exists() and word.startswith(PREFIX):
        name = check_name(word.removeprefix(PREFIX).rstrip("/"))
        _entry_of(read_index(str(OWN)), name, "the program's own zoo")
        path = OWN / name
    if not is_team(path):
        return word
    check_team(path)
    return str(path)


def _files(zoo: str, name: str) -> dict[str, bytes]:
    """All files of a team of a zoo, checked against its index."""
    entry = _entry_of(read_index(zoo), check_name(name), _shown(zoo))
    return read_whole(lambda file, size: _read(zoo, f"{name}/{file}", size), entry["about"], name)


def _entry_of(teams: Mapping[str, Any], name: str, zoo: str) -> dict[str, Any]:
    if name not in teams:
        near = difflib.get_close_matches(name, teams, n=3, cutoff=0.3) or sorted(teams)[:8]
        raise TeamError(f"no team {name!r} in {zoo}; there: {', '.join(near) or 'none'}; seed-matrace zoo lists them")
    return dict(teams[name])


def _read(zoo: str, path: str, size: int) -> bytes:
    """A file of a zoo, at most a byte more than ``size`` of it; TeamError if it cannot be read."""
    place = f"{zoo.rstrip('/')}/{path}"
    if "://" in zoo and "@" in zoo:  # not shown
        raise TeamError("the URL of the zoo has a login in it, or an @; a URL that anybody may see expected")
    try:
        if "://" not in zoo:
            with open_file(Path(zoo, path)) as file:
                return file.read(size + 1)
        if not zoo.startswith(("http://", "https://")):
            raise TeamError(f"{_shown(zoo)}: a folder, or a URL that begins with http:// or https:// expected")
        with urllib.request.urlopen(place, timeout=_TIMEOUT_S) as answer:
            return bytes(answer.read(size + 1))
    except urllib.error.HTTPError as error:
        raise TeamError(f"{_shown(place)} cannot be fetched: {error.code} {_line(error.reason)}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, TeamError):
            raise
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise TeamError(f"{_shown(place)} cannot be read: {_line(reason)}") from None


def _line(reason: object) -> str:
    return " ".join(printable(str(reason)).split())


def _shown(place: str) -> str:
    return shown(place)[1:-1]
