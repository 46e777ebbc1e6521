"""A zoo: a folder of teams, here or behind a URL, with an index that names them."""

from __future__ import annotations

import difflib
import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seed_matrace.foreign_files import MOST_BYTES, open_file, printable, shown
from seed_matrace.learner.run_directory import is_team
from seed_matrace.zoo.folder import INDEX, finish_puts, parse_index, put
from seed_matrace.zoo.team import CARD, TeamError, check_name, check_team, read_whole

PREFIX = "zoo/"  # a team's name where a run may stand
OWN = Path(__file__).parent / "teams"  # those that come with the program
_TIMEOUT_S = 30.0


def read_index(zoo: str) -> dict[str, dict[str, Any]]:
    """The teams of a zoo by name, as ``index.json`` has them.

    Args:
      zoo: folder, or URL of one.

    Raises:
      TeamError: it cannot be reached, or there is no index, or no sound one.
    """
    if "://" not in zoo:
        finish_puts(Path(zoo))
    return parse_index(_read(zoo, INDEX, MOST_BYTES), _shown(zoo))


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


def find_run(word: str) -> str:
    """The folder that a run is read from: ``word``, or the program's own team that it names, as zoo/3m does.

    A folder that is called so comes first. A team is checked.

    Raises:
      TeamError: no such team, or it is damaged.
    """
    path = Path(word)
    finish_puts(path.parent)
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
