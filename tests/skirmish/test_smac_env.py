"""SMAC's interface: sizes, types, order of calls, counts, errors."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seed_matrace import make_env, make_vector_env
from seed_matrace.cli import main
from seed_matrace.replay import STEPS, in_steps, read_replay
from seed_matrace.skirmish.maps import map_names
from seed_matrace.skirmish.smac_env import StarCraft2Env
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
from seed_matrace.smac_options import SmacOptions

PUBLISHED = json.loads((Path(__file__).parents[1] / "cext" / "smac_maps.json").read_text())["maps"]
MAPS = [name for name in map_names() if name in PUBLISHED]


def some_actions(env: StarCraft2Env, rng: np.random.Generator) -> list[int]:
    return [int(rng.choice(np.flatnonzero(row))) for row in env.get_avail_actions()]


def play_episode(env: StarCraft2Env, rng: np.random.Generator) -> tuple[int, float, dict[str, Any]]:
    """Length, return and last info of a random episode."""
    env.reset()
    steps, total, ended, info = 0, 0.0, False, {}
    while not ended:
        reward, ended, info = env.step(some_actions(env, rng))
        steps, total = steps + 1, total + reward
    return steps, total, info


@pytest.mark.parametrize("name", MAPS)
def test_env_info_is_the_published_one(name: str) -> None:
    facts = PUBLISHED[name]
    env = make_env(name, seed=0)
    info = env.get_env_info()
    assert {key: info[key] for key in ("n_agents", "n_actions", "obs_shape", "state_shape", "episode_limit")} == {
        key: facts[key] for key in ("n_agents", "n_actions", "obs_shape", "state_shape", "episode_limit")
    }
    assert len(info["agent_features"]) == 4 + env.shield_bits_ally + env.unit_type_bits
    assert (env.n_enemies, env.map_type, env.unit_type_bits) == (
        facts["n_enemies"], facts["map_type"], facts["unit_type_bits"]
    )  # fmt: skip
    assert env.max_reward == 10 * env.n_enemies + 200
    env.reset()
    assert env.max_reward == facts["max_reward_stock_units"]


@pytest.mark.parametrize("name", MAPS)
def test_types_and_shapes_are_smacs(name: str) -> None:
    env, rng = make_env(name, seed=0), np.random.default_rng(0)
    obs, state = env.reset()
    for _ in range(5):
        assert isinstance(obs, list) and len(obs) == env.n_agents
        for agent, row in enumerate(obs):
            assert (row.shape, row.dtype) == ((env.get_obs_size(),), np.float32)
            np.testing.assert_array_equal(row, env.get_obs_agent(agent))
        assert (state.shape, state.dtype) == ((env.get_state_size(),), np.float32)
        avail = env.get_avail_actions()
        assert all(type(value) is int for row in avail for value in row)
        assert avail == [env.get_avail_agent_actions(agent) for agent in range(env.n_agents)]
        reward, ended, info = env.step(some_actions(env, rng))
        assert (type(reward), type(ended), type(info)) == (float, bool, dict)
        assert set(info) == {"battle_won", "dead_allies", "dead_enemies"}
        obs, state = env.get_obs(), env.get_state()
        if ended:
            break


@pytest.mark.parametrize("options", [{}, {"obs_last_action": True, "reward_only_positive": False}], ids=["", "options"])
@pytest.mark.parametrize("name", MAPS)
def test_plays_what_the_vector_environment_plays(name: str, options: dict[str, Any]) -> None:
    vector = SkirmishVectorEnv(name, 1, seed=5, options=SmacOptions(**options))
    env = make_env(name, seed=5, **options)
    out = vector.reset()
    env.reset()
    for _ in range(70):
        np.testing.assert_array_equal(out.obs[0], env.get_obs())
        np.testing.assert_array_equal(out.state[0], env.get_state())
        np.testing.assert_array_equal(out.avail_actions[0], env.get_avail_actions())
        actions = vector.sample_actions()
        out = vector.step(actions)
        reward, ended, info = env.step(actions[0])
        assert out.reward[0] == np.float32(reward)
        assert ended == (out.terminated[0] or out.truncated[0])
        if ended:
            assert info["battle_won"] == out.episode.battle_won[0]
            assert info["dead_allies"] == out.episode.dead_allies[0]
            assert info["dead_enemies"] == out.episode.dead_enemies[0]
            env.reset()


def test_last_step_is_still_shown_and_no_other_can_follow() -> None:
    env = make_env("3m", seed=0)
    _, _, info = play_episode(env, np.random.default_rng(0))
    assert sum(not row.any() for row in env.get_obs()) == info["dead_allies"]
    with pytest.raises(RuntimeError, match="call reset"):
        env.step([1, 1, 1])
    env.reset()
    assert all(row.any() for row in env.get_obs())


def test_timestep_option_has_smacs_sizes() -> None:
    """The declared width is one too small, and the numbers are float64."""
    env = make_env("3m", seed=0, obs_timestep_number=True, obs_instead_of_state=True)
    assert (env.get_obs_size(), env.get_state_size()) == (31, 93)
    obs, state = env.reset()
    assert (obs[0].shape, obs[0].dtype) == ((32,), np.float64)
    assert (state.shape, state.dtype) == ((96,), np.float32)
    env.step([1, 1, 1])
    assert env.get_obs_agent(0)[-2:].tolist() == [0.0, 1 / 60]


@pytest.mark.parametrize("name", MAPS)
def test_all_options_have_the_published_sizes(name: str) -> None:
    shown = ["obs_last_action", "obs_pathing_grid", "obs_terrain_height", "state_timestep_number"]
    env = make_env(name, seed=0, **dict.fromkeys(shown, True))
    obs, state = env.reset()
    assert env.get_obs_size() == len(obs[0])
    assert env.get_state_size() == len(state)
    assert env.get_obs_size() == PUBLISHED[name]["obs_shape"] + 17 + (env.n_agents - 1) * env.n_actions
    rows = [env.get_obs_enemy_feats_size(), env.get_obs_ally_feats_size()]
    ends = env.get_obs_move_feats_size() + env.get_obs_own_feats_size()
    assert env.get_obs_size() == ends + sum(count * width for count, width in rows)


def test_giving_up_the_first_episode_grows_the_maximum() -> None:
    """SMAC quirk: until an episode has ended, every reset adds the enemies' health again."""
    env = make_env("3m", seed=0)
    for maximum in (365, 500):
        env.reset()
        assert env.max_reward == maximum
    play_episode(env, np.random.default_rng(0))  # its reset is the third
    env.reset()
    assert env.max_reward == 635


