"""Lines that strangers can cause: the first ones of each kind are said, the rest is counted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

_OTHERS = "others"


@dataclass
class _Kind:
    since: float
    said: int = 0
    kept_back: int = 0
    newest: str = ""


class LogLimit:
    """Says at most ``burst`` texts of a kind in ``every_s`` seconds, and then how many more there were.

    Args:
      say: where texts go.
      kinds: how many are told apart at a time: who makes up new ones does not fill memory or log either.
      clock: seconds that only grow.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        burst: int = 5,
        every_s: float = 60.0,
        kinds: int = 50,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say, self._burst, self._every_s, self._clock = say, burst, every_s, clock
        self._most_kinds = kinds
        self._kinds: dict[str, _Kind] = {}

    def __call__(self, kind: str, text: str) -> None:
        """Says or counts ``text``."""
        self.tick()
        if kind not in self._kinds and len(self._kinds) >= self._most_kinds:
            kind = _OTHERS
        counted = self._kinds.setdefault(kind, _Kind(self._clock()))
        if counted.said < self._burst:
            counted.said += 1
            self._say(text)
        else:
            counted.kept_back, counted.newest = counted.kept_back + 1, text

    def tick(self) -> None:
        """Says the numbers that are due; to be called now and then."""
        self._end({kind for kind, counted in self._kinds.items() if self._clock() - counted.since > self._every_s})

    def close(self) -> None:
        """Says all numbers not said yet."""
        self._end(set(self._kinds))

    def _end(self, kinds: set[str]) -> None:
        for kind in kinds:
            counted = self._kinds.pop(kind)
            if counted.kept_back:
                period = "minute" if self._every_s == 60 else f"{self._every_s:g} s"
                self._say(f"{counted.kept_back} more like this in the last {period}, the newest: {counted.newest}")
