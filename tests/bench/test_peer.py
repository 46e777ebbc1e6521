"""Another program under the same clock."""

from __future__ import annotations

import shlex
import sys
import threading

import pytest

from seed_matrace.bench.marks import Marks
from seed_matrace.bench.peer import Peer, peer_curve, run_peers

PROGRAM = """
import json, sys, time
name, seed, budget = sys.argv[1:]
print("some talk", flush=True)
print(json.dumps({"env_steps": 0}), flush=True)
for step in range(1, 100):
    print(json.dumps({"env_steps": 100 * step, "win_rate": 0.1 * step}), flush=True)
time.sleep(60)
"""


def peer(tmp_path, program=PROGRAM, marks=(0.8,), budget=100_000):
    script = tmp_path / "peer.py"
    script.write_text(program)
    command = shlex.join([sys.executable, str(script)]) + " {map} {seed} {budget}"
    return Peer(command, "3m", 4, budget, Marks(marks, None), tmp_path / "kept")


def test_peer_is_ended_when_it_has_won_and_is_not_run_again(tmp_path):
    said = []
    for _ in range(2):
        run_peers([peer(tmp_path)], 1, threading.Event(), said.append)
    assert said == ["peer on 3m, seed 4: begun", "peer on 3m, seed 4: every mark reached"]
    curve, ended = peer_curve(peer(tmp_path))
    assert ended == "every mark reached"
    assert curve.start_up_s > 0 and curve.points[0].seconds == 0.0  # until its first report
    assert [point.env_steps for point in curve.points] == list(range(0, 900, 100))
    seconds = [point.seconds for point in curve.points]
    assert seconds == sorted(seconds)


def test_peer_is_ended_when_its_budget_is_used(tmp_path):
    asked = peer(tmp_path, marks=(1.0,), budget=300)
    run_peers([asked], 1, threading.Event(), lambda text: None)
    curve, ended = peer_curve(asked)
    assert (curve.env_steps, ended) == (300, "budget used")


def test_results_of_another_command_are_not_taken_for_its_own(tmp_path):
    run_peers([peer(tmp_path)], 1, threading.Event(), lambda text: None)
    with pytest.raises(ValueError, match="is of another command"):
        run_peers([peer(tmp_path, budget=5)], 1, threading.Event(), lambda text: None)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("print('{\"steps\": 1}')", r"printed .*steps.* expected, one line a report"),
        ("import sys; sys.exit(3)", "the peer ended with exit code 3"),
    ],
)
def test_peer_that_does_not_work_is_said(tmp_path, program, said):
    with pytest.raises(ValueError, match=said):
        run_peers([peer(tmp_path, program)], 1, threading.Event(), lambda text: None)


@pytest.mark.parametrize("command", ["python {maps}", "python 'x", "python {}"])
def test_command_that_cannot_be_filled_in_is_said(tmp_path, command):
    with pytest.raises(ValueError, match="cannot be used"):
        _ = Peer(command, "3m", 0, 1, Marks((0.8,), None), tmp_path).words


def test_peer_that_nobody_can_start_is_said(tmp_path):
    absent = Peer("/no/such/program {map}", "3m", 0, 1, Marks((0.8,), None), tmp_path)
    with pytest.raises(ValueError, match="cannot be started"):
        run_peers([absent], 1, threading.Event(), lambda text: None)
