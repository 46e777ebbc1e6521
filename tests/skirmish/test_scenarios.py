"""Battles from a user's own files: teams, positions, terrain, and what is sampled for every episode."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seed_matrace.skirmish.maps import load_map
from seed_matrace.skirmish.scenario import RACES
from seed_matrace.skirmish.units import load_unit_type, unit_type_names
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
from seed_matrace.smac_options import SkirmishOptions

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
RANDOM: dict[str, Any] = {
    "terrain": "flat_band",
    "episode_limit": 60,
    "draw": {
        "units": {"Stalker": 0.45, "Zealot": 0.45, "Colossus": 0.1},
        "n_allies": 5,
        "n_enemies": 6,
        "start": {"surround": 0.5, "reflect": 0.5},
    },
}
AS_CREATED = SkirmishOptions(shuffle_enemies=False)
LOOP_OF_WALKING = 0.3  # cells, at most: enemies have gone so far when they are seen first

TINY: dict[str, Any] = {
    "terrain": {"rows": ["...."] * 4},
    "episode_limit": 9,
    "allies": [{"unit": "Marine", "count": 40, "at": [1, 1]}],
    "enemies": [{"unit": "Marine", "count": 1, "at": [1, 1]}],
}


def written(folder: Path, document: Any) -> str:
    path = folder / "mine.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return str(path)


def changed(document: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {key: value for key, value in (document | fields).items() if value is not None}


def draw(**fields: Any) -> dict[str, Any]:
    return {**RANDOM["draw"], **fields}


def test_own_teams_and_positions(tmp_path: Path) -> None:
    env = SkirmishVectorEnv(written(tmp_path, FIXED), 2, seed=0)
    env.reset()
    x, y, health, _, gauge = env.units()[0]
    assert (env.spec.n_agents, env.map.n_enemies, env.spec.episode_limit) == (3, 6, 100)
    np.testing.assert_allclose(x[:3], [10.5, 10.5, 9])
    np.testing.assert_allclose(y[:3], [16, 17.3, 16], atol=1 / 4096)
    assert health.tolist() == [45, 45, 150] + [35] * 6
    assert gauge[2] == pytest.approx(50, abs=0.05)  # the medivac's energy, a loop later
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


def test_random_teams_and_positions(tmp_path: Path) -> None:
    env = SkirmishVectorEnv(written(tmp_path, RANDOM), 400, seed=3, options=AS_CREATED)
    env.reset()
    x, y, health, shield, _ = env.units().transpose(1, 0, 2)
    stats = env._open().drawn_types()
    np.testing.assert_array_equal(health, stats["health_max"])
    np.testing.assert_array_equal(shield, stats["shield_max"])
    assert env.map.walkable[x.astype(int), y.astype(int)].all()
    np.testing.assert_array_equal(stats["health_max"][:, :5], stats["health_max"][:, 5:10])  # the same sample
    sampled = np.concatenate([stats["health_max"][:, :5], stats["health_max"][:, 10:]], axis=1)
    fractions = [(sampled == load_unit_type(name).health).mean() for name in ("Stalker", "Zealot", "Colossus")]
    np.testing.assert_allclose(fractions, [0.45, 0.45, 0.1], atol=0.04)
    reflected = (x[:, :5] < 12).all(axis=1)
    assert 0.4 < reflected.mean() < 0.6
    assert np.isclose(x[reflected, 5:10], 32 - x[reflected, :5], atol=LOOP_OF_WALKING).mean() > 0.95
    middle = abs(x[~reflected, :5] - 16) < 4
    assert middle.all()


def test_random_types_are_what_agents_see_and_a_perfect_episode_is_worth_20(tmp_path: Path) -> None:
    env = SkirmishVectorEnv(written(tmp_path, RANDOM), 64, seed=3)
    out = env.reset()
    order = np.array([load_unit_type(name).health for name in RANDOM["draw"]["units"]])
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


def test_random_teams_belong_to_the_stream_and_are_saved_with_the_state(tmp_path: Path) -> None:
    path = written(tmp_path, RANDOM)
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


def test_random_boxes(tmp_path: Path) -> None:
    boxes = {"allies": [[4, 9, 10, 15]], "enemies": [[20, 10, 24, 12], [20, 20, 24, 22]]}
    document = {**RANDOM, "draw": {**RANDOM["draw"], "start": {"boxes": boxes}}}
    env = SkirmishVectorEnv(written(tmp_path, document), 50, seed=1)
    env.reset()
    x, y = env.units()[:, :2].transpose(1, 0, 2)
    assert ((x[:, :5] >= 4) & (x[:, :5] <= 10)).all()
    assert ((x[:, 5:] >= 20 - LOOP_OF_WALKING) & (x[:, 5:] <= 24 + LOOP_OF_WALKING)).all()
    south = y[:, 5:] <= 12 + LOOP_OF_WALKING
    assert 0.4 < south.mean() < 0.6


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "it is not JSON"),
        ("", "it is empty"),
        ("[" * 5000, "levels deep"),
        ('{"terrain": "octagon", "terrain": "octagon"}', "terrain is there twice"),
        ('{"allies": [{"count": 1, "unit": "Marine", "count": 2}]}', r"allies\[0\].count is there twice"),
        ('{"playable_area": [0, 0, NaN, 32]}', r"playable_area\[2\] is not a finite number"),
        ('{"allies": [{"at": [1e999, 2]}]}', r"allies\[0\].at\[0\] is not a finite number"),
        ([], r"the document is \[\]"),
        (changed(FIXED, terrain=None), "terrain is None"),
        (changed(FIXED, terrain="octogon"), "terrain is 'octogon'; one of corridor.*did you mean 'octagon'"),
        (changed(FIXED, terrain={"rows": ["..", "."]}), r"terrain.rows\[1\] is '.'; 2 times"),
        (changed(FIXED, terrain={"rows": ["."] * 257}), "terrain.rows is"),
        (changed(FIXED, terrain={"rows": [".x", ".."]}), r"terrain.rows\[0\] is '.x'"),
        (changed(FIXED, terrain={"rows": ["##", "##"]}), "terrain.rows is .* a walkable cell"),
        (changed(FIXED, terrain={"rows": ["."], "height": 3}), "terrain.height is no field"),
        (changed(FIXED, terrain={"rows": ["." * 150, ".#" * 75] * 75}), "terrain: 16875 walkable cells round"),
        (changed(FIXED, episode_limit=0), "episode_limit is 0"),
        (changed(FIXED, episode_limit=True), "episode_limit is True"),
        (changed(FIXED, episode_limit=60.0), "episode_limit is 60.0"),
        (changed(FIXED, episode_limit=10**9), "episode_limit is 1000000000"),
        (changed(FIXED, colour="red"), "colour is no field of a scenario file; there are"),
        (changed(FIXED, enemy_odrer={}), "enemy_odrer is no field .*did you mean 'enemy_order'"),
        (changed(FIXED, name=7), "name is 7; text"),
        (changed(FIXED, name="../up"), "name is '../up'; a name without /"),
        (changed(FIXED, map_type=["x"]), r"map_type is \['x'\]; text"),
        (changed(FIXED, races=["P", "Z"]), r"races\[0\] is 'P'; T, the race of that team's units"),
        (changed(FIXED, races=["Terran", "Zerg"]), r"races\[0\] is 'Terran'"),
        (changed(FIXED, races=[1, 2]), r"races\[0\] is 1"),
        (changed(FIXED, races=["T"]), r"races is \['T'\]; two letters"),
        (changed(FIXED, playable_area="all"), "playable_area is 'all'"),
        (changed(FIXED, playable_area=[0, 0, 32]), r"playable_area is \[0, 0, 32\]"),
        (changed(FIXED, playable_area=[0, 0, 0, 0]), r"playable_area is \[0, 0, 0, 0\]"),
        (changed(FIXED, playable_area=[32, 32, 0, 0]), r"playable_area is \[32, 32, 0, 0\]"),
        (changed(FIXED, playable_area=[-1, 0, 32, 32]), r"playable_area is \[-1,"),
        (changed(FIXED, playable_area=[0, 0, 33, 32]), r"playable_area is .* map of 32 x 32"),
        (changed(FIXED, playable_area=[0, False, 32, 32]), "playable_area is"),
        (changed(FIXED, playable_area=[0, 0, 16, 32]), "playable_area is .* holds all walkable cells"),
        (changed(FIXED, allies=[]), r"allies is \[\]"),
        (changed(FIXED, allies=["Marine"]), r"allies\[0\] is 'Marine'; an object"),
        (changed(FIXED, allies=[{"unit": "Probe", "count": 1, "at": [9, 9]}]), r"allies\[0\].unit is 'Probe'"),
        (changed(FIXED, allies=[{"unit": "Marne", "count": 1, "at": [9, 9]}]), "did you mean 'Marine'"),
        (changed(FIXED, allies=[{"unit": "Marine", "cuont": 1, "at": [9, 9]}]), r"allies\[0\].cuont is no .*'count'"),
        (changed(FIXED, allies=[{"unit": "Marine", "at": [9, 9]}]), r"allies\[0\].count is None"),
        (changed(FIXED, allies=[{"unit": "Marine", "count": 1, "at": [9]}]), r"allies\[0\].at is \[9\]"),
        (changed(FIXED, allies=[{"unit": "Marine", "count": 1, "at": [90, 9]}]), r"allies\[0\].at is \[90, 9\]"),
        (changed(FIXED, allies=[{"unit": "Marine", "count": 1, "at": [1, 1]}]), r"allies\[0\].at is .*walkable"),
        (changed(FIXED, allies=[{"unit": "Marine", "count": True, "at": [9, 9]}]), r"allies\[0\].count is True"),
        (changed(FIXED, allies=[{"unit": "Marine", "places": [[0.5, 0.5]]}]), r"allies\[0\].places\[0\] is .*walkable"),
        (changed(FIXED, allies=[{"unit": "Marine", "places": [[9, 9]], "at": [9, 9]}]), r"allies\[0\].at is"),
        (changed(FIXED, allies=[{"unit": "Marine", "places": [[9, 9]], "count": 2}]), r"allies\[0\].count is 2; 1"),
        (changed(FIXED, enemies=[{"unit": "Marine", "count": 900, "at": [9, 9]}]), r"enemies\[0\].count is 900"),
        (changed(FIXED, enemies=[{"unit": "Marine", "count": 90, "at": [9, 9]}] * 2), "enemies is '180 units'"),
        (
            changed(FIXED, enemies=[{"unit": "Marine", "count": 1, "at": [0, 0]}] * 2, terrain={"rows": ["."]}),
            r"allies\[0\].places\[0\] is \[10.5, 16\]",
        ),
        (TINY, r"allies\[0\].at: no room for 40"),
        (changed(FIXED, enemy_order="hunt"), "enemy_order is 'hunt'"),
        (changed(FIXED, enemy_order={"kind": "flee"}), "enemy_order.kind is 'flee'"),
        (changed(FIXED, enemy_order={"kind": ["hunt"]}), "enemy_order.kind is"),
        (changed(FIXED, enemy_order={"kind": "attack_move"}), "enemy_order.target is None"),
        (changed(FIXED, enemy_order={"kind": "hunt", "target": [9, 9]}), "enemy_order.target is .* no place for"),
        (changed(FIXED, unit_type_bits="3"), "unit_type_bits is '3'"),
        (changed(FIXED, unit_type_bits=False), "unit_type_bits is False"),
        (changed(FIXED, unit_type_bits=1), "unit_type_bits is 1; 0, or at least the 2 types"),
        (changed(FIXED, ally_types=["Marine"]), r"ally_types is \['Marine'\]; each type once, with all of Marine, M"),
        (changed(FIXED, ally_types=["Marine", ["Medivac"]]), r"ally_types\[1\] is \['Medivac'\]"),
        (changed(FIXED, draw=RANDOM["draw"]), "allies is .*either teams or draw"),
        (changed(RANDOM, ally_types=["Zealot"]), "ally_types is .*either teams or draw"),
        (changed(RANDOM, draw=draw(n_allies=0)), "draw.n_allies is 0"),
        (changed(RANDOM, draw=draw(units={"Zealot": -1})), "draw.units.Zealot is -1"),
        (changed(RANDOM, draw=draw(units={"Zealot": 0})), "draw.units is {'Zealot': 0}; a weight above 0"),
        (changed(RANDOM, draw=draw(exception_unit_types=["Marine"])), r"draw.exception_unit_types\[0\] is 'Marine'"),
        (changed(RANDOM, draw=draw(exception_unit_types=list(RANDOM["draw"]["units"]))), "exception_unit_types is"),
        (changed(RANDOM, draw=draw(start={"ambush": 1})), "draw.start.ambush is no field"),
        (changed(RANDOM, draw=draw(start={"surround": {"weight": 1}})), "draw.start.surround is"),
        (changed(RANDOM, draw=draw(start={"boxes": {"allies": [[0, 0, 1, 1]]}})), "draw.start.boxes.enemies is None"),
        (
            changed(RANDOM, draw=draw(start={"boxes": {"allies": [[0] * 4], "enemies": [[0] * 4]}})),
            r"draw.start: box \[0, 0, 0, 0\] holds no walkable cell",
        ),
    ],
)  # fmt: skip
def test_bad_files_name_the_field(tmp_path: Path, document: Any, message: str) -> None:
    with pytest.raises(ValueError, match=rf"scenario .*mine.json: .*{message}") as caught:
        load_map(written(tmp_path, document))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 800


def test_a_byte_order_mark_does_no_harm_and_other_encodings_are_refused(tmp_path: Path) -> None:
    path = Path(written(tmp_path, FIXED))
    text = path.read_text()
    path.write_text(text, encoding="utf-8-sig")
    assert load_map(str(path)).n_agents == 3
    path.write_text(text, encoding="utf-16")
    with pytest.raises(ValueError, match="it is not text in UTF-8"):
        load_map(str(path))


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    for name in ("pipe", "folder", "zero"):
        with pytest.raises(ValueError, match=rf"scenario .*{name}.json: not a file"):
            load_map(str(tmp_path / f"{name}.json"))


def test_types_of_weight_zero_are_never_sampled_but_shown(tmp_path: Path) -> None:
    document = changed(
        RANDOM, draw=draw(units={"Stalker": 0, "Zealot": 1, "Colossus": 0}, start={"surround": 1, "reflect": 0})
    )
    env = SkirmishVectorEnv(written(tmp_path, document), 50, seed=3)
    env.reset()
    assert (env._open().drawn_types()["health_max"] == load_unit_type("Zealot").health).all()
    assert env.map.layout.unit_type_bits == 3


def test_teams_of_exceptions_alone_are_sampled_again(tmp_path: Path) -> None:
    units = {"Marine": 1, "Medivac": 9}
    env, plain = (
        SkirmishVectorEnv(
            written(tmp_path, changed(RANDOM, draw=draw(units=units, n_allies=2, n_enemies=4, **more))),
            200,
            seed=3,
            options=AS_CREATED,
        )
        for more in ({"exception_unit_types": ["Medivac"]}, {})
    )
    for battles, some in ((env, True), (plain, False)):
        battles.reset()
        healers = battles._open().drawn_types()["health_max"] == load_unit_type("Medivac").health
        for team in (healers[:, :2], healers[:, 2:4], healers[:, 4:]):
            assert (~team.all(axis=1)).all() == some
    rare = {"Marine": 1e-9, "Medivac": 1}
    document = changed(RANDOM, draw=draw(units=rare, n_allies=1, n_enemies=1, exception_unit_types=["Medivac"]))
    env = SkirmishVectorEnv(written(tmp_path, document), 3, seed=3)
    env.reset()
    assert (env._open().drawn_types()["health_max"] == load_unit_type("Marine").health).all()


def test_every_unit_type_has_a_race() -> None:
    assert set(RACES) == set(unit_type_names())


def test_missing_file() -> None:
    with pytest.raises(ValueError, match=r"scenario nowhere.json: No such file"):
        load_map("nowhere.json")
