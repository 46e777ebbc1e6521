"""SMAC's own class plays the stand-in: PYTHONPATH=<smac's sources> python -m pytest -m smac tests/sc2_standin."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from smac_names import PUBLIC

from seed_matrace.replay import read_replay
from seed_matrace.sc2_standin.installation import install
from seed_matrace.skirmish.map_params import get_map_params
from seed_matrace.skirmish.maps import map_names
from seed_matrace.skirmish.smac_env import StarCraft2Env
from seed_matrace.skirmish.smac_left_out import LEFT_OUT

pytestmark = pytest.mark.smac
EPISODES = 4
OPTIONS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "much_shown": {
        "obs_last_action": True, "obs_pathing_grid": True, "obs_terrain_height": True, "state_timestep_number": True,
        "reward_only_positive": False, "continuing_episode": True, "move_amount": 3,
    },
    "little_shown": {
        "obs_all_health": False, "obs_own_health": False, "obs_instead_of_state": True, "reward_sparse": True,
        "step_mul": 5,
    },
    "script": {"heuristic_ai": True, "heuristic_rest": True},
}  # fmt: skip


@pytest.fixture
def smac_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Makes ``smac.env.StarCraft2Env``s that find the stand-in in the place of the game."""
    smac = pytest.importorskip("smac.env")
    install(tmp_path)
    monkeypatch.setenv("SC2PATH", str(tmp_path))
    made = []

    def make(map_name: str, **options: Any) -> Any:
        made.append(smac.StarCraft2Env(map_name=map_name, **options))
        return made[-1]

    yield make
    for env in made:
        env.close()


def assert_same_look(real: Any, ours: StarCraft2Env) -> None:
    for seen, expected in ((real.get_obs(), ours.get_obs()), (real.get_state(), ours.get_state())):
        seen, expected = np.array(seen), np.array(expected)
        assert seen.dtype == expected.dtype
        np.testing.assert_array_equal(seen, expected)
    assert real.get_avail_actions() == ours.get_avail_actions()


def assert_same_units(real: Any, ours: StarCraft2Env) -> None:
    """Every unit, now and before the step, and what SMAC's methods say of it."""
    pairs = [(real.agents, ours.agents), (real.enemies, ours.enemies)]
    if ours.previous_ally_units is not None:
        pairs += [(real.previous_ally_units, ours.previous_ally_units)]
        pairs += [(real.previous_enemy_units, ours.previous_enemy_units)]
    for theirs, units in pairs:
        assert list(theirs) == list(units)
        for index, unit in units.items():
            other = theirs[index]
            assert (unit.pos.x, unit.pos.y) == (other.pos.x, other.pos.y)
            for field in set(unit._fields) - {"pos"}:
                assert getattr(unit, field) == pytest.approx(getattr(other, field), rel=1e-6), field
    for index, unit in ours.agents.items():
        for method in ("unit_max_cooldown", "unit_max_shield", "get_surrounding_points", "get_surrounding_pathing"):
            assert getattr(ours, method)(unit) == getattr(real, method)(real.agents[index])
        if ours.unit_type_bits:
            assert ours.get_unit_type_id(unit, True) == real.get_unit_type_id(real.agents[index], True)
    for index, unit in ours.enemies.items():
        if ours.unit_type_bits:
            assert ours.get_unit_type_id(unit, False) == real.get_unit_type_id(real.enemies[index], False)
        assert ours.unit_max_cooldown(unit) == real.unit_max_cooldown(real.enemies[index])
        assert ours.unit_max_shield(unit) == real.unit_max_shield(real.enemies[index])
    for part, numbers in real.get_state_dict().items():
        np.testing.assert_array_equal(ours.get_state_dict()[part], numbers)
    for name in ("death_tracker_ally", "death_tracker_enemy", "last_action"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(real, name))
    np.testing.assert_array_equal(ours.get_visibility_matrix(), real.get_visibility_matrix())


def assert_same_facts(real: Any, ours: StarCraft2Env) -> None:
    """Every public attribute of SMAC's that is a number, a word or an array."""
    for name, value in vars(real).items():
        if name.startswith("_") and name not in ("_episode_count", "_episode_steps", "_total_steps", "_min_unit_type"):
            continue
        plain = isinstance(value, (bool, int, float, str, tuple, list, np.ndarray)) or value is None
        if plain and not name.startswith("previous_"):
            if name == "heuristic_targets":  # SMAC goes on choosing for the dead
                living = [index for index, unit in ours.agents.items() if unit.health > 0]
                assert [ours.heuristic_targets[index] for index in living] == [value[index] for index in living]
                continue
            np.testing.assert_array_equal(getattr(ours, name), value, err_msg=name)
    assert ours.get_unit_types() == list(real.get_unit_types())


def some_actions(avail: list[list[int]], eager: bool, rng: np.random.Generator) -> list[int]:
    """Any that are available; of the eager an attack where there is one."""
    actions = []
    for row in avail:
        attacks = [action for action in range(6, len(row)) if row[action]]
        walks_east = eager and not attacks and row[4] and rng.random() < 0.5
        choices = attacks if eager and attacks else [4] if walks_east else np.flatnonzero(row)
        actions.append(int(rng.choice(choices)))
    return actions


