"""Games of the stand-in, started and ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from games import RemoteController, RunningGame

from seed_matrace.sc2_standin.installation import install


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemoteController]:
    """A game that behaves, for a whole module: create a game with it."""
    folder = tmp_path_factory.mktemp("sc2")
    install(folder)
    game = RunningGame(folder)
    try:
        yield game.connect()
    finally:
        game.kill()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., RunningGame]]:
    """Starts games that misbehave as told."""
    games: list[RunningGame] = []

    def launch(faults: str = "", **environment: str) -> RunningGame:
        if not games:
            install(tmp_path, faults)
        games.append(RunningGame(tmp_path, **environment))
        while (tmp_path / "launches").stat().st_size < len(games):  # launches are counted in this order
            assert games[-1].process.poll() is None, "the game ended at once"
            time.sleep(0.01)
        return games[-1]

    yield launch
    for game in games:
        game.kill()
