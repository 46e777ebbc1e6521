"""SMAC's class as programs written for it use it: names, subclasses, units, what is fixed and what is left out."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from smac_names import PUBLIC, SIGNATURE

import seed_matrace
from seed_matrace import StarCraft2Env, make_env
from seed_matrace.skirmish.map_params import get_map_params, get_smac_map_registry
from seed_matrace.skirmish.smac_attributes import FIXED
from seed_matrace.skirmish.smac_left_out import LEFT_OUT
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
from seed_matrace.smac.env import MultiAgentEnv

SHOWN = {
    "obs_last_action": True, "obs_pathing_grid": True, "obs_terrain_height": True, "obs_timestep_number": True,
    "state_timestep_number": True,
}  # fmt: skip
RANDOM = {
    "terrain": "open",
    "episode_limit": 60,
    "draw": {
        "units": {"Marine": 1, "Marauder": 1, "Medivac": 1},
        "n_allies": 5,
        "n_enemies": 4,
        "start": {"reflect": 1},
    },
}


def some_actions(env: StarCraft2Env, rng: np.random.Generator) -> list[int]:
    """An attack where there is one, most of the time."""
    rows = [np.flatnonzero(row) for row in env.get_avail_actions()]
    return [int(row[-1] if rng.random() < 0.7 else rng.choice(row)) for row in rows]


def test_takes_what_smacs_class_takes() -> None:
    parameters = inspect.signature(StarCraft2Env).parameters
    assert [(name, each.default) for name, each in parameters.items()] == [
        *SIGNATURE.items(),
        ("shuffle_enemies", True),
    ]
    assert parameters["shuffle_enemies"].kind is inspect.Parameter.KEYWORD_ONLY
    env = StarCraft2Env("3m", 4, 3, "A", "4.10", 11, True)
    assert (env._step_mul, env._move_amount, env.difficulty, env.game_version) == (4, 3, "A", "4.10")
    assert (env.seed(), env.continuing_episode) == (11, True)


def test_second_argument_of_make_env_is_not_guessed() -> None:
    with pytest.raises(TypeError, match=r"seed=4.*step_mul=4"):
        make_env("3m", 4)
    assert type(make_env("3m", seed=4)) is StarCraft2Env


def test_public_names_are_there_or_said_to_be_left_out() -> None:
    env = StarCraft2Env("3m", seed=0)
    env.reset()
    assert {name for name in PUBLIC if not hasattr(env, name)} == PUBLIC & set(LEFT_OUT)
    page = (Path(__file__).parents[2] / "docs" / "smac_interface.md").read_text(encoding="utf-8")
    for name, reason in LEFT_OUT.items():
        assert f"`{name}`" in page
        with pytest.raises(AttributeError, match="of SMAC's class is not here") as caught:
            getattr(env, name)
        assert reason in str(caught.value)
    with pytest.raises(AttributeError, match="no attribute 'agent'"):
        _ = env.agent
    assert isinstance(StarCraft2Env("3m", seed=0, heuristic_ai=True).heuristic_targets, list)


def test_is_a_multi_agent_env() -> None:
    assert issubclass(StarCraft2Env, MultiAgentEnv)
    for name, method in vars(MultiAgentEnv).items():
        if inspect.isfunction(method) and name != "get_env_info":
            arguments = [None] * (len(inspect.signature(method).parameters) - 1)
            with pytest.raises(NotImplementedError):
                method(MultiAgentEnv(), *arguments)


def test_import_lines_of_programs_for_smac() -> None:
    """With one word put before, or none where a module ``smac`` says who it is."""
    lines = [
        "from smac.env import MultiAgentEnv, StarCraft2Env",
        "from smac.env.multiagentenv import MultiAgentEnv as Same",
        "from smac.env.starcraft2.starcraft2 import Direction, StarCraft2Env as Class",
        "from smac.env.starcraft2.maps import get_map_params, smac_maps",
        "assert Class is StarCraft2Env and Same is MultiAgentEnv and issubclass(Class, Same)",
        "assert smac_maps.get_smac_map_registry() is smac_maps.map_param_registry",
        "assert get_map_params('3m') is smac_maps.map_param_registry['3m']",
    ]
    shim = "import sys, types, seed_matrace.smac; sys.modules['smac'] = seed_matrace.smac\n"
    for script in ("\n".join(lines).replace("from smac", "from seed_matrace.smac"), shim + "\n".join(lines)):
        subprocess.run([sys.executable, "-c", script], check=True)


def test_map_registry_is_smacs_and_is_not_changed_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = json.loads((Path(__file__).parents[1] / "cext" / "smac_maps.json").read_text())["maps"]
    registry = get_smac_map_registry()
    for name, fact in facts.items():
        params = get_map_params(name)
        assert list(params) == ["n_agents", "n_enemies", "limit", "a_race", "b_race", "unit_type_bits", "map_type"]
        assert (params["n_agents"], params["n_enemies"], params["limit"], params["map_type"]) == (
            fact["n_agents"], fact["n_enemies"], fact["episode_limit"], fact["map_type"]
        )  # fmt: skip
        assert registry[name] is params
    with pytest.raises(ValueError, match="did you mean 3m"):
        get_map_params("3mm")
    monkeypatch.setitem(registry["3m"], "limit", 2)
    env = StarCraft2Env("3m", seed=0)
    env.reset()
    assert env.get_env_info()["episode_limit"] == 2
    assert [env.step([1, 1, 1])[1] for _ in range(2)] == [False, True]
    monkeypatch.setitem(registry["3m"], "limit", "2")
    with pytest.raises(ValueError, match="limit of 3m is '2'"):
        StarCraft2Env("3m")
    monkeypatch.setitem(registry["3m"], "limit", 60)
    monkeypatch.setitem(registry["3m"], "n_enemies", 4)
    with pytest.raises(ValueError, match="n_enemies of 3m is 4, but the simulator's map has 3"):
        StarCraft2Env("3m")


def test_units_have_the_games_fields() -> None:
    env = StarCraft2Env("MMM", seed=0)
    assert (env.agents, env.enemies, env.marine_id, env.get_unit_types()) == ({}, {}, 0, None)
    env.reset()
    assert (env.previous_ally_units, env.previous_enemy_units) == (None, None)
    assert list(env.agents) == list(env.enemies) == list(range(10))
    marauder, medivac = env.agents[0], env.get_unit_by_id(9)
    assert (env.marauder_id, env.marine_id, env.medivac_id) == (1970, 1971, 1972)
    assert (marauder.unit_type, medivac.unit_type) == (env.marauder_id, env.medivac_id)
    assert (medivac.owner, medivac.energy_max, medivac.is_flying) == (1, 200, True)
    assert medivac.energy == pytest.approx(50, abs=0.05)
    assert (marauder.health, marauder.health_max, marauder.shield_max, marauder.radius) == (125, 125, 0, 0.5625)
    assert {unit.unit_type for unit in env.enemies.values()} == {51, 48, 54}
    assert len({unit.tag for side in (env.agents, env.enemies) for unit in side.values()}) == 20
    assert [env.get_unit_type_id(unit, False) for unit in env.enemies.values()].count(1) == 7
    with pytest.raises(AttributeError, match="units have no 'facing'; there is tag"):
        _ = marauder.facing
    with pytest.raises(AttributeError):
        marauder.health = 3
    assert copy.deepcopy(env.agents) == pickle.loads(pickle.dumps(env.agents)) == env.agents
    tags = {unit.tag for unit in env.agents.values()}
    env.reset()
    assert not tags & {unit.tag for unit in env.agents.values()}


def test_units_in_hand_are_kept_up_to_date_and_the_dead_stay() -> None:
    env, rng = StarCraft2Env("3m", seed=3), np.random.default_rng(1)
    env.reset()
    agents, enemies, ended = env.agents, env.enemies, False
    while not ended:
        before = dict(agents)
        _, ended, info = env.step(some_actions(env, rng))
        assert env.previous_ally_units == before
        assert sum(unit.health == 0 for unit in agents.values()) == info["dead_allies"]
        assert sum(unit.health == 0 for unit in enemies.values()) == info["dead_enemies"]
        for index, unit in agents.items():
            if unit.health == 0:
                assert unit == before[index]._replace(health=0)
    assert info["dead_allies"] and env.agents is agents


@pytest.mark.parametrize("name", ["3m", "MMM2", "3s5z_vs_3s6z", "bane_vs_bane", "corridor"])
def test_units_say_the_same_as_the_kernel(name: str) -> None:
    """A subclass that changes nothing but where it comes from: all is computed unit by unit."""

    class Same(StarCraft2Env):
        def unit_sight_range(self, agent_id: int) -> float:
            return super().unit_sight_range(agent_id)

    plain, same, rng = StarCraft2Env(name, seed=1, **SHOWN), Same(name, seed=1, **SHOWN), np.random.default_rng(0)
    plain.reset(), same.reset()
    for _ in range(30):
        np.testing.assert_array_equal(plain.get_obs(), same.get_obs())
        np.testing.assert_array_equal(plain.get_state(), same.get_state())
        assert plain.get_avail_actions() == same.get_avail_actions()
        actions = some_actions(plain, rng)
        result = plain.step(actions)
        assert same.step(actions) == result
        if result[1]:
            break


def test_overridden_parts_have_their_effect() -> None:
    class Shaped(StarCraft2Env):
        def get_obs_agent(self, agent_id: int) -> np.ndarray:
            return np.append(super().get_obs_agent(agent_id), np.float32(agent_id))

        def get_obs_size(self) -> int:
            return super().get_obs_size() + 1

        def get_avail_agent_actions(self, agent_id: int) -> list[int]:
            avail = super().get_avail_agent_actions(agent_id)
            return [*avail[:2], 0, 0, *avail[4:]]

        def reward_battle(self) -> float:
            return super().reward_battle() + 365 / 20

        def unit_sight_range(self, agent_id: int) -> float:
            return 1

    env = Shaped("3m", seed=0, obs_instead_of_state=True)
    obs, state = env.reset()
    assert [row[-1] for row in obs] == [0, 1, 2] and len(state) == env.get_state_size() == 3 * 31
    assert not obs[0][:2].any(), "what is not available is seen"
    assert not env.get_visibility_matrix()[:, 3:].any()
    with pytest.raises(AssertionError, match=r"Agent 1 cannot perform action 2; available: \[1, 4, 5\]"):
        env.step([1, 2, 1])
    assert env.step([1, 1, 1])[0] == pytest.approx(1)


def test_parts_may_be_replaced_on_one_object() -> None:
    env, other = StarCraft2Env("3m", seed=0), StarCraft2Env("3m", seed=0)
    env.reset(), other.reset()
    env.unit_sight_range = lambda agent_id: 0.5  # type: ignore[method-assign]
    assert not np.array_equal(env.get_obs(), other.get_obs())
    del env.unit_sight_range
    np.testing.assert_array_equal(env.get_obs(), other.get_obs())
    env.last_action = np.ones((3, 9))
    assert env.get_state()[-27:].all() and not other.get_state()[-27:].any()


def test_orders_that_nobody_could_carry_out_are_harmless() -> None:
    """A subclass may allow everything; what the game would refuse is not carried out."""

    class Anything(StarCraft2Env):
        def get_avail_agent_actions(self, agent_id: int) -> list[int]:
            return [0] + [1] * (self.n_actions - 1)

    for name in ("MMM2", "2c_vs_64zg"):
        env, rng = Anything(name, seed=0), np.random.default_rng(0)
        env.reset()
        ended = False
        while not ended:
            _, ended, _ = env.step(rng.integers(1, env.n_actions, env.n_agents).tolist())
        assert np.isfinite(env.get_state()).all()


def test_medivacs_do_not_heal_enemies() -> None:
    class Anything(StarCraft2Env):
        def get_avail_agent_actions(self, agent_id: int) -> list[int]:
            return [0] + [1] * (self.n_actions - 1)

    env, still = Anything("MMM2", seed=0), StarCraft2Env("MMM2", seed=0)
    env.reset(), still.reset()
    env.step([1] * 9 + [6 + 11]), still.step([1] * 10)
    assert env.agents == still.agents


def test_what_is_left_out_cannot_be_overridden_in_vain() -> None:
    with pytest.raises(TypeError, match="Mine defines get_agent_action_heuristic, which StarCraft2Env never calls"):
        type("Mine", (StarCraft2Env,), {"get_agent_action_heuristic": lambda self, agent, action: (None, 0)})


def test_what_is_fixed_says_so_and_the_rest_counts() -> None:
    env = StarCraft2Env("3m", seed=0)
    for name in FIXED:
        with pytest.raises(AttributeError, match=f"{name} is fixed when the environment is made"):
            setattr(env, name, "another")
        setattr(env, name, getattr(env, name))
    with pytest.raises(ValueError, match="read-only"):
        env.pathing_grid[0, 0] = True
    env.episode_limit, env.reward_scale, env.reward_sparse, env.reward_defeat = 3, False, False, -7
    env.reset()
    assert [env.step([1, 1, 1])[1] for _ in range(3)] == [False, False, True]
    env.episode_limit = 200
    env.reset()
    ended = False
    while not ended:
        reward, ended, info = env.step([1 if free[1] else 0 for free in env.get_avail_actions()])
    assert info["dead_allies"] == 3 and reward < 0 and (env.defeat_counted, env.win_counted) == (True, False)


def test_subclass_may_write_down_what_it_hands_on() -> None:
    class Mine(StarCraft2Env):
        def __init__(self, map_name: str, **options: Any) -> None:
            self.map_name = "not yet"
            super().__init__(map_name, **options)
            self.map_name = map_name
            self.n_agents = 3

    assert Mine("3m", seed=0).map_name == "3m"
    with pytest.raises(AttributeError, match="n_agents is fixed"):
        Mine("8m", seed=0)


def test_full_restart_begins_with_the_seeds_first_battle() -> None:
    env = StarCraft2Env("3m", seed=4)
    env.reset()
    first = env.get_obs()
    for _ in range(3):
        env.step([4, 4, 4])
    env.full_restart()
    assert env.force_restarts == 1
    with pytest.raises(RuntimeError, match="call reset"):
        env.step([4, 4, 4])
    np.testing.assert_array_equal(env.reset()[0], first)


def test_random_teams_are_worth_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "random.json"
    path.write_text(json.dumps(RANDOM))
    env, vector = StarCraft2Env(str(path), seed=2), SkirmishVectorEnv(str(path), 1, seed=2)
    out, rng = vector.reset(), np.random.default_rng(0)
    env.reset()
    kinds = set()
    for _ in range(150):
        kinds.add(tuple(env.get_unit_types() or ()))
        state = env.get_state_dict()
        np.testing.assert_array_equal(out.state[0], env.get_state())
        np.testing.assert_array_equal(state["allies"].ravel().astype(np.float32), out.state[0, : state["allies"].size])
        actions = some_actions(env, rng)
        out = vector.step(np.array([actions], np.int32))
        reward, ended, _ = env.step(actions)
        assert np.float32(reward) == pytest.approx(out.reward[0], rel=1e-5)
        assert ended == bool(out.terminated[0] or out.truncated[0])
        if ended:
            env.reset()
    assert len(kinds) > 1


def test_picture() -> None:
    env = StarCraft2Env("3m", seed=0)
    env.reset()
    picture: Any = env.render(mode="rgb_array")
    assert picture.ndim == 3 and picture.dtype == np.uint8


def test_class_is_loaded_when_it_is_asked_for() -> None:
    script = "import sys, seed_matrace; assert 'numpy' not in sys.modules; assert seed_matrace.StarCraft2Env"
    subprocess.run([sys.executable, "-c", script], check=True)
    with pytest.raises(AttributeError, match="no attribute 'StarCraft3Env'"):
        _ = seed_matrace.StarCraft3Env
