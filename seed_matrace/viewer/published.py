"""Win rates that papers report for StarCraft II itself: beside ours to look at, never in one statistic with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple


class PublishedResult(NamedTuple):
    """One algorithm on one task."""

    algorithm: str
    win_rate: float
    interval: tuple[float, float] | None


class Published(NamedTuple):
    """A table of results of one backend, and where it is from."""

    backend: str
    source: str
    tasks: dict[str, list[PublishedResult]]  # in the order of the paper's figure


@cache
def published_results() -> Published:
    """MA-Trace and its rivals on the 14 tasks of the paper."""
    table = json.loads((Path(__file__).parent / "data" / "published.json").read_text())
    tasks = {
        task: [
            PublishedResult(name, entry["win_rate"], tuple(entry["interval"]) if "interval" in entry else None)
            for name, entry in results.items()
        ]
        for task, results in table["tasks"].items()
    }
    return Published(table["backend"], table["source"], tasks)


def in_paper_order(tasks: Sequence[str]) -> list[str]:
    """The paper's tasks in its order, then all others by name."""
    paper = list(published_results().tasks)
    return sorted(set(tasks), key=lambda task: (paper.index(task) if task in paper else len(paper), task))
