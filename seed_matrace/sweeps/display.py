"""What a person sees of a sweep: a live table on a terminal, plain lines anywhere else."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from statistics import median

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from seed_matrace.evaluation.sweep_record import SweepRun
from seed_matrace.foreign_files import printable
from seed_matrace.sweeps.status import RunStatus, State, time_left_s
from seed_matrace.training.display import NOTHING, duration

REFRESH_S = 1.0
PLAIN_LINE_S = 60.0
SIGNS = {State.WAITING: "·", State.RUNNING: "▶", State.FINISHED: "✓", State.FAILED: "✗"}
ASCII_SIGNS = {State.WAITING: ".", State.RUNNING: ">", State.FINISHED: "+", State.FAILED: "x"}
STYLES = {State.WAITING: "dim", State.RUNNING: "cyan", State.FINISHED: "green", State.FAILED: "bold red"}

Statuses = Mapping[SweepRun, RunStatus]


class SweepDisplay:
    """Shows how the runs of a sweep go; use it as a context manager. It is refreshed only when told to.

    Args:
      statuses: of every run, read at each refresh.
      parallel: runs at a time.
      console: where to; standard output if None.
      clock: seconds that only grow.
    """

    def __init__(
        self,
        statuses: Statuses,
        parallel: int,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._statuses = statuses
        self._parallel = parallel
        self._console = console or Console()
        self._clock = clock
        self._live: Live | None = None
        self._refreshed_at = -math.inf if self._console.is_terminal else clock()

    def __enter__(self) -> SweepDisplay:
        if self._console.is_terminal:
            self._live = Live(self._table(), console=self._console, auto_refresh=False, vertical_overflow="visible")
            self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.update(self._table(), refresh=True)
            self._live.stop()
            self._live = None

    def refresh(self) -> None:
        """Refreshes, unless it did a moment ago."""
        if self._clock() - self._refreshed_at < (REFRESH_S if self._live else PLAIN_LINE_S):
            return
        self._refreshed_at = self._clock()
        if self._live:
            self._live.update(self._table(), refresh=True)
        else:
            self._console.print(Text(f"  {self.summary()}"), soft_wrap=True)

    def note(self, text: str) -> None:
        """Prints a message, above the table where there is one."""
        self._console.print(Text(printable(text)), soft_wrap=True)

    def summary(self) -> str:
        """All of it in one line: ``2/10 runs finished, 2 running, 34%, 1h05m left``."""
        states = [status.state for status in self._statuses.values()]
        counts = [
            f"{states.count(State.FINISHED)}/{len(states)} runs finished",
            *(f"{count} {state.value}" for state in (State.RUNNING, State.FAILED) if (count := states.count(state))),
            f"{self._progress():.0%}",
        ]
        left = self._time_left_s()
        return ", ".join(counts if left is None else [*counts, f"{duration(left)} left"])

    def _progress(self) -> float:
        return sum(status.progress for status in self._statuses.values()) / len(self._statuses)

    def _time_left_s(self) -> float | None:
        return time_left_s([(run.map_name, status) for run, status in self._statuses.items()], self._parallel)

    def _table(self) -> RenderableType:
        width = min(self._console.width - 2, 110)
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        table.add_column("map")
        table.add_column("variant", overflow="fold")
        table.add_column("seeds", no_wrap=True)
        table.add_column("done", justify="right")
        table.add_column("win rate", no_wrap=True)
        rows = self._combinations()
        shown = [statuses for statuses in rows.items() if not _all_finished(statuses[1])]
        if len(rows) + 4 <= self._console.height:
            shown = list(rows.items())
        room = max(self._console.height - 5, 1)
        for (map_name, variant), statuses in shown[:room]:
            table.add_row(Text(printable(map_name)), Text(printable(variant)), *self._cells(statuses))
        hidden = len(rows) - len(shown[:room])
        bar = ProgressBar(total=1.0, completed=self._progress(), width=max(width - 48, 10))
        line = Table.grid(padding=(0, 1, 0, 0))
        line.add_row(bar, Text(self.summary(), no_wrap=True))
        more = [Text(f"and {hidden} more combinations", style="dim")] if hidden else []
        return Group(line, table, *more)

    def _combinations(self) -> dict[tuple[str, str], list[RunStatus]]:
        rows: dict[tuple[str, str], list[RunStatus]] = {}
        for run, status in self._statuses.items():
            rows.setdefault(run.combination, []).append(status)
        return rows

    def _cells(self, statuses: list[RunStatus]) -> tuple[Text, str, str]:
        signs = ASCII_SIGNS if self._console.options.ascii_only else SIGNS
        seeds = Text.assemble(*((signs[status.state], STYLES[status.state]) for status in statuses))
        done = sum(status.progress for status in statuses) / len(statuses)
        return seeds, f"{done:.0%}", win_rates([s.win_rate for s in statuses if s.win_rate is not None])


def win_rates(newest: list[float]) -> str:
    """Median over seeds, and in brackets the lowest and the highest: ``0.94 (0.88 to 1.00)``."""
    if not newest:
        return NOTHING
    spread = f" ({min(newest):.2f} to {max(newest):.2f})" if len(newest) > 1 else ""
    return f"{median(newest):.2f}{spread}"


def _all_finished(statuses: list[RunStatus]) -> bool:
    return all(status.state is State.FINISHED for status in statuses)