def test_statistics_and_time_limit() -> None:
    env, rng = make_env("3m", seed=3, continuing_episode=True), np.random.default_rng(3)
    assert env.get_stats()["win_rate"] == 0
    timeouts = 0
    for _ in range(40):
        steps, _, info = play_episode(env, rng)
        assert info.get("episode_limit", False) == (steps == 60 and info["dead_allies"] < 3)
        timeouts += "episode_limit" in info
    assert env.get_stats() == {
        "battles_won": 0, "battles_game": 40, "battles_draw": timeouts, "win_rate": 0.0, "timeouts": timeouts,
        "restarts": 0,
    }  # fmt: skip


def test_scripted_team_says_what_it_did() -> None:
    env = make_env("3m", seed=0, heuristic_ai=True)
    env.reset()
    for given in ([1, 1, 1], np.array([1, 1, 1])):
        env.step(given)
        assert all(action >= 6 for action in given)
        np.testing.assert_array_equal(env.last_action.argmax(axis=1), [1, 1, 1])
    env.step((1, 1, 1))


def test_visibility_is_mutual_and_ends_at_nine() -> None:
    env = make_env("3m", seed=0)
    env.reset()
    seen = env.get_visibility_matrix()
    assert seen.shape == (3, 6) and seen.dtype == bool
    np.testing.assert_array_equal(seen, [[0, 1, 1, 0, 0, 0], [1, 0, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0]])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("3m", {}),
        ("MMM", {"step_mul": 5, "obs_last_action": True}),
        ("2s3z", {"heuristic_ai": True, "reward_sparse": True}),
        ("2c_vs_64zg", {"shuffle_enemies": False}),
    ],
)
def test_replay_holds_every_unit_of_every_step(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    """Of the second episode, whose enemies may have other numbers; what comes after it stays what it would be."""
    env, twin = (
        make_env(name, seed=0, replay_dir=str(tmp_path / "here"), replay_prefix="try", **options) for _ in "12"
    )
    for played in (env, twin):
        play_episode(played, np.random.default_rng(1))
    rng, twins_rng = np.random.default_rng(2), np.random.default_rng(2)
    env.reset()
    units, avail_actions, actions, rewards, ended = [env._units], [], [], [], False
    while not ended:
        avail_actions.append(env.get_avail_actions())
        actions.append(some_actions(env, rng))
        reward, ended, info = env.step(actions[-1])
        units.append(env._units)
        rewards.append(reward)
        if len(rewards) == 3:
            assert len(read_replay(env.save_replay()).rewards) == 3
    first, second = env.save_replay(), env.save_replay()
    assert first.name.startswith("try_") and first.suffix == ".npz" and first != second
    replay = read_replay(first)
    about = replay.about
    assert (about["map"], about["seed"], about["battle_won"]) == (name, 0, info["battle_won"])
    assert about["units"] == [kind.name for kind in env._kinds]
    np.testing.assert_array_equal(replay.units[:: about["frames_per_step"]], in_steps(np.stack(units), STEPS[:, None]))
    np.testing.assert_array_equal(replay.avail_actions, avail_actions)
    np.testing.assert_array_equal(replay.actions, actions)  # a scripted team has put its own there
    np.testing.assert_allclose(replay.rewards, rewards, rtol=1e-6)
    assert len(replay.events) and replay.probabilities.shape[2] == 0
    play_episode(twin, twins_rng)
    assert play_episode(env, rng) == play_episode(twin, twins_rng)


def test_saved_replay_can_be_watched(tmp_path: Path) -> None:
    env = make_env("3m", seed=0, replay_dir=str(tmp_path))
    play_episode(env, np.random.default_rng(0))
    assert main(["watch", str(env.save_replay()), f"--output={tmp_path / 'battle.html'}"]) == 0
    assert (tmp_path / "battle.html").stat().st_size > 10_000


def test_replay_of_nothing_is_refused() -> None:
    env = make_env("3m", seed=0)
    env.reset()
    with pytest.raises(RuntimeError, match=r"save_replay\(\) before the first step"):
        env.save_replay()


def test_seeds() -> None:
    assert make_env("3m", seed=7).seed() == 7
    assert make_env("3m").seed() != make_env("3m").seed()
    env, fresh = make_env("3m", seed=1), make_env("3m", seed=2)
    env.reset()
    env.step([4, 4, 4])
    assert env.seed(2) == 2
    with pytest.raises(RuntimeError, match="call reset"):
        env.step([4, 4, 4])
    runs = [play_episode(each, np.random.default_rng(0)) for each in (env, fresh)]
    assert runs[0][::2] == runs[1][::2]


def test_unavailable_action_names_agent_action_and_choices() -> None:
    env = make_env("3m", seed=0)
    env.reset()
    before = env.get_state()
    for action in (0, 6, 9, -1):
        with pytest.raises(AssertionError, match=rf"Agent 2 cannot perform action {action}; .*\[1, 2, 3, 4, 5\]"):
            env.step([4, 4, action])
    np.testing.assert_array_equal(env.get_state(), before)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="did you mean 3m"):
        make_env("3mm")
    with pytest.raises(TypeError, match="near: obs_last_action"):
        make_env("3m", obs_last_acton=True)
    with pytest.raises(ValueError, match="seed is -1"):
        make_env("3m", seed=-1)
    for seed in (1.5, 3.0, "3", True, 1 << 70):
        for seeded in (make_env("3m").seed, partial(make_env, "3m"), partial(make_vector_env, "3m", 1)):
            with pytest.raises(ValueError, match=r"seed is .*; a whole number"):
                seeded(seed=seed)
    env = make_env("3m")
    env.reset()
    with pytest.raises(ValueError, match="2 actions given; one for each of 3 agents"):
        env.step([1, 1])
    for actions in ([[1, 1, 1]], 1, [1, None, 1], [np.nan, 1, 1], [1, np.inf, 1], [1.5, 1, 1], ["1", 1, 1], "111"):
        with pytest.raises(ValueError, match="one whole number for each of 3 agents expected"):
            env.step(actions)


def test_calls_out_of_order() -> None:
    env = make_env("3m", seed=0)
    with pytest.raises(RuntimeError, match="call reset"):
        env.step([1, 1, 1])
    for look in (env.get_obs, env.get_state, env.get_avail_actions, env.save_replay):
        with pytest.raises(RuntimeError, match="before the first reset"):
            look()
    with pytest.raises(NotImplementedError, match="save_replay"):
        env.render()
    env.reset()
    env.close()
    env.close()
    for call in (env.get_obs, env.reset, lambda: env.step([1, 1, 1])):
        with pytest.raises(RuntimeError, match="closed"):
            call()
