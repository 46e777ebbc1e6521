"""What a person sees while training: a live panel on a terminal, one plain line now and then anywhere else."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from absl import logging
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from seed_matrace.foreign_files import printable

REFRESH_S = 0.25
PLAIN_LINE_S = 5.0
RATE_WINDOW_S = 30.0
NOTHING = "-"
_SILENT_S = 5.0  # from when on an actor that owes a step is said to be silent
_ACTORS_SHOWN = 6  # those that most need to be looked at


class Display:
    """Shows how a training run goes; use it as a context manager.

    It is refreshed only when told something, at most four times a second, and has no thread of its own.

    Args:
      total_env_steps: the run's budget.
      console: where to; standard output if None.
      title: names the run, e.g. "3m · skirmish-1 · seed 1".
      num_actors: how many actors the run should have; 0 in one-process mode.
      clock: seconds that only grow.
    """

    def __init__(
        self,
        total_env_steps: int,
        console: Console | None = None,
        *,
        title: str = "training",
        num_actors: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console or Console()
        self._status = Status(total_env_steps, num_actors, clock)
        self._title = title
        self._clock = clock
        self._live: Live | None = None
        self._refreshed_at = -math.inf
        self._pending = False
        self._failed = False  # to refresh

    def __enter__(self) -> Display:
        if self._console.is_terminal:
            self._live = Live(self._panel(), console=self._console, auto_refresh=False)
            self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._pending:
            self._refresh()
        if (live := self._live) is not None:
            self._show(live.stop)
            self._live = None

    def update(self, metrics: Mapping[str, Any]) -> None:
        """Takes the latest values: ``env_steps`` and any of the tags; those not given stay as they were."""
        self._status.update(metrics)
        self._pending = True
        if self._clock() - self._refreshed_at >= (REFRESH_S if self._live else PLAIN_LINE_S):
            self._refresh()

    def note(self, text: str) -> None:
        """Prints a message, above the panel where there is one."""
        self._show(lambda: self._console.print(Text(printable(text)), soft_wrap=True))

    def _refresh(self) -> None:
        self._refreshed_at = self._clock()
        self._pending = False
        if (live := self._live) is not None:
            self._show(lambda: live.update(self._panel(), refresh=True))
        else:
            self._show(lambda: self._console.print(Text(self._status.line()), soft_wrap=True))

    def _show(self, refresh: Callable[[], None]) -> None:
        """Refreshes, or says once why that cannot be done: no run ends because it cannot be looked at."""
        try:
            refresh()
        except Exception as error:
            if not self._failed:
                logging.warning("cannot show how the run goes (%s: %s); it goes on", type(error).__name__, error)
            self._failed = True

    def _panel(self) -> Panel:
        width = min(self._console.width - 2, 100)  # a terminal echoes ^C behind the last line, which must not wrap
        body = self._status.panel_body(width - 4, plain_ascii=self._console.options.ascii_only)
        title = Text(printable(self._title), style="bold", overflow="ellipsis", no_wrap=True)
        return Panel(body, title=title, title_align="left", width=width, border_style="dim")


class Status:
    """The latest values of a run, and how to say them."""

    def __init__(self, total_env_steps: int, num_actors: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = max(1, total_env_steps)
        self._num_actors = num_actors
        self._clock = clock
        self._started = clock()
        self._values: dict[str, Any] = {}
        self._recent: deque[tuple[float, int]] = deque()  # (when, env_steps), for the rate that counts pauses in
        self._actor_ids: set[str] = set()  # as tags have them, "007"
        self._history: dict[int, float] = {}  # thousandth of the budget -> train win rate

    def update(self, metrics: Mapping[str, Any]) -> None:
        self._values.update(metrics)
        self._actor_ids |= {tag.split("/")[1] for tag in metrics if tag.startswith("actors/")}
        now = self._clock()
        self._recent.append((now, self.env_steps))
        while now - self._recent[0][0] > RATE_WINDOW_S:
            self._recent.popleft()
        win_rate = self._number("train/win_rate")
        if win_rate is not None:
            self._history[int(1000 * self.progress)] = win_rate

    @property
    def env_steps(self) -> int:
        return int(self._values.get("env_steps", 0))

    @property
    def progress(self) -> float:
        """Fraction of the budget used, 0 to 1."""
        return min(1.0, self.env_steps / self._total)

    def line(self) -> str:
        """All of it in one plain line."""
        parts = [
            f"  {compact(self.env_steps)}/{compact(self._total)} steps",
            f"{compact(self._steps_per_s())}/s",
            f"win {self._text('train/win_rate', '.2f')} (eval {self._text('eval/win_rate', '.2f')})",
            f"return {self._text('train/return', '.1f')}",
            f"lag {self._text('perf/policy_lag_mean', '.1f')}/{self._text('perf/policy_lag_max', '.0f')}",
        ]
        if self._num_actors:
            parts.append(f"actors {self._actors()}")
        return "  ".join([*parts, f"eta {duration(self._time_left_s())}"])

    def panel_body(self, width: int, *, plain_ascii: bool = False) -> RenderableType:
        """The panel's inside, ``width`` columns wide."""
        left = duration(self._time_left_s())
        numbers = f" {self.progress:4.0%}  {compact(self.env_steps)}/{compact(self._total)}  {left:>6} left"
        bar_width = max(8, width - len(numbers))
        bar = Table.grid()
        bar.add_row(ProgressBar(total=1.0, completed=self.progress, width=bar_width), Text(numbers, no_wrap=True))
        if self._history and not plain_ascii:
            bar.add_row(Text(self._win_rate_curve(bar_width), style="green"), Text(" train win rate", style="dim"))
        parts = [bar, self._fields(columns=2 if width >= 62 else 1)]
        return Group(*parts, self._actor_table()) if len(self._actor_ids) > 1 else Group(*parts)

    def _fields(self, columns: int) -> Table:
        eval_win, lag_max = self._text("eval/win_rate", ".2f"), self._text("perf/policy_lag_max", ".0f")
        fields = [
            ("win rate", f"train {self._text('train/win_rate', '.2f')}  eval {eval_win}", "bold"),
            ("speed", f"{compact(self._steps_per_s())} env steps/s", ""),
            ("return", f"train {self._text('train/return', '.1f')}  eval {self._text('eval/return', '.1f')}", ""),
            ("policy lag", f"mean {self._text('perf/policy_lag_mean', '.1f')}  max {lag_max} learner steps", ""),
            ("entropy", self._text("policy/entropy", ".3g"), ""),
            ("memory", f"{self._text('perf/rss_mb', ',.0f')} MB", ""),
            ("time", duration(self._clock() - self._started), ""),
            ("actors", self._actors(), "red" if self._actor_missing() else ""),
        ]
        table = Table.grid(padding=(0, 2, 0, 0))
        for first in range(0, len(fields), columns):
            row = fields[first : first + columns]
            cells = ((Text(name, style="dim"), Text(value, style=style, no_wrap=True)) for name, value, style in row)
            table.add_row(*(cell for pair in cells for cell in pair))
        return table

    def _actor_table(self) -> Table:
        table = Table.grid(padding=(0, 2, 0, 0))
        for name, value, style in self._actor_rows():
            table.add_row(Text(name, style="dim"), Text(value, style=style, no_wrap=True))
        return table

    def _actor_rows(self) -> list[tuple[str, str, str]]:
        """Name, what it does, style; those that are away first, then the slowest."""
        rows = []
        for task_id in sorted(self._actor_ids, key=self._actor_speed)[:_ACTORS_SHOWN]:
            tag = f"actors/{task_id}"
            if not self._values[f"{tag}/connected"]:
                rows.append((f"actor {int(task_id)}", "away", "red"))
                continue
            lag = self._text(f"{tag}/policy_lag", ".1f")
            doing = f"{compact(self._number(f'{tag}/env_steps_per_s'))} steps/s  lag {lag}"
            silent_s = self._number(f"{tag}/silent_s") or 0.0
            late = f"  silent for {duration(silent_s)}" if silent_s >= _SILENT_S else ""
            rows.append((f"actor {int(task_id)}", doing + late, "yellow" if late else ""))
        hidden = len(self._actor_ids) - len(rows)
        return [*rows, ("", f"{hidden} more, faster", "dim")] if hidden else rows

    def _actor_speed(self, task_id: str) -> float:
        connected = self._values[f"actors/{task_id}/connected"]
        return self._values[f"actors/{task_id}/env_steps_per_s"] if connected else -1.0

    def _win_rate_curve(self, width: int) -> str:
        """Train win rate over the budget, one column under each column of the progress bar."""
        newest = {thousandth * width // 1001: rate for thousandth, rate in sorted(self._history.items())}
        levels = "▁▂▃▄▅▆▇█"
        last = max(newest)
        curve, rate = [], 0.0
        for column in range(last + 1):
            rate = newest.get(column, rate)  # a column no report fell into repeats the one before it
            started = column >= min(newest)
            curve.append(levels[min(7, int(8 * rate))] if started else " ")
        return "".join(curve)

    def _number(self, tag: str) -> float | None:
        value = self._values.get(tag)
        return None if value is None or not math.isfinite(value) else float(value)

    def _text(self, tag: str, spec: str) -> str:
        value = self._number(tag)
        return NOTHING if value is None else format(value, spec)

    def _actors(self) -> str:
        alive = self._text("perf/actors_alive", ".0f")
        if not self._num_actors:
            return "in this process"
        away = sorted(int(task_id) for task_id in self._actor_ids if not self._values[f"actors/{task_id}/connected"])
        return f"{alive}/{self._num_actors}" + (f" (away: {', '.join(map(str, away))})" if away else "")

    def _actor_missing(self) -> bool:
        alive = self._number("perf/actors_alive")
        return alive is not None and alive < self._num_actors

    def _overall_rate(self) -> float | None:
        """Env steps per second over the last half minute, pauses for evaluation included; one report alone is noise."""
        (first_s, first), (last_s, last) = (self._recent[0], self._recent[-1]) if self._recent else ((0, 0), (0, 0))
        return (last - first) / (last_s - first_s) if last > first and last_s > first_s else None

    def _steps_per_s(self) -> float | None:
        return self._overall_rate() or self._number("perf/env_steps_per_s")

    def _time_left_s(self) -> float | None:
        rate = self._steps_per_s()
        return (self._total - min(self._total, self.env_steps)) / rate if rate else None


def compact(number: float | None) -> str:
    """Three digits and a letter: 950, 62.4k, 1.28M, 10.0M."""
    if number is None:
        return NOTHING
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        scaled = abs(number) / unit
        if scaled >= 0.9995:
            return f"{number / unit:.{2 if scaled < 9.995 else 1 if scaled < 99.95 else 0}f}{letter}"
    return f"{number:.0f}"


def duration(seconds: float | None) -> str:
    """Time as a person says it: 8s, 2m10s, 1h05m, 3d04h."""
    if seconds is None:
        return NOTHING
    s = round(seconds)
    if s < 60:
        return f"{s}s"
    if s < 3600:
        return f"{s // 60}m{s % 60:02d}s"
    return f"{s // 3600}h{s % 3600 // 60:02d}m" if s < 86400 else f"{s // 86400}d{s % 86400 // 3600:02d}h"
