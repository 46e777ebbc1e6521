"""What a program for SMAC writes into its environment, its class or the registry counts, or it is told why not."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from seed_matrace import StarCraft2Env, make_env, make_vector_env
from seed_matrace.skirmish.map_params import get_smac_map_registry
from seed_matrace.skirmish.smac_attributes import FIXED, FREE
from seed_matrace.skirmish.smac_left_out import LEFT_OUT_OF_MODULES
from seed_matrace.smac_options import SmacOptions

ARRAYS = ("pathing_grid", "terrain_height", "layout")  # and what holds some


def greedy(env: StarCraft2Env) -> list[int]:
    return [int(np.flatnonzero(row)[-1]) for row in env.get_avail_actions()]


def advancing(env: StarCraft2Env) -> list[int]:
    """East until an enemy is in reach."""
    rows = env.get_avail_actions()
    return [4 if row[4] and not any(row[6:]) else last for row, last in zip(rows, greedy(env), strict=True)]


def started(**options: Any) -> StarCraft2Env:
    env = StarCraft2Env("3m", seed=0, **options)
    env.reset()
    return env


@pytest.mark.parametrize("name", [*(name for name in FIXED if name not in ARRAYS), *FREE, "episode_limit"])
def test_constructor_overrules_what_a_class_says(name: str) -> None:
    plain = StarCraft2Env("3m", seed=0)
    mine = type("Mine", (StarCraft2Env,), {name: "mine"})
    assert getattr(mine, name) == "mine", "until it is made"
    env = mine("3m", seed=0)
    assert getattr(env, name) == getattr(plain, name)
    with pytest.raises((AttributeError, ValueError), match=name):
        setattr(env, name, 7.5 if isinstance(getattr(plain, name), str) or name == "game_version" else "another")
    inherited = type("Later", (type("Mixin", (), {name: 5}), mine), {})("3m", seed=0)
    assert getattr(inherited, name) == getattr(plain, name)


def test_property_in_the_place_of_what_is_fixed_is_refused() -> None:
    with pytest.raises(TypeError, match="makes a property of n_actions, which is fixed"):
        type("Mine", (StarCraft2Env,), {"n_actions": property(lambda self: 12)})


def test_class_attribute_set_later_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StarCraft2Env, "heuristic_ai", True)
    env = started()
    assert env.heuristic_ai is False and env.get_agent_action(0, 4) == 4


def test_units_may_be_written_down_before_and_after_the_constructor() -> None:
    class Mine(StarCraft2Env):
        agents = None  # type: ignore[assignment]

        def __init__(self) -> None:
            self.map_name = "3m"
            self.agents = self.enemies = {}
            self.previous_ally_units = self.previous_enemy_units = None
            super().__init__(self.map_name if not self.agents else "8m", seed=0)
            self.agents = self.enemies = {}
            self.previous_ally_units = self.previous_enemy_units = None

        def init_units(self) -> None:
            self.agents = {}
            super().init_units()

    env, plain = Mine(), started()
    env.reset()
    assert env.agents == plain.agents and env.enemies == plain.enemies
    np.testing.assert_array_equal(env.get_obs(), plain.get_obs())


def test_units_that_are_set_are_seen_until_the_next_step() -> None:
    env, plain = started(), started()
    env.enemies = {index: unit._replace(pos=env.agents[0].pos) for index, unit in env.enemies.items()}
    assert not np.array_equal(env.get_obs(), plain.get_obs())
    assert not np.array_equal(env.get_state(), plain.get_state())
    assert env.step([1, 1, 1]) == plain.step([1, 1, 1])
    np.testing.assert_array_equal(env.get_obs(), plain.get_obs())
    assert env.enemies == plain.enemies
    for write in (lambda: env.agents.pop(0), lambda: env.agents.update({}), lambda: env.agents.__setitem__(0, None)):
        with pytest.raises(TypeError, match=r"set env\.agents"):
            write()
    with pytest.raises(AttributeError, match="heuristic_targets cannot be set"):
        env.heuristic_targets = []


@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("name", ["3m", "2s3z", "MMM2"])
def test_rewards_counted_unit_by_unit_are_the_kernels(name: str, positive: bool) -> None:
    class Counted(StarCraft2Env):
        def reward_battle(self) -> float:
            self.death_tracker_enemy = list(self.death_tracker_enemy)  # type: ignore[assignment]
            return super().reward_battle()

    env, plain = (kind(name, seed=2, reward_only_positive=positive) for kind in (Counted, StarCraft2Env))
    env.reset(), plain.reset()
    ended = False
    while not ended:
        actions = greedy(plain)
        reward, ended, info = env.step(actions)
        assert (pytest.approx(reward, abs=1e-4), ended, info) == plain.step(actions)
        np.testing.assert_array_equal(env.death_tracker_enemy, plain.death_tracker_enemy)


def test_tracked_dead_are_not_paid_for() -> None:
    class Blind(StarCraft2Env):
        def reward_battle(self) -> float:
            self.death_tracker_enemy[:] = 1
            return super().reward_battle()

    env, blind = started(), Blind("3m", seed=0)
    blind.reset()
    rewards: dict[StarCraft2Env, float] = {env: 0.0, blind: 0.0}
    for each in rewards:
        tracker, ended = each.death_tracker_enemy, False
        while not ended:
            reward, ended, info = each.step(advancing(each))
            rewards[each] += 0 if info["battle_won"] else reward
            assert each.death_tracker_enemy is tracker, "the same array all the time"
    assert rewards[env] > 0 and rewards[blind] == 0
    env.reset()
    env.death_tracker_enemy[:] = 1
    while not any(unit.health < 45 for unit in env.enemies.values()):
        assert env.step(advancing(env))[0] == 0


def test_last_action_changed_in_place_is_seen_everywhere() -> None:
    env = started(obs_last_action=True)
    before = env.get_obs()
    env.last_action[0] = 1
    np.testing.assert_array_equal(env.get_state()[-27:], env.get_state_dict()["last_action"].ravel())
    assert env.get_state()[-27:-18].all() and not np.array_equal(before, env.get_obs())


def test_more_numbers_of_each_unit_widen_the_state() -> None:
    env = started()
    env.ally_state_attr_names.append("mine")
    width = env.get_state_dict()["allies"].size + env.get_state_dict()["enemies"].size + 27
    assert len(env.get_state()) == env.get_state_size() == env.get_env_info()["state_shape"] == width


def test_method_put_on_the_class_counts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    env = started()
    before = env.get_obs()
    monkeypatch.setattr(StarCraft2Env, "unit_sight_range", lambda self, agent_id: 0.5)
    assert not env.get_visibility_matrix().any() and not np.array_equal(before, env.get_obs())
    monkeypatch.undo()
    np.testing.assert_array_equal(before, env.get_obs())


def test_shallow_copy_plays_its_own_battle() -> None:
    env, plain = started(), started()
    copy.copy(env).step([4, 4, 4])
    np.testing.assert_array_equal(env.get_obs(), plain.get_obs())
    assert env.step([1, 1, 1]) == plain.step([1, 1, 1])


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("episode_limit", (0, -1, "a", None, True, np.nan)),
        ("max_reward", (0, "a", None, True, np.nan, np.inf)),
        ("reward_win", ("a", None, np.inf)),
        ("reward_scale", ("no", 0)),
        ("reward_scale_rate", (0, "a")),
        ("reward_sparse", (1,)),
        ("replay_dir", (5,)),
        ("_min_unit_type", (0,)),
        ("marine_id", (5,)),
        ("options", ({},)),
    ],
)
def test_values_that_could_not_be_played_are_refused_when_set(name: str, values: tuple[Any, ...]) -> None:
    env, plain = started(), started()
    for value in values:
        with pytest.raises((ValueError, AttributeError), match=f"^{name} (is|must be)"):
            setattr(env, name, value)
    assert env.step([1, 1, 1]) == plain.step([1, 1, 1])


def test_nothing_is_divided_by_a_maximum_of_0() -> None:
    env = StarCraft2Env("3m", seed=0, reward_win=-165)
    env.reset()
    with pytest.raises(ValueError, match="max_reward is 0"):
        env.step([1, 1, 1])
    with pytest.raises(ValueError, match="the most that a battle can give is 0"):
        make_vector_env("3m", 1, reward_win=-165)


@pytest.mark.parametrize("order", ["stop", (None, 4), 99, -1, True, 4.0])
def test_order_that_is_no_number_is_refused(order: Any) -> None:
    class Mine(StarCraft2Env):
        def get_agent_action(self, a_id: int, action: int) -> Any:
            return order

    env = Mine("3m", seed=0)
    env.reset()
    with pytest.raises(ValueError, match=r"what get_agent_action returned \(if not None\) of agent 0 is"):
        env.step([1, 1, 1])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("update_units", "won", "update_units returned 'won'; 1"),
        ("reward_battle", None, "reward_battle returned None; a number"),
        ("get_avail_agent_actions", [0, 1], r"get_avail_agent_actions\(0\) returned \[0, 1\]; 9 numbers"),
        ("get_avail_agent_actions", None, r"get_avail_agent_actions\(0\) returned None; 9 numbers"),
    ],
)
def test_what_a_method_of_somebodys_own_returns_is_checked(name: str, value: Any, message: str) -> None:
    env = started()
    assert env.reward_battle() == 0, "nothing has been done yet"
    setattr(env, name, lambda *arguments: value)
    with pytest.raises(ValueError, match=message):
        env.step([1, 1, 1])


def test_numbers_of_numpy_are_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "step_mul": np.int64(8), "move_amount": np.float32(3), "reward_only_positive": np.False_,
        "reward_death_value": np.int64(7), "reward_win": np.float64(100), "difficulty": np.str_("3"),
    }  # fmt: skip
    options = SmacOptions(**given)
    assert repr(options) == repr(SmacOptions(**{name: value.item() for name, value in given.items()}))
    monkeypatch.setitem(get_smac_map_registry()["3m"], "limit", np.int64(20))
    env = make_env("3m", seed=np.int32(4), **given)
    assert (env.episode_limit, env.seed(), type(env.seed())) == (20, 4, int)
    env.reward_scale, env.episode_limit = np.False_, np.int64(5)
    assert env.reward_scale is False and type(env.episode_limit) is int
    with pytest.raises(ValueError, match="reward_scale must be True or False"):
        make_env("3m", reward_scale=np.int64(1))


@pytest.mark.parametrize("limit", [None, 0, 10**30, True, 2.0])
def test_registered_limit_is_a_number_of_steps(limit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(get_smac_map_registry()["3m"], "limit", limit)
    with pytest.raises(ValueError, match="the registry's limit of 3m is"):
        make_env("3m")
    monkeypatch.setitem(get_smac_map_registry(), "3m", limit)
    with pytest.raises(ValueError, match="the registry of maps was changed: 3m is"):
        make_env("3m")


def test_registered_limit_is_of_smacs_class_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(get_smac_map_registry()["3m"], "limit", 20)
    assert (make_env("3m").episode_limit, make_vector_env("3m", 1).spec.episode_limit) == (20, 60)


@pytest.mark.parametrize("make", [StarCraft2Env, make_env, type("Mine", (StarCraft2Env,), {})])
def test_misspelt_options_are_told_the_near_ones(make: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="unknown option 'obs_all_heath'; near: obs_all_health"):
        make("3m", obs_all_heath=True)
    with pytest.raises(TypeError, match="unknown option 'sed'; near: seed"):
        make("3m", sed=1)


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in LEFT_OUT_OF_MODULES.items() for name in names]
)
def test_modules_say_what_they_leave_out(module: str, name: str) -> None:
    reason = f"{name} of {module} is not here"
    if name.isidentifier():
        with pytest.raises(ImportError, match=reason):
            exec(f"from seed_matrace.{module} import {name}")
    if module == "smac":  # which loads nothing before somebody asks for something
        return
    with pytest.raises(ImportError, match=reason):
        getattr(importlib.import_module(f"seed_matrace.{module}"), name)
    with pytest.raises(AttributeError, match=f"module 'seed_matrace.{module}' has no attribute 'other'"):
        _ = importlib.import_module(f"seed_matrace.{module}").other


def test_smacs_modules_are_attributes_of_each_other() -> None:
    env = importlib.import_module("seed_matrace.smac.env")
    assert env.multiagentenv.MultiAgentEnv is env.MultiAgentEnv
    assert env.starcraft2.starcraft2.StarCraft2Env is env.StarCraft2Env
    assert "3m" in env.starcraft2.maps.smac_maps.map_param_registry
    for module in ("seed_matrace.smac.env.pettingzoo", "seed_matrace.smac.env.pettingzoo.StarCraft2PZEnv"):
        with pytest.raises(ImportError, match=r"seed_matrace\.envs\.pettingzoo is the simulator's own"):
            importlib.import_module(module)
