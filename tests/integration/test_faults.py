"""Actors that are killed, stopped or slow, over both carriers: nothing hangs, nobody else notices, no step is lost."""

import contextlib
import os
import re
import resource
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from faulty import FLAGS, LearnersSide, Relay, Victim, as_flag, new_address
from processes import command, finish, wait_until

from seed_matrace.actor.actor import run_actor
from seed_matrace.transport import shared_memory


@pytest.fixture(params=["unix", "grpc"])
def carrier(request):
    return request.param


@pytest.fixture
def learner(carrier, tmp_path, request):
    """Closing it fails unless every unroll was one stretch of one life and every step was trained on or dropped."""
    with contextlib.closing(LearnersSide(new_address(carrier, tmp_path), *getattr(request, "param", ()))) as learner:
        wait_until(lambda: learner.connected(1), "actor 1")
        yield learner


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def shared_segments() -> int:
    return Path("/proc/self/maps").read_text().count("memfd:seed_matrace")


@pytest.mark.parametrize("phase", ["connecting", "waiting", "mid-write", "mid-unroll"])
def test_actor_killed_in_any_phase_leaves_nothing_and_disturbs_nobody(learner, carrier, phase):
    learner.assert_others_go_on()
    files, segments = open_files(), shared_segments()
    victim = Victim(learner.address, phase)
    victim.wait_until_there()
    if phase != "connecting":
        wait_until(lambda: learner.connected(0), "the victim")
    victim.kill()
    if phase != "connecting":
        assert re.search(
            r"actor 0 left: connection (closed|lost).*; \d+ env steps .* dropped", learner.wait_until_lost()
        )
        assert learner.source.dropped_env_steps > 0
    wait_until(lambda: open_files() <= files and shared_segments() == segments, "all it had to be given back")
    learner.assert_others_go_on()
    again = Victim(learner.address, "mid-unroll")  # its place is free
    again.wait_until_there()
    again.kill()


@pytest.mark.parametrize("learner", [("inference.actor_timeout_s=2.0",)], indirect=True)
def test_stopped_actor_is_given_up_and_comes_back_by_itself(learner, started):
    actor = started("actor", as_flag(learner.address), *FLAGS)
    wait_until(lambda: learner.connected(0), "the actor")
    actor.send_signal(signal.SIGSTOP)
    learner.assert_others_go_on()
    assert "it sent no step for 2 s" in learner.wait_until_lost()
    learner.assert_others_go_on()
    actor.send_signal(signal.SIGCONT)
    wait_until(lambda: learner.connected(0), "the actor again")
    learner.wait_until_noted("actor 0 is back")
    before = learner.figures(0).acted_env_steps
    wait_until(lambda: learner.figures(0).acted_env_steps > before + 30, "the actor going on")
    actor.send_signal(signal.SIGTERM)
    assert finish(actor) is not None
    assert actor.returncode == 0


def test_slow_peer_slows_nobody_else(learner, carrier, started):
    address = learner.address
    if carrier == "grpc":
        address = Relay(address, bytes_per_turn=100, turn_s=0.05).address
        slow = started("actor", as_flag(address), *FLAGS)
        wait_until(lambda: learner.connected(0), "the actor behind a slow line")
    else:
        slow = Victim(address, "mid-write").process
        wait_until(lambda: learner.connected(0), "the slow actor")
    learner.assert_others_go_on(300)
    assert learner.figures(0).acted_env_steps < learner.figures(1).acted_env_steps / 2
    slow.kill()
    slow.communicate()


def test_second_actor_of_a_number_is_told_so_and_the_first_goes_on(learner):
    second = subprocess.run(
        command("actor", as_flag(learner.address), "--task_id=1", *FLAGS), capture_output=True, text=True, timeout=60
    )
    assert second.returncode == 2
    assert "an actor with task id 1 is already connected; every actor needs its own --task_id" in second.stderr
    learner.assert_others_go_on()


@pytest.fixture
def limited():
    """Lowers a resource of this process; what it was comes back after the test."""
    before = {}

    def limit(kind, soft):
        before.setdefault(kind, resource.getrlimit(kind))
        resource.setrlimit(kind, (soft, before[kind][1]))

    def lift():
        for kind, limits in before.items():
            resource.setrlimit(kind, limits)

    limit.lift = lift
    yield limit
    lift()


@pytest.mark.parametrize("carrier", ["unix"], indirect=True)
@pytest.mark.parametrize(
    ("kind", "amount", "said"),
    [
        (resource.RLIMIT_FSIZE, lambda: 0, "no shared memory for actor 0 (File too large); it will ask again"),
        (resource.RLIMIT_NOFILE, lambda: 3, "cannot take a connection: Too many open files"),
    ],
)
def test_learner_without_shared_memory_or_files_goes_on_and_takes_the_actor_later(
    learner, started, limited, caplog, kind, amount, said
):
    actor = started("actor", as_flag(learner.address), *FLAGS)
    limited(kind, amount())
    wait_until(lambda: said in caplog.messages, "the trouble to be said")
    assert not learner.connected(0)
    learner.assert_others_go_on()
    assert actor.poll() is None
    limited.lift()
    wait_until(lambda: learner.connected(0), "the actor")
    actor.kill()


@pytest.mark.parametrize("carrier", ["unix"], indirect=True)
def test_strangers_take_no_actors_place(learner, started, monkeypatch):
    monkeypatch.setattr(shared_memory, "_HANDSHAKE_S", 1.0)
    with contextlib.ExitStack() as strangers:
        silent = []
        for _ in range(12):
            stranger = strangers.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            stranger.connect(str(learner.address))
            silent.append(stranger)
        told = [stranger.recv(1000) for stranger in silent]
    assert b"too many connections" in told[0]
    assert b"no handshake within 1 s" in told[-1]
    learner.assert_others_go_on()
    actor = started("actor", as_flag(learner.address), *FLAGS)
    wait_until(lambda: learner.connected(0), "the actor")
    actor.kill()


def test_actor_asks_again_ever_more_rarely_and_never_in_step_with_others(monkeypatch, tmp_path):
    from seed_matrace.actor import actor
    from seed_matrace.config import load_config

    config, _, _ = load_config([], ["env.backend='counting'"])

    def waits():
        now, slept = [0.0], []

        def sleep(seconds):
            slept.append(seconds)
            now[0] += seconds

        monkeypatch.setattr(actor, "time", type("Clock", (), {"monotonic": lambda: now[0]}))
        monkeypatch.setattr(actor._Stopping, "sleep", lambda _, seconds: sleep(seconds))
        run_actor(config, f"unix:{tmp_path}/none", 0, reconnect_timeout_s=100.0)
        return slept

    first, second = waits(), waits()
    for number, seconds in enumerate(first):
        longest = min(0.1 * 2**number, 10.0)
        assert longest / 2 <= seconds <= longest
    assert first[:5] != second[:5]
    assert 95.0 < sum(first) < 115.0
