"""SMAC's Python against the feature kernel on one step's units: python benchmarks/starcraft2_features.py > table.md.

Needs pysc2 and SMAC's sources on PYTHONPATH, no StarCraft II: units are protobuf messages that nobody sent.
"""

from __future__ import annotations

import sys
import timeit
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from seed_matrace.skirmish.maps import load_map, map_names
from seed_matrace.starcraft2.features import StarCraft2Features
from seed_matrace.starcraft2.messages import register_messages

sys.path.append(str(Path(__file__).parents[1] / "tests" / "envs"))
from live_games import units_of

REPEATS, SECONDS = 7, 0.05


def spawned(map_name: str) -> Any:
    """A ``StarCraft2Env`` at its first step, everybody alive and where the map puts them."""
    from smac.env import StarCraft2Env

    battle_map = load_map(map_name)
    layout = battle_map.layout
    health, shield = [[getattr(unit, name) for unit in battle_map.units] for name in ("health", "shield")]
    table = np.stack([*battle_map.spawn.T, health, shield, np.zeros(len(health))]).astype(np.float32)
    env = StarCraft2Env(map_name=map_name)
    env.map_x, env.map_y = layout.pathing.shape
    env.max_distance_x, env.max_distance_y = layout.max_distance
    env.pathing_grid, env.terrain_height = layout.pathing.astype(bool), layout.smac_height
    units = units_of(battle_map, layout, table, _message)
    env._obs = SimpleNamespace(observation=SimpleNamespace(raw_data=SimpleNamespace(units=units)))
    env.init_units()
    return env


def _message(pos: tuple[float, float], **fields: float) -> Any:
    from s2clientprotocol import common_pb2, raw_pb2

    return raw_pb2.Unit(pos=common_pb2.Point(x=pos[0], y=pos[1]), **fields)


def microseconds(call: object) -> float:
    timer = timeit.Timer(call)
    number = max(int(SECONDS / timer.timeit(1)), 1)
    return min(timer.repeat(REPEATS, number)) / number * 1e6


def main() -> None:
    register_messages()
    print("| map | get_obs | get_state | get_avail_actions | together | kernel | times faster |")
    print("|---|---|---|---|---|---|---|")
    for map_name in sys.argv[1:] or map_names():
        env = spawned(map_name)
        parts = [microseconds(call) for call in (env.get_obs, env.get_state, env.get_avail_actions)]
        kernel = microseconds(StarCraft2Features(env).encode)
        figures = " | ".join(f"{part:.0f}" for part in (*parts, sum(parts)))
        print(f"| {map_name} | {figures} | {kernel:.1f} | {sum(parts) / kernel:.0f} |")


if __name__ == "__main__":
    main()
