"""Enemies are numbered anew for each battle, as by the game, and everything shown of a number is of the unit it has."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from seed_matrace import StarCraft2Env, make_env, make_vector_env
from seed_matrace.envs.gymnasium import SkirmishGymnasiumVectorEnv
from seed_matrace.envs.pettingzoo import parallel_env
from seed_matrace.replay import read_replay
from seed_matrace.sc2_standin.battle import Battle
from seed_matrace.skirmish.maps import load_map, map_names
from seed_matrace.skirmish.units import load_unit_type
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
from seed_matrace.smac_options import SkirmishOptions, SmacOptions

MIXED = ["1c3s5z", "2s3z", "3s5z", "3s5z_vs_3s6z", "MMM", "MMM2", "bane_vs_bane"]
AS_CREATED = SkirmishOptions(shuffle_enemies=False)
HEALTH, SHIELD = 2, 3


def orders(env: SkirmishVectorEnv) -> list[tuple[int, ...]]:
    """Of every battle that begins: which enemy, in the order of creation, has number 0, 1, ..."""
    env.reset()
    n, units = env.spec.n_agents, env.units()
    way = units[:, :2, n:, None] - env.map.spawn.T[:, None, n:]
    full = np.array([kind.health for kind in env.map.units[n:]], np.float32)
    other_type = units[:, HEALTH, n:, None] != full
    return [tuple(row) for row in np.where(other_type, np.inf, np.hypot(way[:, 0], way[:, 1])).argmin(axis=2).tolist()]


def test_the_games_four_orders_of_three_enemies_are_equally_likely_and_there_are_no_others() -> None:
    """1,000 recorded battles of 3m have them 260, 254, 245 and 241 times."""
    found = Counter(orders(SkirmishVectorEnv("3m", 2000, seed=1)))
    assert set(found) == {(0, 1, 2), (0, 2, 1), (1, 2, 0), (2, 1, 0)}
    assert all(420 < count < 580 for count in found.values())


@pytest.mark.parametrize("name", map_names())
def test_each_enemy_takes_the_first_or_the_last_number_that_is_free(name: str) -> None:
    env = SkirmishVectorEnv(name, 40, seed=2)
    found = orders(env)
    enemies = env.map.n_enemies
    for order in found:
        number_of = {created: number for number, created in enumerate(order)}
        free = list(range(enemies))
        for created in range(enemies):
            assert number_of[created] in (free[0], free[-1])
            free.remove(number_of[created])
    assert len(set(found)) >= min(2 ** (enemies - 1), enemies + 1, 16)  # of the first, there are no more
    agents = env.units()[:, :2, : env.spec.n_agents]
    np.testing.assert_array_equal(agents, np.broadcast_to(env.map.spawn[: env.spec.n_agents].T, agents.shape))


@pytest.mark.parametrize("name", ["3m", "2s3z", "MMM2", "2c_vs_64zg"])
def test_numbers_in_the_order_of_creation_can_be_asked_for(name: str) -> None:
    env = SkirmishVectorEnv(name, 20, seed=2, options=AS_CREATED)
    for _ in range(2):
        assert set(orders(env)) == {tuple(range(env.map.n_enemies))}
    assert env.unit_types(3) == env.map.units
    fresh = SkirmishVectorEnv(name, 20, seed=2, options=AS_CREATED)
    by_name = make_vector_env(name, 20, 2, shuffle_enemies=False)
    np.testing.assert_array_equal(by_name.reset().state, fresh.reset().state)
    one = make_env(name, seed=2, shuffle_enemies=False)
    one.reset()
    assert [enemy.unit_type for enemy in one.enemies.values()] == [
        kind.stock_type_id for kind in env.map.units[env.spec.n_agents :]
    ]


def test_numbers_belong_to_the_stream_of_a_battle() -> None:
    many, one = SkirmishVectorEnv("2s3z", 6, seed=4), SkirmishVectorEnv("2s3z", 1, seed=4, first_env=5)
    for _ in range(5):
        assert orders(many)[5] == orders(one)[0]
    assert len({tuple(orders(one)[0]) for _ in range(20)}) > 5


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("name", ["3m", "2s3z", "MMM2", "bane_vs_bane"])
def test_numbers_are_the_same_whatever_plays_the_seed(name: str, shuffle: bool) -> None:
    options = {"shuffle_enemies": shuffle}
    vector, smac = (
        SkirmishVectorEnv(name, 1, seed=7, options=SkirmishOptions(**options)),
        make_env(name, seed=7, **options),
    )
    agents, gym = parallel_env(name, **options), SkirmishGymnasiumVectorEnv(name, 1, **options)
    battle = Battle(load_map(name), 7)
    for number in range(4):
        state = vector.reset().state[0]
        smac.reset()
        agents.reset(seed=None if number else 7)
        shown, _ = gym.reset(seed=None if number else 7)
        for other in (smac.get_state(), agents.state(), shown["state"][0]):
            np.testing.assert_array_equal(other, state)
        kinds = vector.unit_types()
        assert [unit.unit_type for unit in smac.enemies.values()] == [
            kind.stock_type_id for kind in kinds[smac.n_agents :]
        ]
        if shuffle:  # the game, in whose place this stands, knows no other way
            np.testing.assert_array_equal(battle.units(), vector.units()[0])
            assert battle.kinds == kinds
            assert smac.enemies[1].tag == battle.tag(smac.n_agents + 1)
            battle.start_wave()


@pytest.mark.parametrize("name", MIXED)
def test_what_is_shown_of_an_enemy_is_of_its_type(name: str) -> None:
    """Type, and health and shield as fractions of what that type has."""
    env = SkirmishVectorEnv(name, 24, seed=3)
    n, enemies, bits = env.spec.n_agents, env.map.n_enemies, env.map.unit_type_bits
    shields = env.layout.enemy_shields
    out = env.reset()
    full = env.units()[:, HEALTH, n:]
    worn = env._open().memory()[0]
    worn[:, HEALTH, n : n + enemies] = 20
    worn[:, SHIELD, n : n + enemies] *= 0.5
    out = env.step(np.ones((24, n), np.int32))
    first = n * (4 + env.layout.ally_shields + bits)
    rows = out.state[:, first : first + enemies * (3 + shields + bits)].reshape(24, enemies, -1)
    names = np.array(env.map.type_order[1])[rows[:, :, -bits:].argmax(axis=2)]
    expected = np.array([[load_unit_type(kind).health for kind in of_battle] for of_battle in names], np.float32)
    np.testing.assert_array_equal(expected, full)
    now = env.units()[:, :, n:]
    np.testing.assert_allclose(rows[:, :, 0], now[:, HEALTH] / full, rtol=1e-6)
    if shields:
        most = np.array([[load_unit_type(kind).smac_max_shield for kind in of_battle] for of_battle in names])
        np.testing.assert_allclose(rows[:, :, 3], now[:, SHIELD] / most, rtol=1e-6)
    for battle in range(24):
        assert [kind.name for kind in env.unit_types(battle)[n:]] == names[battle].tolist()
    assert len({tuple(of_battle) for of_battle in names.tolist()}) > 1


def test_a_lone_enemy_medivac_has_lost_whatever_its_number() -> None:
    env = SkirmishVectorEnv("MMM", 16, seed=1)
    env.reset()
    medivacs = env.healers()
    assert (medivacs[:, 10:].sum(axis=1) == 1).all() and len(np.unique(np.nonzero(medivacs[:, 10:])[1])) > 2
    health = env._open().memory()[0][:, HEALTH, 10:20]
    health[~medivacs[:, 10:]] = 0
    out = env.step(np.ones((16, 10), np.int32))
    assert out.terminated.all() and out.episode.battle_won.all() and (out.episode.dead_enemies == 9).all()


def test_written_battles_name_the_units_of_the_battle(tmp_path: Path) -> None:
    env = StarCraft2Env("MMM", seed=1, replay_dir=str(tmp_path))
    orders_seen = set()
    for _ in range(4):
        env.reset()
        env.step([1] * env.n_agents)
        replay = read_replay(env.save_replay())
        names = replay.about["units"]
        np.testing.assert_array_equal([load_unit_type(name).health for name in names], replay.table()[0, HEALTH])
        orders_seen.add(tuple(names))
    assert len(orders_seen) > 1


def test_pictures_and_texts_show_the_units_of_the_battle() -> None:
    env = parallel_env("bane_vs_bane", render_mode="ansi")
    env.reset(seed=3)
    letters = Counter("".join(env.render().splitlines()[:-2]))
    assert letters["b"] and letters["z"]
    battle = env._check_started()
    n = battle.spec.n_agents
    rows = env.render().splitlines()
    x0, y0, *_ = battle.map.playable_area
    x, y, health = battle.units()[0, :3].astype(int)
    cells = Counter(zip(x.tolist(), y.tolist(), strict=True))
    alone = [slot for slot in range(n, len(health)) if cells[x[slot], y[slot]] == 1]
    assert alone
    height = len(rows) - 2
    for slot in alone:
        assert rows[height - 1 - int(y[slot] - y0)][int(x[slot] - x0)] == {35: "z", 30: "b"}[health[slot]]


def test_numbering_is_part_of_what_a_state_is_of() -> None:
    one, other = SkirmishVectorEnv("3m", 1, options=AS_CREATED), SkirmishVectorEnv("3m", 1)
    with pytest.raises(ValueError, match="not a state of skirmish-3 3m"):
        other.set_state_bytes(one.get_state_bytes())
    assert AS_CREATED.changed() == {"shuffle_enemies": False}
    assert SmacOptions.changed(AS_CREATED) == {}
    np.testing.assert_array_equal(
        SkirmishVectorEnv("3m", 2, options=SmacOptions()).reset().state, SkirmishVectorEnv("3m", 2).reset().state
    )


def test_numbering_is_fixed_when_the_environment_is_made() -> None:
    env = make_env("3m", seed=0)
    assert env.shuffle_enemies is True
    with pytest.raises(AttributeError, match="shuffle_enemies is fixed"):
        env.shuffle_enemies = False
    for maker in (lambda **options: make_env("3m", **options), lambda **options: make_vector_env("3m", 1, **options)):
        with pytest.raises(TypeError, match="near: shuffle_enemies"):
            maker(shuffle_enemy=False)
        with pytest.raises(ValueError, match="shuffle_enemies"):
            maker(shuffle_enemies=3)


@pytest.mark.parametrize("ask", ["unit_types", "unit_stats", "healers"])
def test_who_is_where_is_not_known_before_the_first_reset(ask: str) -> None:
    env = SkirmishVectorEnv("MMM2", 2)
    with pytest.raises(RuntimeError, match="before the first reset"):
        getattr(env, ask)()
    env.reset()
    with pytest.raises(ValueError, match="environment 2; 0 to 1 expected"):
        env.unit_types(2)
