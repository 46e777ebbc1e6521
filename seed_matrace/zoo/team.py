"""A team of a zoo: a run's directory in small, which holds data alone and says by itself whether it is whole.

Its ``run.json`` has size and SHA-256 of every other file, and an index (``zoo.index``) those of ``run.json``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from seed_matrace.foreign_files import MOST_BYTES, open_file, parse_document, shown
from seed_matrace.learner.run_directory import NETWORKS_FILE, OPERATIVE_CONFIG, load_run_config
from seed_matrace.learner.run_info import RUN_FILE
from seed_matrace.registered import BUILT_IN

FORMAT = 1  # another one wherever run.json or index.json say more or less than now: what is unknown is refused
BACKEND = "skirmish"  # teams play on the simulator, which needs nothing but its own maps
CARD = "README.md"
POLICY_FILE = "policy.npz"
REPLAY_FILE = "replays/0000.npz"
FILES = (CARD, OPERATIVE_CONFIG, POLICY_FILE, NETWORKS_FILE, "metrics.jsonl", REPLAY_FILE)
_MOST_OF_A_FILE = 32 * 2**20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_FACTS = {"map": str, "backend": str, "seed": int, "team": dict}
_TEAM_FACTS = {"name": str, "env_steps": int, "evaluation": dict, "files": dict}
_EVALUATION = {"episodes": int, "win_rate": float, "win_rate_ci95_low": float, "win_rate_ci95_high": float}
KEPT = ("backend", "map", "seed", "start_time", "devices", "git", "versions")  # of a run's own run.json
_KNOWN = {
    "": (*KEPT, "team"),
    "team.": ("format", "name", "env_steps", "command", "evaluation", "files"),
    "team.evaluation.": (
        *("episodes", "seed", "win_rate", "win_rate_ci95_low", "win_rate_ci95_high"),
        *("return", "return_std", "length", "dead_allies", "dead_enemies"),
    ),
}

Entry = list  # [size in bytes, SHA-256] of a file


class TeamError(ValueError):
    """A team that cannot be used; the message says which, why, and what to do."""


def check_name(name: str) -> str:
    """``name``, if a team may be called so: it is a folder, too."""
    if not _NAME.fullmatch(name):
        raise TeamError(f"{shown(name)} is not the name of a team: letters, digits, - and _ expected, at most 64")
    return name


def entry_of(content: bytes) -> Entry:
    """What tells a file's content from any other."""
    return [len(content), hashlib.sha256(content).hexdigest()]


def checked(content: bytes, entry: Any, what: str) -> bytes:
    """``content``, if it is what ``entry`` says; TeamError else."""
    if entry_of(content) != entry:
        raise TeamError(f"{what} is not what the team was made with (its SHA-256 is another): it is damaged or changed")
    return content


def size_of(entry: Any, what: str) -> int:
    """The bytes that a file is to have; TeamError if ``entry`` is none, or no team has such a file."""
    if not isinstance(entry, list) or [type(value) for value in entry] != [int, str]:
        raise TeamError(f"{what} is described by {shown(entry)}; its size and SHA-256 expected")
    if not 0 <= entry[0] <= _MOST_OF_A_FILE:
        raise TeamError(f"{what} is said to have {entry[0]:,} bytes; at most {_MOST_OF_A_FILE:,} expected")
    return int(entry[0])


def parse_facts(content: bytes, what: str) -> dict[str, Any]:
    """What a team's ``run.json`` says.

    Raises:
      TeamError: it is not that of a team, of another format, says what this version does not know, or names other
        files than a team has.
    """
    try:
        facts = parse_document(content)
    except ValueError as error:
        raise TeamError(f"{what} cannot be read: {error}") from None
    team = facts["team"] if has(facts, _FACTS) else {}
    sound = has(team, _TEAM_FACTS) and has(team["evaluation"], _EVALUATION) and 0 <= team["evaluation"]["win_rate"] <= 1
    sound = sound and team["evaluation"]["episodes"] > 0 and team["env_steps"] >= 0
    if team.get("format") != FORMAT or not sound:
        raise TeamError(f"{what} is not that of a team, or of a team that another version of this program made")
    for foreign in ("modules", "scenario"):
        if foreign in facts:
            raise TeamError(f"{what} names {foreign} of its own; a team is data alone, for a map of SMAC's")
    for within, document in {"": facts, "team.": team, "team.evaluation.": team["evaluation"]}.items():
        if other := unknown(document, _KNOWN[within], within):
            raise TeamError(f"{what} says {other}")
    if set(facts["team"]["files"]) != set(FILES):
        other = min(set(facts["team"]["files"]) ^ set(FILES))
        raise TeamError(f"{what}: the file {shown(other)} is missing or unknown; a team has {', '.join(FILES)}")
    return dict(facts)


def has(document: Any, kinds: Mapping[str, type]) -> bool:
    """Whether a JSON object has values of these kinds, texts of one line among them."""
    if not isinstance(document, dict):
        return False
    for name, kind in kinds.items():
        if not isinstance(document.get(name), kind) or isinstance(document[name], bool):
            return False
    return all(document[name].isprintable() for name, kind in kinds.items() if kind is str)


def unknown(document: Mapping[str, Any], known: Iterable[str], within: str = "") -> str:
    """For a message: the first key, in the alphabet, that a JSON object has and this version does not know; else ""."""
    others = sorted(set(document) - set(known))
    if not others:
        return ""
    return (
        f"{shown(within + others[0])}, which this version does not know: it was added, or a newer version made the team"
    )


def read_whole(read: Callable[[str, int], bytes], about: Any, name: str) -> dict[str, bytes]:
    """The files of a team, each what it must be.

    Args:
      read: one by its path within the team, and the bytes that it is to have.
      about: size and SHA-256 of its ``run.json``; None takes it as it is.
      name: what messages call the team.

    Raises:
      TeamError: as ``parse_facts``, or a file is not what the team was made with.
      OSError: it cannot be read.
    """
    what = f"{RUN_FILE} of {name}"
    content = read(RUN_FILE, MOST_BYTES if about is None else size_of(about, what))
    facts = parse_facts(content if about is None else checked(content, about, what), what)
    files = {RUN_FILE: content}
    for file, entry in facts["team"]["files"].items():
        what = f"{file} of {name}"
        files[file] = checked(read(file, size_of(entry, what)), entry, what)
    return files


def check_team(folder: Path, called: str = "") -> dict[str, Any]:
    """What ``run.json`` of a team says, if the folder holds all that belongs to it, and its configuration is played.

    Args:
      called: what messages call the folder; by default its path.

    Raises:
      TeamError: a file is missing or is not what the team was made with; the configuration asks for something else
        than a map of the simulator.
    """
    called = called or str(folder)

    def read(file: str, size: int) -> bytes:
        with open_file(folder / file) as opened:
            return opened.read(size + 1)

    try:
        files = read_whole(read, None, called)
    except OSError as error:
        raise TeamError(f"{error.filename or folder} cannot be read: {error.strerror or error}") from None
    facts = parse_facts(files[RUN_FILE], RUN_FILE)
    try:
        env = load_run_config(folder, registry=BUILT_IN)[0].env
    except ValueError as error:
        said = str(error).replace(str(folder), called)
        raise TeamError(f"{called} cannot be played by this version: {said}") from None
    if env.backend != BACKEND or env.scenario is not None or env.map_name != facts["map"]:
        raise TeamError(
            f"{called} is configured for {env.title} on {env.backend}; its map, {shown(facts['map'])}, on {BACKEND} "
            "expected"
        )
    return facts
