"""SMAC's loop against ours, on the stand-in: python benchmarks/starcraft2_loop.py [MAP...] > tables.md.

Needs SMAC's sources on PYTHONPATH and the packages of seed_matrace[dev]. Times are of the process that plays, without
the game's: a step is the choice of available actions, the step, observations, state and available actions. The second
table is of several games that step together, in threads of one process or in a process each, while every game
waits GAME_S before each answer.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from seed_matrace import __version__
from seed_matrace.sc2_standin.installation import install
from seed_matrace.sections.env import StarCraft2Config
from seed_matrace.smac_options import SmacOptions
from seed_matrace.starcraft2.installation import import_smac
from seed_matrace.starcraft2.vector_env import StarCraft2VectorEnv, starcraft2_spec
from seed_matrace.starcraft2.worker import Game
from seed_matrace.transport.slots import empty_slot

MAPS = ("3m", "8m", "2s3z", "MMM2", "27m_vs_30m", "2c_vs_64zg")
STEPS = 400
SEVERAL_MAPS = ("8m", "MMM2")
SEVERAL = (1, 2, 4, 8)
SEVERAL_STEPS = 150
GAME_S = 0.003  # each of the three requests of a step; together about what StarCraft II takes for one of SMAC


def order(map_name: str, seed: int) -> dict[str, Any]:
    return {"map_name": map_name, "options": {}, "seed": seed, "version": __version__}


def smacs_loop(map_name: str) -> tuple[Callable[[], None], Callable[[], Any]]:
    """One step of SMAC's own class, and what ends it."""
    env = import_smac()(map_name=map_name, seed=1)
    env.reset()

    def step() -> None:
        _, ended, _ = env.step([row.index(1) for row in env.get_avail_actions()])
        if ended:
            env.reset()
        else:
            env.get_obs(), env.get_state()

    return step, env.close


def our_loop(map_name: str) -> tuple[Callable[[], None], Callable[[], Any]]:
    """The same of the process that plays one game for us."""
    slot = empty_slot(starcraft2_spec(map_name, SmacOptions()), 1)
    game = Game(order(map_name, 1) | {"spec": vars(starcraft2_spec(map_name, SmacOptions()))}, slot, Path())
    game.reset()

    def step() -> None:
        slot.action[0] = slot.env.avail_actions[0].argmax(axis=-1)
        if game.step():
            game.reset()

    return step, game.close


def measure(make: Callable[[str], tuple[Callable[[], None], Callable[[], Any]]], map_name: str) -> tuple[float, float]:
    """Microseconds of this process, and of the wall clock, for one step."""
    step, close = make(map_name)
    step()
    wall, own = time.perf_counter(), time.process_time()
    for _ in range(STEPS):
        step()
    wall, own = time.perf_counter() - wall, time.process_time() - own
    close()
    return own / STEPS * 1e6, wall / STEPS * 1e6


def in_threads(map_name: str, games: int) -> float:
    """Steps per second of all games together."""
    loops = [our_loop(map_name) for _ in range(games)]
    with ThreadPoolExecutor(games) as pool:
        list(pool.map(lambda loop: loop[0](), loops))
        started = time.perf_counter()
        for _ in range(SEVERAL_STEPS):
            list(pool.map(lambda loop: loop[0](), loops))
        elapsed = time.perf_counter() - started
    for _, close in loops:
        close()
    return games * SEVERAL_STEPS / elapsed


def in_processes(map_name: str, games: int) -> float:
    """The same with a process for each game, as actors play."""
    env = StarCraft2VectorEnv(map_name, games, 1, 0, SmacOptions(), StarCraft2Config())
    actions = env.reset().avail_actions.argmax(axis=-1)
    started = time.perf_counter()
    for _ in range(SEVERAL_STEPS):
        actions = env.step(actions).avail_actions.argmax(axis=-1)
    elapsed = time.perf_counter() - started
    env.close()
    return games * SEVERAL_STEPS / elapsed


def main(folder: Path) -> None:
    install(folder)
    print("| map | SMAC's loop | ours | times faster | SMAC's loop with the stand-in | ours with the stand-in |")
    print("|---|---|---|---|---|---|")
    for map_name in sys.argv[1:] or MAPS:
        (smac_own, smac_wall), (own, wall) = measure(smacs_loop, map_name), measure(our_loop, map_name)
        print(f"| {map_name} | {smac_own:.0f} | {own:.0f} | {smac_own / own:.1f} | {smac_wall:.0f} | {wall:.0f} |")
    install(folder, f"slow seconds={GAME_S}")
    print("\n| map | games | steps/s in threads | steps/s in processes |")
    print("|---|---|---|---|")
    for map_name in sys.argv[1:] or SEVERAL_MAPS:
        for games in SEVERAL:
            print(f"| {map_name} | {games} | {in_threads(map_name, games):.0f} | {in_processes(map_name, games):.0f} |")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SC2PATH"] = folder
        main(Path(folder))
