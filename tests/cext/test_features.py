"""The feature kernel against its naive twin, exactly, for the sizes and races of all 23 SMAC maps."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from twins import features as reference

from seed_matrace.skirmish.features import smac_features
from seed_matrace.skirmish.layout import FeatureLayout
from seed_matrace.smac_options import SmacOptions

MAPS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "smac_maps.json").read_text())["maps"]
HEALTH = {"Marine": 45, "Marauder": 125, "Medivac": 150, "Stalker": 80, "Zealot": 100, "Colossus": 200, "Colosus": 200,
          "Hydralisk": 80, "Zergling": 35, "Baneling": 30, "SpineCrawler": 300}  # fmt: skip
SHIELD = {"Stalker": 80, "Zealot": 50, "Colossus": 150, "Colosus": 150}
GAUGE = {"Marine": 15, "Marauder": 25, "Medivac": 200, "Stalker": 35, "Zealot": 22, "Colossus": 24, "Colosus": 24,
         "Hydralisk": 10, "Zergling": 11, "Baneling": 1}  # fmt: skip
TYPE_ORDER = {"MMM": ["Marauder", "Marine", "Medivac"], "bane": ["Baneling", "Zergling"],
              "stalkers_and_zealots": ["Stalker", "Zealot"]}  # fmt: skip
ENEMY_TYPE_ORDER = TYPE_ORDER | {"stalkers_and_zealots": ["Zealot", "Stalker"]}
TABLES = 150


def make_layout(facts: dict[str, Any], rng: np.random.Generator) -> FeatureLayout:
    allies = [name.removesuffix("_RL") for name, count in facts["ally_units"] for _ in range(count)]
    enemies = [name for name, count in facts["enemy_units"] for _ in range(count)]
    units = allies + enemies
    colossi = ["Colossus", "Stalker", "Zealot"]
    ally_order = TYPE_ORDER.get(facts["map_type"], colossi)
    enemy_order = ENEMY_TYPE_ORDER.get(facts["map_type"], colossi)
    bits = facts["unit_type_bits"]
    numbers = [ally_order.index(name.replace("Colosus", "Colossus")) if bits else 0 for name in allies]
    numbers += [enemy_order.index(name) if bits else 0 for name in enemies]
    return FeatureLayout(
        n_agents=facts["n_agents"],
        n_enemies=facts["n_enemies"],
        unit_type_bits=bits,
        ally_shields=facts["a_race"] == "P",
        enemy_shields=facts["b_race"] == "P",
        pathing=(rng.random((32, 32)) < 0.7).astype(np.uint8),
        max_distance=(32.0, 32.0),
        health_max=np.array([HEALTH[name] for name in units], np.float64),
        shield_norm=np.array([SHIELD.get(name, 1) for name in units], np.float64),
        gauge_norm=np.array([GAUGE.get(name, 15) for name in units], np.float64),
        type_number=np.array(numbers, np.int32),
        healer=np.array([facts["map_type"] == "MMM" and name == "Medivac" for name in units], np.uint8),
    )


def random_units(layout: FeatureLayout, tables: int, rng: np.random.Generator, step: float) -> np.ndarray:
    """Unit tables [tables, 5, U] with positions on multiples of ``step``, a quarter of the units dead."""
    count = layout.n_agents + layout.n_enemies
    units = np.zeros((tables, 5, count), np.float32)
    spread = rng.choice([3, 8, 16], size=(tables, 1, 1))
    units[:, :2] = np.clip(16 + spread * rng.uniform(-1, 1, (tables, 2, count)), 0, 31.99) // step * step
    alive = rng.random((tables, count)) < 0.75
    units[:, 2] = np.where(alive, np.maximum(rng.random((tables, count)) * layout.health_max, 0.01), 0)
    units[:, 3] = rng.random((tables, count)) * layout.shield_norm * (rng.random((tables, count)) < 0.7)
    units[:, 4] = rng.random((tables, count)) * layout.gauge_norm * 1.2  # SMAC does not clip cooldowns
    return units


def random_options(rng: np.random.Generator) -> SmacOptions:
    """A fair coin for every option that features depend on."""
    names = ("obs_all_health", "obs_own_health", "obs_last_action", "obs_pathing_grid", "obs_terrain_height",
             "obs_instead_of_state", "obs_timestep_number", "state_last_action", "state_timestep_number")  # fmt: skip
    options = {name: bool(rng.integers(2)) for name in names}
    whole = options["obs_pathing_grid"] or options["obs_terrain_height"]
    return SmacOptions(**options, move_amount=float(rng.choice([1, 2, 3] if whole else [0.5, 2, 2.5])))


@pytest.mark.parametrize("name", sorted(MAPS))
def test_sizes_are_the_published_ones(name: str) -> None:
    facts = MAPS[name]
    spec = make_layout(facts, np.random.default_rng(0)).spec(facts["episode_limit"])
    assert (spec.n_agents, spec.n_actions) == (facts["n_agents"], facts["n_actions"])
    assert (spec.obs_dim, spec.state_dim) == (facts["obs_shape"], facts["state_shape"])


@pytest.mark.parametrize("step", [1 / 4096, 0.5, 1.0], ids=["engine_grid", "half_cells", "whole_cells"])
@pytest.mark.parametrize("name", sorted(MAPS))
def test_kernel_equals_naive_twin(name: str, step: float) -> None:
    """Whole and half cells give distances of exactly 6 and 9, where SMAC's comparisons differ."""
    rng = np.random.default_rng([len(name), int(1 / step)])
    layout = make_layout(MAPS[name], rng)
    tables = max(10, TABLES // max(1, layout.n_agents // 4))
    units = random_units(layout, tables, rng, step)
    last_action = rng.integers(-1, layout.n_actions, (tables, layout.n_agents)).astype(np.int32)
    got = smac_features(layout, units, last_action)
    for table in range(tables):
        want = reference.smac_features(layout, units[table], last_action[table].tolist())
        for array, twin in zip(got, want, strict=True):
            assert array.dtype == twin.dtype
            np.testing.assert_array_equal(array[table], twin)
            assert array[table].tobytes() == twin.tobytes()


@pytest.mark.parametrize("name", sorted(MAPS))
def test_kernel_equals_naive_twin_with_any_options(name: str) -> None:
    rng = np.random.default_rng([len(name), 7])
    for _ in range(16):
        plain = make_layout(MAPS[name], rng)
        height = rng.integers(0, 256, (32, 32)) / 255
        layout = dataclasses.replace(
            plain.with_options(random_options(rng), MAPS[name]["episode_limit"]), height=height
        )
        units = random_units(layout, 2, rng, 1 / 4096)
        last_action = rng.integers(-1, layout.n_actions, (2, layout.n_agents)).astype(np.int32)
        step = rng.integers(0, layout.episode_limit + 1, 2).astype(np.int32)
        got = smac_features(layout, units, last_action, step)
        for table in range(2):
            want = reference.smac_features(layout, units[table], last_action[table].tolist(), int(step[table]))
            for array, twin in zip(got, want, strict=True):
                assert array[table].tobytes() == twin.tobytes(), layout.options.changed()


def test_terrain_height_is_upside_down() -> None:
    """SMAC quirk: it turns the heights, but not the walkable grid."""
    layout = make_layout(MAPS["3m"], np.random.default_rng(0))
    height = np.zeros((32, 32))
    height[10, 20] = 0.5
    layout = dataclasses.replace(layout.with_options(SmacOptions(obs_terrain_height=True), 60), height=height)
    units = np.zeros((1, 5, 6), np.float32)
    units[0, 2, 0], units[0, 0], units[0, 1] = 45, 10.5, 11.5  # 11 = 31 - 20
    features = smac_features(layout, units, np.full((1, 3), -1, np.int32))
    np.testing.assert_array_equal(features.obs[0, 0, 4:13], [0, 0, 0, 0, 0, 0, 0, 0, 0.5])


def test_distance_six_can_be_attacked_and_distance_nine_is_not_seen() -> None:
    layout = make_layout(MAPS["3m"], np.random.default_rng(0))
    units = np.zeros((1, 5, 6), np.float32)
    units[0, :2] = 10
    units[0, 2] = 45
    units[0, 0, 3:] = [16, 19, 18.999755859375]  # one engine step less than 9 away
    features = smac_features(layout, units, np.full((1, 3), -1, np.int32))
    assert features.avail_actions[0, 0, 6:].tolist() == [1, 0, 0]
    rows = features.obs[0, 0, 4:19].reshape(3, 5)
    assert rows[0, 0] == 1 and rows[0, 1] == np.float32(6 / 9)
    assert not rows[1].any()
    assert rows[2, 0] == 0 and rows[2, 1] > 0.99


def test_medivac_column_shows_whom_it_may_heal() -> None:
    """SMAC quirk: column 0 of enemy row e is availability of slot 6 + e, which heals ally e for a medivac."""
    rng = np.random.default_rng(0)
    layout = make_layout(MAPS["MMM2"], rng)
    units = np.zeros((1, 5, 22), np.float32)
    units[0, :2] = 10
    units[0, 2] = layout.health_max
    features = smac_features(layout, units, np.full((1, 10), -1, np.int32))
    medivac = int(np.flatnonzero(layout.healer)[0])
    assert features.avail_actions[0, medivac, 6:].tolist() == [1] * 9 + [0] * 3
    assert features.obs[0, medivac, 4:100].reshape(12, 8)[:, 0].tolist() == [1.0] * 9 + [0.0] * 3


def test_wrong_tables_are_refused() -> None:
    layout = make_layout(MAPS["3m"], np.random.default_rng(0))
    units, last_action = np.zeros((2, 5, 6), np.float32), np.full((2, 3), -1, np.int32)
    with pytest.raises(ValueError, match="units are float64"):
        smac_features(layout, units.astype(np.float64), last_action)
    with pytest.raises(ValueError, match="last_action is int32"):
        smac_features(layout, units, last_action[:1])
    with pytest.raises(ValueError, match="below 9"):
        smac_features(layout, units, last_action + 10)
    with pytest.raises(ValueError, match="step is int64"):
        smac_features(layout, units, last_action, np.zeros(2, np.int64))
