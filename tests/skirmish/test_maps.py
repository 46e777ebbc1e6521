"""Map and unit data, spawn places, and what the map loader refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from seed_matrace.skirmish.maps import load_map, map_names
from seed_matrace.skirmish.placement import SLACK
from seed_matrace.skirmish.units import load_unit_type

FACTS = json.loads((Path(__file__).parents[1] / "cext" / "smac_maps.json").read_text())["maps"]


@pytest.mark.parametrize("name", map_names())
def test_map_agrees_with_smac(name: str) -> None:
    battle_map, facts = load_map(name), FACTS[name]
    spec = battle_map.spec
    assert (spec.n_agents, battle_map.n_enemies, spec.n_actions) == (
        facts["n_agents"],
        facts["n_enemies"],
        facts["n_actions"],
    )
    assert (spec.obs_dim, spec.state_dim) == (facts["obs_shape"], facts["state_shape"])
    assert spec.episode_limit == facts["episode_limit"]
    assert battle_map.races == (facts["a_race"], facts["b_race"])
    enemies = battle_map.units[spec.n_agents :]
    full = sum(10 + unit.health + unit.shield for unit in enemies) + 200
    assert full == facts["max_reward_stock_units"]


@pytest.mark.parametrize("name", map_names())
def test_units_start_on_free_walkable_ground_in_smac_order(name: str) -> None:
    battle_map = load_map(name)
    spawn = battle_map.spawn.astype(np.float64)
    cells = spawn.astype(int)
    assert battle_map.walkable[cells[:, 0], cells[:, 1]].all()
    assert (spawn * 4096 == np.round(spawn * 4096)).all()
    gaps = np.hypot(*(spawn[:, None] - spawn[None]).transpose(2, 0, 1))
    radii = np.array([unit.radius for unit in battle_map.units])
    layer = np.array([unit.above_ground for unit in battle_map.units])
    apart = (gaps >= radii[:, None] + radii[None] - SLACK) | (layer[:, None] != layer[None])
    assert apart[~np.eye(len(spawn), dtype=bool)].all()
    n, own = battle_map.n_agents, battle_map.type_order[0]
    allies = [
        (own.index(unit.name), *place) for unit, place in zip(battle_map.units[:n], spawn.tolist()[:n], strict=True)
    ]
    assert allies == sorted(allies)


def test_marine_numbers() -> None:
    marine = load_unit_type("Marine")
    assert (marine.health, marine.weapon.damage, marine.weapon.range) == (45, 6, 5)
    assert marine.speed == 0.140625
    assert marine.weapon.period == pytest.approx(13.7728)
    assert (marine.weapon.damage_point, marine.weapon.backswing) == (1, 12)


def test_unknown_names_are_errors_that_help() -> None:
    with pytest.raises(ValueError, match="unknown map '27m_vs30m'; did you mean 27m_vs_30m"):
        load_map("27m_vs30m")
    with pytest.raises(ValueError, match=r"known maps: .*3m"):
        load_map("qqqqqq")
    with pytest.raises(ValueError, match="unknown unit type 'Probe'; known: Marine"):
        load_unit_type("Probe")
