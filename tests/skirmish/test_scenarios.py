"""Battles from a user's own files: teams, places, terrain, and what is drawn for every episode."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seed_matrace.skirmish.maps import load_map
from seed_matrace.skirmish.units import load_unit_type
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv

FIXED: dict[str, Any] = {
    "terrain": "octagon",
    "episode_limit": 100,
    "allies": [
        {"unit": "Marine", "places": [[10.5, 16], [10.5, 17.3]]},
        {"unit": "Medivac", "count": 1, "at": [9, 16]},
    ],
    "enemies": [{"unit": "Zergling", "count": 6, "at": [20, 16]}],
    "enemy_order": {"kind": "attack_move", "target": [10, 16]},
}
DRAWN: dict[str, Any] = {
    "terrain": "flat_band",
    "episode_limit": 60,
    "draw": {
        "units": {"Stalker": 0.45, "Zealot": 0.45, "Colossus": 0.1},
        "n_allies": 5,
        "n_enemies": 6,
        "start": {"surround": 0.5, "reflect": 0.5},
    },
}


def written(folder: Path, document: Any) -> str:
    path = folder / "mine.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return str(path)


def changed(document: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {key: value for key, value in (document | fields).items() if value is not None}


def test_own_teams_and_places(tmp_path: Path) -> None:
    env = SkirmishVectorEnv(written(tmp_path, FIXED), 2, seed=0)
    env.reset()
    x, y, health, _, gauge = env.units()[0]
    assert (env.spec.n_agents, env.map.n_enemies, env.spec.episode_limit) == (3, 6, 100)
    np.testing.assert_allclose(x[:3], [10.5, 10.5, 9])
    np.testing.assert_allclose(y[:3], [16, 17.3, 16], atol=1 / 4096)
    assert health.tolist() == [45, 45, 150] + [35] * 6
    assert gauge[2] == 50  # the medivac's energy
    assert env.map.layout.unit_type_bits == 2


def test_own_terrain(tmp_path: Path) -> None:
    rows = ["####", "#..#", "#..#", "####"]
    teams = {side: [{"unit": "Marine", "places": [[1 + k, 1.5]]}] for k, side in enumerate(("allies", "enemies"))}
    env = SkirmishVectorEnv(written(tmp_path, {"terrain": {"rows": rows}, "episode_limit": 9, **teams}), 4, seed=0)
    env.reset()
    for _ in range(20):
        env.step(env.sample_actions())
        x, y = env.units()[:, :2].transpose(1, 0, 2)
        assert ((x >= 1) & (x < 3) & (y >= 1) & (y < 3)).all()


def test_drawn_teams_and_places(tmp_path: Path) -> None:
    env = SkirmishVectorEnv(written(tmp_path, DRAWN), 400, seed=3)
    env.reset()
    x, y, health, shield, _ = env.units().transpose(1, 0, 2)
    stats = env._open().drawn_types()
    np.testing.assert_array_equal(health, stats["health_max"])
    np.testing.assert_array_equal(shield, stats["shield_max"])
    assert env.map.walkable[x.astype(int), y.astype(int)].all()
    np.testing.assert_array_equal(stats["health_max"][:, :5], stats["health_max"][:, 5:10])  # the same draw
    drawn = np.concatenate([stats["health_max"][:, :5], stats["health_max"][:, 10:]], axis=1)
    shares = [(drawn == load_unit_type(name).health).mean() for name in ("Stalker", "Zealot", "Colossus")]
    np.testing.assert_allclose(shares, [0.45, 0.45, 0.1], atol=0.04)
    reflected = (x[:, :5] < 12).all(axis=1)
    assert 0.4 < reflected.mean() < 0.6
    assert np.isclose(x[reflected, 5:10], 32 - x[reflected, :5]).mean() > 0.95
    middle = abs(x[~reflected, :5] - 16) < 4
    assert middle.all()


def test_drawn_types_are_what_agents_see_and_a_perfect_episode_is_worth_20(tmp_path: Path) -> None:
    env = SkirmishVectorEnv(written(tmp_path, DRAWN), 64, seed=3)
    out = env.reset()
    order = np.array([load_unit_type(name).health for name in DRAWN["draw"]["units"]])
    for _ in range(30):
        stats = env._open().drawn_types()
        before = env.units()
        seen = order[out.obs[:, :, -3:].argmax(axis=2)]
        alive = before[:, 2, :5] > 0
        np.testing.assert_array_equal(seen[alive], stats["health_max"][:, :5][alive])
        out = env.step(env.sample_actions())
        going = ~(out.terminated | out.truncated)
        was, now = (np.where(u[:, 2] > 0, u[:, 2] + u[:, 3], 0)[going, 5:] for u in (before, env.units()))
        best = (stats["health_max"] + stats["shield_max"])[going, 5:].sum(axis=1) + 6 * 10 + 200
        paid = np.abs((was - now + 10.0 * ((was > 0) & (now == 0))).sum(axis=1))
        np.testing.assert_allclose(out.reward[going], paid / best * 20, rtol=1e-4, atol=1e-4)


def test_draws_belong_to_the_stream_and_are_saved_with_the_state(tmp_path: Path) -> None:
    path = written(tmp_path, DRAWN)
    together, alone = SkirmishVectorEnv(path, 4, seed=1), SkirmishVectorEnv(path, 1, seed=1, first_env=2)
    together.reset()
    alone.reset()
    for _ in range(80):
        actions = together.sample_actions()
        alone.step(actions[2:3])
        together.step(actions)
    np.testing.assert_array_equal(together.units()[2:3], alone.units())
    other = SkirmishVectorEnv(path, 4, seed=1)
    other.set_state_bytes(together.get_state_bytes())
    for _ in range(80):
        actions = together.sample_actions()
        np.testing.assert_array_equal(together.step(actions).obs, other.step(actions).obs)


def test_drawn_boxes(tmp_path: Path) -> None:
    boxes = {"allies": [[5, 10, 6, 11]], "enemies": [[20, 10, 24, 12], [20, 20, 24, 22]]}
    document = {**DRAWN, "draw": {**DRAWN["draw"], "start": {"boxes": boxes}}}
    env = SkirmishVectorEnv(written(tmp_path, document), 50, seed=1)
    env.reset()
    x, y = env.units()[:, :2].transpose(1, 0, 2)
    assert ((x[:, :5] >= 5) & (x[:, :5] <= 6)).all()
    assert ((x[:, 5:] >= 20) & (x[:, 5:] <= 24)).all()
    south = y[:, 5:] <= 12
    assert 0.4 < south.mean() < 0.6


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "is not JSON"),
        ([], "the file is"),
        (changed(FIXED, terrain=None), "terrain is None"),
        (changed(FIXED, terrain="moon"), "terrain is 'moon'; one of corridor"),
        (changed(FIXED, terrain={"rows": ["..", "."]}), "terrain is"),
        (changed(FIXED, episode_limit=0), "episode_limit is 0"),
        (changed(FIXED, colour="red"), "field is 'colour'"),
        (changed(FIXED, allies=[]), r"allies is \[\]"),
        (changed(FIXED, allies=[{"unit": "Probe", "count": 1, "at": [9, 9]}]), r"allies\[0\].unit is 'Probe'"),
        (changed(FIXED, allies=[{"unit": "Marine", "at": [9, 9]}]), r"allies\[0\].count is None"),
        (changed(FIXED, allies=[{"unit": "Marine", "count": 1, "at": [9]}]), r"allies\[0\].at is \[9\]"),
        (changed(FIXED, allies=[{"unit": "Marine", "places": [[0.5, 0.5]]}]), r"allies\[0\].places: \[0.5, 0.5\]"),
        (changed(FIXED, enemies=[{"unit": "Marine", "count": 900, "at": [9, 9]}]), r"enemies\[0\].count is 900"),
        (changed(FIXED, enemy_order={"kind": "flee"}), "enemy_order.kind is 'flee'"),
        (changed(FIXED, enemy_order={"kind": "attack_move"}), "enemy_order.target is None"),
        (changed(FIXED, unit_type_bits="3"), "unit_type_bits is '3'"),
        (changed(FIXED, draw=DRAWN["draw"]), "allies is 'given'"),
        (changed(DRAWN, draw={**DRAWN["draw"], "n_allies": 0}), "draw.n_allies is 0"),
        (changed(DRAWN, draw={**DRAWN["draw"], "units": {"Zealot": -1}}), "draw.units.Zealot is -1"),
        (changed(DRAWN, draw={**DRAWN["draw"], "start": {"ambush": 1}}), "draw.start is 'ambush'"),
        (
            changed(DRAWN, draw={**DRAWN["draw"], "start": {"boxes": {"allies": [[0, 0, 1, 1]]}}}),
            "draw.start.boxes.enemies is None",
        ),
        (
            changed(DRAWN, draw={**DRAWN["draw"], "start": {"boxes": {"allies": [[0] * 4], "enemies": [[0] * 4]}}}),
            "holds no walkable cell",
        ),
    ],
)
def test_bad_files_name_the_field(tmp_path: Path, document: Any, message: str) -> None:
    with pytest.raises(ValueError, match=rf"scenario .*mine.json:? .*{message}"):
        load_map(written(tmp_path, document))


def test_missing_file() -> None:
    with pytest.raises(ValueError, match=r"scenario nowhere.json: No such file"):
        load_map("nowhere.json")
