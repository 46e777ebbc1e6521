"""SMAC's loop against ours, on the stand-in: python benchmarks/starcraft2_loop.py [MAP...] > table.md.

Needs SMAC's sources on PYTHONPATH and the packages of seed_matrace[dev]. Times are of the process that plays, without
the game's: a step is the choice of available actions, the step, observations, state and available actions.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seed_matrace import __version__
from seed_matrace.envs.starcraft2_env import starcraft2_spec
from seed_matrace.envs.starcraft2_installation import import_smac
from seed_matrace.envs.starcraft2_worker import Game
from seed_matrace.sc2_standin.installation import install
from seed_matrace.smac_options import SmacOptions
from seed_matrace.transport.slots import empty_slot

MAPS = ("3m", "8m", "2s3z", "MMM2", "27m_vs_30m", "2c_vs_64zg")
STEPS = 400


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
    spec = starcraft2_spec(map_name, SmacOptions())
    slot = empty_slot(spec, 1)
    game = Game({"map_name": map_name, "options": {}, "seed": 1, "version": __version__, "spec": vars(spec)}, slot)
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


def main() -> None:
    print("| map | SMAC's loop | ours | times faster | SMAC's loop with the stand-in | ours with the stand-in |")
    print("|---|---|---|---|---|---|")
    for map_name in sys.argv[1:] or MAPS:
        (smac_own, smac_wall), (own, wall) = measure(smacs_loop, map_name), measure(our_loop, map_name)
        print(f"| {map_name} | {smac_own:.0f} | {own:.0f} | {smac_own / own:.1f} | {smac_wall:.0f} | {wall:.0f} |")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        install(Path(folder))
        os.environ["SC2PATH"] = folder
        main()
