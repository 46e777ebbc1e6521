"""Faults on demand: what a game does that hangs, crashes or talks nonsense, and when."""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

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
    kind, fields = words[0], dict[str, str]()
    _check_known(kind, tuple(KINDS), "fault")
    for word in words[1:]:
        name, _, value = word.partition("=")
        _check_known(name, ("battle", "launch", "seconds", "megabytes", *REQUESTS), "condition")
        try:
            good = float(value) >= 0 if name == "seconds" else int(value) >= 1
        except ValueError:
            good = False
        if not good:
            raise ValueError(f"fault {kind}: {word!r}; {name}=NUMBER expected, seconds from 0, the others from 1")
        fields[name] = value
    requests = [name for name in fields if name in REQUESTS]
    if len(requests) > 1:
        raise ValueError(f"fault {kind} names {' and '.join(requests)}; one request expected")
    if kind == "slow" and "seconds" not in fields:
        raise ValueError("fault slow: seconds=NUMBER is needed")
    default = "observation" if kind == "empty" else "step"
    request = requests[0] if requests else default
    return Fault(
        kind,
        request,
        int(fields.get(request, 1)),
        int(fields.get("battle", 0)),
        int(fields.get("launch", 0)),
        float(fields.get("seconds", math.inf)),
        int(fields.get("megabytes", 10)),
    )


def _check_known(word: str, known: Sequence[str], what: str) -> None:
    if word not in known:
        near = difflib.get_close_matches(word, known, n=2, cutoff=0.5)
        raise ValueError(f"unknown {what} {word!r}; {'near: ' if near else 'known: '}{', '.join(near or known)}")


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
