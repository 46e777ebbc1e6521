"""Faults on demand: what a game does that hangs, crashes or talks nonsense, and when."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seed_matrace.fields import near_names

# Kinds, and what happens at the request they are due at.
KINDS = {
    "hang": "it is never answered",
    "freeze": "the process stops; only SIGKILL ends it",
    "crash": "the process is killed",
    "disconnect": "the connection is cut; the process stays",
    "garble": "the answer is no protobuf message",
    "error": "the answer is an error",
    "slow": "from here on every answer waits for `seconds`",
    "empty": "from here on observations have no units",
    "leak": "from here on every answer costs `megabytes` of memory",
    "refuse": "nobody listens on the port, for `seconds` or for ever",
}
REQUESTS = (
    "ping", "create_game", "join_game", "game_info", "observation", "action", "step", "debug", "save_replay", "quit",
)  # fmt: skip
CONDITIONS = ("battle", "launch", "seconds", "megabytes")


@dataclass(frozen=True)
class Fault:
    """One fault, due at the ``count``-th ``request`` of a process or, if given, of one of its battles."""

    kind: str
    request: str = "step"
    count: int = 1
    battle: int = 0  # 1 is the first; 0: whichever
    launch: int = 0  # only in this launch of the game, 1 is the first; 0: in every
    seconds: float = math.inf
    megabytes: int = 10


def parse_faults(text: str) -> tuple[Fault, ...]:
    """Reads faults, one a line or between semicolons: ``KIND [REQUEST=COUNT] [battle=N] [launch=N] ...``.

    Examples: ``crash step=40``; ``hang observation=3 battle=2 launch=1``; ``slow seconds=0.5``; empty: none.

    Raises:
      ValueError: an unknown word or a number out of range.
    """
    lines = [line.split("#")[0].split() for line in re.split(r"[;\n]", text)]
    return tuple(_parse(words) for words in lines if words)


def _parse(words: Sequence[str]) -> Fault:
    kind = words[0]
    if kind not in KINDS:
        raise ValueError(f"unknown fault {kind!r}; near: {near_names(kind, KINDS)}")
    fields: dict[str, Any] = {"request": "observation"} if kind == "empty" else {}
    for word in words[1:]:
        name, _, number = word.partition("=")
        if name not in (*REQUESTS, *CONDITIONS):
            raise ValueError(f"fault {kind}: unknown {name!r}; near: {near_names(name, (*CONDITIONS, *REQUESTS))}")
        if name in REQUESTS:
            if "count" in fields:
                raise ValueError(f"fault {kind}: {fields['request']} and {name}; one request expected")
            fields["request"], name = name, "count"
        fields[name] = _number(word, number, float if name == "seconds" else int)
    if kind == "slow" and "seconds" not in fields:
        raise ValueError("fault slow: seconds=NUMBER is needed")
    return Fault(kind, **fields)


def _number(word: str, text: str, kind: type[float]) -> float:
    try:
        number = kind(text)
    except ValueError:
        number = math.nan
    if not number > 0:
        raise ValueError(f"{word!r}: a number above 0 expected, whole but for seconds")
    return number


class FaultSchedule:
    """Counts the requests of one process and tells which faults are due.

    Args:
      faults: of all launches.
      launch: the number of this one.
    """

    def __init__(self, faults: Sequence[Fault], launch: int) -> None:
        self._faults = [fault for fault in faults if fault.launch in (0, launch)]
        self._counts: Counter[tuple[int, str]] = Counter()

    def refusal_s(self) -> float:
        """How long nobody listens."""
        return max((fault.seconds for fault in self._faults if fault.kind == "refuse"), default=0.0)

    def due(self, request: str, battle: int) -> list[Fault]:
        """Faults that begin at this request.

        Args:
          battle: how many battles have begun.
        """
        # Before the first battle the two counters are one.
        self._counts.update({(0, request), (battle, request)})
        return [
            fault
            for fault in self._faults
            if fault.kind != "refuse"
            and fault.request == request
            and fault.battle in (0, battle)
            and self._counts[fault.battle, request] == fault.count
        ]
