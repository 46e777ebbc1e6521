"""Faults come when they are due, and look to pysc2 like those of the game."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest
from games import RunningGame, begin, kill, listens
from google.protobuf.message import DecodeError
from pysc2.lib.protocol import ConnectionError as GameConnectionError
from pysc2.lib.protocol import ProtocolError

from seed_matrace.sc2_standin.faults import KINDS, Fault, FaultSchedule, parse_faults

Start = Callable[..., RunningGame]


def test_text_is_read() -> None:
    text = "crash step=40 launch=2; slow seconds=0.5\nhang observation=3 battle=2  # why\n\nleak megabytes=5"
    assert parse_faults(text) == (
        Fault("crash", "step", 40, launch=2),
        Fault("slow", seconds=0.5),
        Fault("hang", "observation", 3, battle=2),
        Fault("leak", megabytes=5),
    )
    assert parse_faults("") == ()
    assert {parse_faults(f"{kind} seconds=1")[0].kind for kind in KINDS} == set(KINDS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("crush", "near: crash"),
        ("crash stop=1", "near: step"),
        ("crash step=0", "a number above 0"),
        ("crash step=x", "a number above 0"),
        ("crash step=1 action=2", "step and action"),
        ("slow", "seconds=NUMBER is needed"),
        ("slow seconds=-1", "a number above 0"),
        ("slow seconds=nan", "a number above 0"),
    ],
)
def test_bad_text_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_faults(text)


def test_requests_are_counted_in_the_process_or_in_a_battle() -> None:
    faults = parse_faults("error step=3; garble step=2 battle=2; hang step=1 launch=2")
    schedule, due = FaultSchedule(faults, launch=1), []
    for request, battle in [("ping", 0), ("step", 1), ("step", 1), ("step", 2), ("step", 2), ("step", 3)]:
        due.append([fault.kind for fault in schedule.due(request, battle)])
    assert due == [[], [], [], ["error"], ["garble"], []]
    assert [fault.kind for fault in FaultSchedule(faults, launch=2).due("step", 1)] == ["hang"]


@pytest.mark.parametrize("kind", ["hang", "freeze"])
def test_game_does_not_answer(start: Start, kind: str) -> None:
    game = start(f"{kind} step=2")
    controller = game.connect()
    begin(controller, "3m")
    controller.step(8)
    controller._client._sock.settimeout(0.5)
    with pytest.raises(GameConnectionError, match="timed out"):
        controller.step(8)
    assert game.process.poll() is None
    game.process.terminate()
    if kind == "freeze":
        time.sleep(0.1)
        assert game.process.poll() is None
        game.process.kill()
    assert game.process.wait(60) < 0


def test_game_crashes(start: Start) -> None:
    game = start("crash observation=2")
    controller = game.connect()
    begin(controller, "3m")
    with pytest.raises(GameConnectionError):
        controller.observe()
    assert game.process.wait(60) == -signal.SIGKILL


def test_connection_breaks_and_the_process_stays(start: Start) -> None:
    game = start("disconnect step=1 battle=2")
    controller = game.connect()
    kill(controller, begin(controller, "3m").observation.raw_data.units)
    controller.step(2)
    with pytest.raises(GameConnectionError):
        controller.step(8)
    time.sleep(0.1)
    assert game.process.poll() is None


def test_answers_are_garbled_wrong_late_and_empty(start: Start) -> None:
    controller = start("garble step=1; error step=2; slow step=3 seconds=0.2; empty step=4").connect()
    begin(controller, "3m")
    with pytest.raises(DecodeError):
        controller.step(8)
    with pytest.raises(ProtocolError, match="asked for"):
        controller.step(8)
    before = time.monotonic()
    controller.step(8)
    assert time.monotonic() - before >= 0.2
    assert controller.observe().observation.raw_data.units
    controller.step(8)
    assert not controller.observe().observation.raw_data.units


def test_memory_leaks(start: Start) -> None:
    game = start("leak step=1 megabytes=20")
    controller = game.connect()
    begin(controller, "3m")
    before = memory_mb(game.process.pid)
    for _ in range(5):
        controller.step(1)
    assert memory_mb(game.process.pid) > before + 90


def memory_mb(pid: int) -> float:
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * 4096 / 2**20


def test_fault_of_one_launch_spares_the_others(start: Start) -> None:
    refusing = start("refuse launch=1; crash step=1 launch=3")
    playing = start()
    begin(playing.connect(), "3m")
    crashing = start()
    controller = crashing.connect()
    begin(controller, "3m")
    with pytest.raises(GameConnectionError):
        controller.step(1)
    assert refusing.process.poll() is None
    assert not listens(refusing.port)


def test_environment_variable_comes_before_the_installation(start: Start) -> None:
    controller = start("crash step=1", SEED_MATRACE_SC2_FAULTS="error step=1").connect()
    begin(controller, "3m")
    with pytest.raises(ProtocolError):
        controller.step(1)
    controller.step(1)
