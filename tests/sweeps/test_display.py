"""What a sweep shows: every run's state, the newest win rates, the time left."""

import io
import json

import pytest
from rich.console import Console

from seed_matrace.evaluation.sweep_record import SweepRun
from seed_matrace.sweeps.display import PLAIN_LINE_S, SweepDisplay, win_rates
from seed_matrace.sweeps.status import RunStatus, State, time_left_s


def status(tmp_path, state=State.WAITING, env_steps=0, wall_s=0.0, win_rate=None):
    made = RunStatus(tmp_path, 1000)
    made.state, made.env_steps, made.wall_s, made.win_rate = state, env_steps, wall_s, win_rate
    return made


def sweep_of(tmp_path, combinations=2):
    """Of each combination one run finished, one half way, one failed, one waiting."""
    statuses = {}
    for i in range(combinations):
        states = [
            status(tmp_path, State.FINISHED, 1000, 10.0, 1.0),
            status(tmp_path, State.RUNNING, 500, 5.0, 0.5),
            status(tmp_path, State.FAILED, 100, 1.0, 0.25),
            status(tmp_path),
        ]
        statuses |= {SweepRun("3m", f"discount=0.{i}", seed, (), ()): state for seed, state in enumerate(states)}
    return statuses


def append(tmp_path, **report):
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(report) + "\n")


def test_status_follows_a_metrics_file(tmp_path):
    followed = RunStatus(tmp_path, 1000)
    followed.poll()
    assert (followed.env_steps, followed.win_rate) == (0, None)
    append(tmp_path, env_steps=0, wall_s=0.5, **{"eval/win_rate": 0.25})
    append(tmp_path, env_steps=400, wall_s=2.0)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"env_steps": 80')
    followed.poll()
    assert (followed.env_steps, followed.wall_s, followed.win_rate, followed.progress) == (400, 2.0, 0.25, 0.4)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('0, "wall_s": 4.0}\n')
    followed.poll()
    assert (followed.env_steps, followed.env_steps_left) == (800, 200)


def test_status_reads_a_file_anew_that_was_cut_back(tmp_path):
    followed = RunStatus(tmp_path, 1000)
    for step in (0, 100, 200):
        append(tmp_path, env_steps=step, wall_s=1.0)
    followed.poll()
    (tmp_path / "metrics.jsonl").write_text('{"env_steps": 0}\n')
    followed.poll()
    assert followed.env_steps == 0


def test_time_left_goes_by_the_speed_of_each_map(tmp_path):
    fast = status(tmp_path, State.FINISHED, env_steps=1000, wall_s=10.0)
    slow = status(tmp_path, State.RUNNING, env_steps=500, wall_s=50.0)
    runs = [("3m", fast), ("3m", status(tmp_path)), ("8m", slow), ("8m", status(tmp_path))]
    assert time_left_s(runs, parallel=1) == pytest.approx(10 + 50 + 100)
    assert time_left_s(runs, parallel=2) == pytest.approx(100)  # the longest run does not get shorter
    assert time_left_s([*runs, ("25m", status(tmp_path))], parallel=1) == pytest.approx(160 + 40)  # as all maps do
    assert time_left_s([("3m", status(tmp_path))], parallel=1) is None
    assert time_left_s([("3m", fast)], parallel=1) == 0


def test_win_rates_are_median_and_range():
    assert [win_rates(rates) for rates in ([], [0.5], [1.0, 0.25, 0.75])] == ["-", "0.50", "0.75 (0.25 to 1.00)"]


def test_names_are_neither_markup_nor_control_characters(tmp_path):
    console = Console(file=io.StringIO(), force_terminal=True, width=100, height=30, color_system=None)
    named = SweepRun("[red]map[/red]", "a\x1b]0;title\x07b", 0, (), ())
    with SweepDisplay({named: status(tmp_path)}, 1, console) as display:
        display.note("\x1b[2Jgone")
    shown = console.file.getvalue()
    for said in ("[red]map[/red]", r"a\x1b]0;title\x07b", r"\x1b[2Jgone"):
        assert said in shown
    assert "\x1b]0" not in shown and "\x1b[2J" not in shown


def test_terminal_shows_a_row_for_each_combination(tmp_path):
    console = Console(file=io.StringIO(), force_terminal=True, width=100, height=30, color_system=None)
    with SweepDisplay(sweep_of(tmp_path), 2, console):
        pass
    shown = console.file.getvalue()
    assert "2/8 runs finished, 2 running, 2 failed, 40%" in shown
    assert "✓▶✗·" in shown
    for variant in ("discount=0.0", "discount=0.1"):
        (row,) = {line.strip() for line in shown.splitlines() if variant in line}
        assert row.split() == ["3m", variant, "✓▶✗·", "40%", "0.50", "(0.25", "to", "1.00)"]


def test_more_combinations_than_the_terminal_has_lines_are_counted(tmp_path):
    console = Console(file=io.StringIO(), force_terminal=True, width=100, height=12, color_system=None)
    with SweepDisplay(sweep_of(tmp_path, combinations=10), 2, console):
        pass
    assert "and 3 more combinations" in console.file.getvalue()


def test_plain_output_has_messages_and_now_and_then_a_summary(tmp_path):
    now = [0.0]
    console = Console(file=io.StringIO(), width=100)
    with SweepDisplay(sweep_of(tmp_path), 1, console, clock=lambda: now[0]) as display:
        display.note("a run: begun")
        for now[0] in (1.0, PLAIN_LINE_S, PLAIN_LINE_S + 1):
            display.refresh()
    assert console.file.getvalue().splitlines() == [
        "a run: begun",
        "  2/8 runs finished, 2 running, 2 failed, 40%, 30s left",
    ]
