"""Actors as child processes that cannot do what they should."""

import time

import pytest

from seed_matrace.inference.actors import ActorsLostError
from seed_matrace.training import local
from seed_matrace.training.local import LocalActors


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(local, "_FIRST_BACKOFF_S", 0.01)
    monkeypatch.setattr(local, "_LAST_BACKOFF_S", 0.01)
    monkeypatch.setattr(local, "_POLL_S", 0.01)


@pytest.fixture
def lives(monkeypatch, tmp_path):
    """Starts an actor that is a program of one line, and waits until it was given up or has died so often."""

    def run(program, deaths=12, acted=lambda _: 0):
        notes = []
        monkeypatch.setattr(local, "start", lambda: ["/bin/sh", "-c", program])
        with LocalActors([0], [], tmp_path / "logs", notes.append, acted) as actors:
            deadline = time.monotonic() + 60
            while actors.error is None and len(notes) < deaths:
                assert time.monotonic() < deadline
                time.sleep(0.01)
        return actors.error, len(notes)

    return run


def test_actor_that_fails_at_once_again_and_again_is_given_up_with_its_own_words(lives):
    error, _ = lives("echo INFO; echo 'seed-matrace: no licence'; echo 'for this map'; exit 2")
    assert isinstance(error, ActorsLostError)
    assert "actor 0 ended 5 times in a row" in str(error)
    assert "exit code 2" in str(error)
    assert str(error).endswith("actor_000.log: no licence\nfor this map")


def test_last_words_are_of_the_last_life(lives):
    error, _ = lives('echo "KeyError: $$"; exit 1')
    last = str(error).rpartition("KeyError: ")[2]
    assert last.isdecimal()
    assert str(error).count("KeyError") == 1


def test_actor_that_says_nothing_is_given_up_too(lives):
    error, _ = lives("kill -9 $$")
    assert "signal 9" in str(error)
    assert "It said nothing" in str(error)


def test_actor_that_works_and_is_killed_now_and_then_is_restarted_for_ever(lives):
    steps = iter(range(10_000))
    error, deaths = lives("kill -9 $$", acted=lambda _: next(steps))
    assert error is None
    assert deaths == 12
