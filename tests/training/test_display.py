"""The live display: a panel that fits its terminal, and plain lines anywhere else."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from seed_matrace.training.display import PLAIN_LINE_S, REFRESH_S, Display, compact, duration

REPORT = {
    "env_steps": 1_280_000,
    "train/win_rate": 0.93,
    "train/return": 18.94,
    "eval/win_rate": 0.97,
    "eval/return": 19.4,
    "policy/entropy": 0.445,
    "perf/env_steps_per_s": 62_400.0,
    "perf/policy_lag_mean": 3.12,
    "perf/policy_lag_max": 7.0,
    "perf/actors_alive": 2,
    "perf/rss_mb": 812.4,
}
COLOUR = re.compile(r"\x1b\[[\d;]*3[1-7][\d;]*m")
CONTROL = re.compile(r"\x1b\[[\d;?]*[a-zA-Z]")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Screen:
    """A console that keeps what is written to it."""

    def __init__(self, *, terminal: bool, width: int = 80) -> None:
        self.file = io.StringIO()
        self.console = Console(file=self.file, force_terminal=terminal, width=width, height=40, legacy_windows=False)

    def lines(self) -> list[str]:
        text = CONTROL.sub("", self.file.getvalue()).replace("\r", "\n")  # a redraw goes back and starts a line again
        return [line for line in text.split("\n") if line.strip()]


@pytest.fixture(autouse=True)
def colourful_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def test_plain_line_says_it_all():
    screen, clock = Screen(terminal=False, width=40), Clock()
    with Display(10_000_000, screen.console, num_actors=2, clock=clock) as display:
        display.update(REPORT)
    assert screen.lines() == [
        "  1.28M/10.0M steps  62.4k/s  win 0.93 (eval 0.97)  return 18.9  lag 3.1/7  actors 2/2  eta 2m20s"
    ]


def test_plain_lines_come_at_intervals_and_the_last_report_is_shown_at_the_end():
    screen, clock = Screen(terminal=False), Clock()
    with Display(10_000, screen.console, clock=clock) as display:
        for step in range(1, 12):
            display.update({"env_steps": 100 * step})
            clock.now += PLAIN_LINE_S / 5
    shown = [line.split("/")[0].strip() for line in screen.lines()]
    assert shown == ["100", "600", "1.10k"]


def test_a_report_is_not_shown_twice():
    screen = Screen(terminal=False)
    with Display(10_000, screen.console, clock=Clock()) as display:
        display.update({"env_steps": 100})
    assert len(screen.lines()) == 1


def test_values_not_reported_yet_are_dashes_and_old_ones_stay():
    screen, clock = Screen(terminal=False), Clock()
    with Display(10_000, screen.console, num_actors=2, clock=clock) as display:
        display.update({"env_steps": 100, "train/win_rate": None, "train/return": float("nan")})
        clock.now += PLAIN_LINE_S
        display.update({"env_steps": 200, "eval/win_rate": 0.5})
        clock.now += PLAIN_LINE_S
        display.update({"env_steps": 300})
    first, _, last = screen.lines()
    assert first == "  100/10.0k steps  -/s  win - (eval -)  return -  lag -/-  actors -/2  eta -"
    assert "(eval 0.50)" in last


def test_time_left_counts_pauses_in():
    screen, clock = Screen(terminal=False), Clock()
    with Display(10_000, screen.console, clock=clock) as display:
        display.update({"env_steps": 1000, "perf/env_steps_per_s": 500})
        clock.now += 20  # 500 steps/s for 2 s, then 18 s of evaluation
        display.update({"env_steps": 2000, "perf/env_steps_per_s": 500})
    assert screen.lines()[0].endswith("eta 18s")
    assert screen.lines()[1].endswith("eta 2m40s")


def test_speed_is_worked_out_where_it_is_not_reported():
    screen, clock = Screen(terminal=False), Clock()
    with Display(10_000, screen.console, clock=clock) as display:
        display.update({"env_steps": 0})
        clock.now += 10
        display.update({"env_steps": 5000})
    assert "  500/s  " in screen.lines()[-1]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_panel_fits_the_terminal(width):
    screen, clock = Screen(terminal=True, width=width), Clock()
    title = "3m · skirmish-1 · seed 1 · runs/a-directory-with-a-rather-long-name/and-another"
    with Display(10_000_000, screen.console, title=title, num_actors=2, clock=clock) as display:
        display.update(REPORT)
    lines = screen.lines()
    assert max(len(line) for line in lines) <= width
    text = "\n".join(lines)
    for shown in ("13%", "1.28M/10.0M", "train 0.93  eval 0.97", "62.4k env steps/s", "0.445", "812 MB", "2/2"):
        assert shown in text


def test_panel_leaves_terminal_below_it_usable():
    screen = Screen(terminal=True)
    with Display(10_000, screen.console, clock=Clock()) as display:
        display.update(REPORT)
        hidden = screen.file.getvalue().rfind("\x1b[?25l")
    assert screen.file.getvalue().rfind("\x1b[?25h") > hidden  # the cursor is back


def test_panel_is_drawn_at_most_four_times_a_second():
    screen, clock = Screen(terminal=True), Clock()
    with Display(10_000, screen.console, clock=clock) as display:
        drawn_before = screen.file.getvalue().count("╭")
        for step in range(100):
            clock.now += REFRESH_S / 25
            display.update({"env_steps": step})
        drawn = screen.file.getvalue().count("╭") - drawn_before
    assert 1 <= drawn <= 5


def test_notes_are_printed_as_they_come_and_are_not_markup():
    for terminal in (False, True):
        screen = Screen(terminal=terminal)
        with Display(10_000, screen.console, clock=Clock()) as display:
            display.note("actor 1 restarted [red]3 of 5[/red]")
        assert sum("actor 1 restarted [red]3 of 5[/red]" in line for line in screen.lines()) == 1


def test_missing_actor_stands_out():
    screen, clock = Screen(terminal=True), Clock()
    with Display(10_000, screen.console, num_actors=2, clock=clock) as display:
        display.update({"env_steps": 1, "perf/actors_alive": 1})
    assert re.search(r"\x1b\[[\d;]*31m1/2", screen.file.getvalue())


def test_no_color_means_none(monkeypatch):
    def coloured() -> bool:
        screen = Screen(terminal=True)
        with Display(10_000_000, screen.console, num_actors=3, clock=Clock()) as display:
            display.update(REPORT)
        return COLOUR.search(screen.file.getvalue()) is not None

    assert coloured()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not coloured()


def test_win_rate_curve_lies_under_the_progress_bar():
    screen, clock = Screen(terminal=True, width=80), Clock()
    with Display(1000, screen.console, clock=clock) as display:
        for step in range(0, 501, 10):
            clock.now += 1
            display.update({"env_steps": step, "train/win_rate": step / 500})
    bar, curve = screen.lines()[-7:-5]
    assert "50%" in bar
    drawn = re.search("[▁▂▃▄▅▆▇█]+", curve).group()
    assert drawn == "".join(sorted(drawn))  # it rises
    assert (drawn[0], drawn[-1]) == ("▁", "█")
    bar_width = bar.index(" 50%") - bar.index("━")
    assert abs(len(drawn) - bar_width / 2) <= 1.5


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, "-"),
        (0, "0"),
        (999, "999"),
        (1000, "1.00k"),
        (9_994, "9.99k"),
        (9_996, "10.0k"),
        (62_400, "62.4k"),
        (999_900, "1.00M"),
        (1_280_000, "1.28M"),
        (10_000_000, "10.0M"),
        (123_456_789, "123M"),
        (2_000_000_000, "2.00G"),
    ],
)
def test_compact_numbers(number, text):
    assert compact(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.4, "0s"),
        (59.4, "59s"),
        (59.6, "1m00s"),
        (130, "2m10s"),
        (3599.7, "1h00m"),
        (3900, "1h05m"),
        (273_600, "3d04h"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def actor_report(task_id: int, *, connected: float = 1.0, speed: float = 1000.0, silent_s: float = 0.0) -> dict:
    figures = {"connected": connected, "env_steps_per_s": speed, "policy_lag": 2.25, "silent_s": silent_s}
    return {f"actors/{task_id:03d}/{name}": value for name, value in figures.items()}


def test_actors_that_are_away_silent_or_slow_are_named():
    screen, clock = Screen(terminal=True), Clock()
    actors: dict = {}
    for task_id in range(9):
        actors |= actor_report(task_id, speed=1000.0 + task_id)
    actors |= actor_report(4, connected=0.0) | actor_report(7, speed=20.0, silent_s=90.0)
    with Display(10_000_000, screen.console, num_actors=9, clock=clock) as display:
        display.update({**REPORT, **actors, "perf/actors_alive": 8})
    shown = "\n".join(screen.lines())
    assert "8/9 (away: 4)" in shown
    assert re.search(r"actor 4 +away", shown)
    assert re.search(r"actor 7 +20 steps/s  lag 2.2  silent for 1m30s", shown)
    assert re.search(r"actor 3 +1.00k steps/s  lag 2.2", shown)
    assert "actor 8" not in shown
    assert "3 more, faster" in shown
    line = Screen(terminal=False)
    with Display(10_000_000, line.console, num_actors=9, clock=clock) as display:
        display.update({**REPORT, **actors, "perf/actors_alive": 8})
    assert "actors 8/9 (away: 4)" in line.lines()[-1]


def test_one_actor_has_no_line_of_its_own():
    screen = Screen(terminal=True)
    with Display(10_000_000, screen.console, num_actors=1, clock=Clock()) as display:
        display.update({**REPORT, **actor_report(0)})
    assert not any("actor 0" in line for line in screen.lines())


def test_display_that_cannot_draw_says_so_once_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Console):
        def print(self, *_: object, **__: object) -> None:
            raise ZeroDivisionError("no columns")

    with Display(100, Broken(file=io.StringIO()), clock=Clock()) as display:
        display.note("a word")
        display.update(REPORT)
    said = "cannot show how the run goes (ZeroDivisionError: no columns); it goes on"
    assert caplog.messages.count(said) == 1
