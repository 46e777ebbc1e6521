"""Small battles of a test's own making."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
from seed_matrace.smac_options import SkirmishOptions

Units = list[tuple[str, tuple[float, float]]]


@pytest.fixture
def arena(tmp_path: Path) -> Callable[..., SkirmishVectorEnv]:
    """Makes a battle of units at places; one env step is one game loop.

    Enemies stay where they are and have their numbers in the order that is given. ``reset`` has played a loop.
    """

    def make(allies: Units, enemies: Units, num_envs: int = 1, **fields: Any) -> SkirmishVectorEnv:
        document: dict[str, Any] = {"terrain": "open", "episode_limit": 100_000, "enemy_order": {"kind": "none"}}
        for side, units in (("allies", allies), ("enemies", enemies)):
            document[side] = [{"unit": unit, "places": [list(place)]} for unit, place in units]
        path = tmp_path / "arena.json"
        path.write_text(json.dumps(document | fields), encoding="utf-8")
        options = SkirmishOptions(step_mul=1, shuffle_enemies=False)
        return SkirmishVectorEnv(str(path), num_envs, seed=0, options=options)

    return make