def play(real: Any, ours: StarCraft2Env, rng: np.random.Generator, episodes: int) -> int:
    """Both play the same actions and must look the same; returns the number of steps."""
    steps = 0
    for name in ("agents", "enemies", "marine_id", "_min_unit_type", "last_stats"):
        assert getattr(real, name) == getattr(ours, name)
    for episode in range(episodes):
        real.reset(), ours.reset()
        assert_same_look(real, ours)
        assert_same_units(real, ours)
        kept = ours.agents if episode % 2 else {}
        ended = False
        while not ended:
            actions = some_actions(ours.get_avail_actions(), episode % 2 == 1, rng)
            reward, ended, info = ours.step(list(actions))
            assert real.step(list(actions)) == (reward, ended, info)
            assert_same_look(real, ours)
            assert_same_units(real, ours)
            assert not kept or kept is ours.agents
            steps += 1
        assert_same_facts(real, ours)
    assert real.get_stats() == ours.get_stats()
    assert real.force_restarts == 0
    return steps


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("map_name", map_names())
def test_episodes_are_those_of_the_simulator(smac_env: Callable[..., Any], map_name: str, options: str) -> None:
    real = smac_env(map_name, seed=7, **OPTIONS[options])
    ours = StarCraft2Env(map_name, seed=7, **OPTIONS[options])
    assert real.get_env_info() == ours.get_env_info()
    rng = np.random.default_rng(3)
    print(f"{map_name}, {options}: {play(real, ours, rng, EPISODES)} steps, {ours.get_stats()}")


class Changed:
    """Changes all that SMAC's class lets a subclass change, for both."""

    def unit_sight_range(self, agent_id: int) -> float:
        return 7 - agent_id % 2

    def unit_shoot_range(self, agent_id: int) -> float:
        return 8

    def can_move(self, unit: Any, direction: int) -> bool:
        return direction != 1 and super().can_move(unit, direction)

    def get_avail_agent_actions(self, agent_id: int) -> list[int]:
        avail = super().get_avail_agent_actions(agent_id)
        return avail if avail[0] else [*avail[:1], int(not any(avail[2:])), *avail[2:]]

    def get_obs_own_feats_size(self) -> int:
        return super().get_obs_own_feats_size() + 1

    def get_obs_agent(self, agent_id: int) -> np.ndarray:
        obs = super().get_obs_agent(agent_id)
        obs[-1] = self.get_unit_by_id(agent_id).pos.x / self.map_x
        return obs

    def get_state_dict(self) -> dict[str, Any]:
        state = super().get_state_dict()
        state["allies"][:, 1] = self._episode_steps
        return {**state, "more": np.array([1])}

    def reward_battle(self) -> float:
        lost = sum(self.previous_ally_units[i].health - unit.health for i, unit in self.agents.items())
        dead = sum(self.death_tracker_enemy)
        return super().reward_battle() - lost / 2 + dead

    def update_units(self) -> int | None:
        code = super().update_units()
        return 1 if code is None and sum(unit.health == 0 for unit in self.enemies.values()) >= 2 else code

    def get_agent_action(self, a_id: int, action: int) -> Any:
        return super().get_agent_action(a_id, 5 if action == 4 and self.get_avail_agent_actions(a_id)[5] else action)


@pytest.mark.parametrize("options", ["defaults", "little_shown"])
@pytest.mark.parametrize("map_name", ["3m", "MMM2", "3s5z_vs_3s6z"])
def test_subclasses_are_what_they_are_of_smacs_class(
    smac_env: Callable[..., Any], map_name: str, options: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    smac = pytest.importorskip("smac.env")
    monkeypatch.setattr(smac, "StarCraft2Env", type("Real", (Changed, smac.StarCraft2Env), {}))
    real = smac_env(map_name, seed=3, **OPTIONS[options])
    ours = type("Ours", (Changed, StarCraft2Env), {})(map_name, seed=3, **OPTIONS[options])
    assert real.get_env_info() == ours.get_env_info()
    play(real, ours, np.random.default_rng(3), EPISODES)


def test_public_names_are_there_or_said_to_be_left_out(smac_env: Callable[..., Any]) -> None:
    real, ours = smac_env("3m", seed=1, heuristic_ai=True), StarCraft2Env("3m", seed=1, heuristic_ai=True)
    real.reset(), ours.reset()
    public = {name for name in dir(real) if not name.startswith("_")}
    assert public == PUBLIC
    assert {name for name in public if not hasattr(ours, name)} == public & set(LEFT_OUT) - {"heuristic_targets"}
    signature = inspect.signature(type(real))
    ours_signature = inspect.signature(StarCraft2Env)
    assert [(p.name, p.default) for p in signature.parameters.values()] == [
        (p.name, p.default) for p in ours_signature.parameters.values() if p.name != "shuffle_enemies"
    ]
    assert {name: get_map_params(name) for name in map_names()} == {
        name: pytest.importorskip("smac.env.starcraft2.maps").get_map_params(name) for name in map_names()
    }


def test_smac_saves_replays(smac_env: Callable[..., Any], tmp_path: Path) -> None:
    env = smac_env("3m", seed=1, replay_dir="mine", replay_prefix="first")
    env.reset()
    env.step([1, 1, 1])
    env.save_replay()
    (replay,) = (tmp_path / "Replays" / "mine").glob("first_*.SC2Replay")
    assert read_replay(replay).about["map"] == "3m"


def test_broken_game_is_launched_again(smac_env: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEED_MATRACE_SC2_FAULTS", "crash step=20 launch=1; error action=5 launch=3")
    # Launch 2 is SMAC's own: as long as no episode has ended, its reset launches again.
    env, rng, broken = smac_env("3m", seed=1), np.random.default_rng(0), 0
    while env.force_restarts < 2:
        env.reset()
        ended = False
        while not ended:
            _, ended, info = env.step(some_actions(env.get_avail_actions(), False, rng))
        broken += not info
    assert broken == 2
