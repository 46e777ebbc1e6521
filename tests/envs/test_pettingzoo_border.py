"""What environments of others do that they should not, and that plays all the same."""

import logging

import numpy as np
import pytest
from gymnasium import spaces
from odd import BOX, PLAIN, Odd, config, ends, part, play, raises

from seed_matrace.envs import pettingzoo_border


def living(parts):
    """Nothing of those that have just ended, but for rewards and ends."""
    return lambda env, actions: tuple(
        {agent: value for agent, value in part.items() if agent in env.agents} if index in parts else part
        for index, part in enumerate(Odd.step(env, actions))
    )


def vanishes(env, actions):
    observations, rewards, ended, _, infos = Odd.step(env, actions)
    return observations, rewards, ended, ended, infos


def leaves(env, actions):
    """Agent a leaves after the first step, and is paid 5 at every step after that."""
    acting = env.agents
    observations, rewards, terminated, truncated, infos = Odd.step(env, actions)
    if env.time == 1:
        env.agents, terminated = ["b"], {"a": True, "b": False}
    if "a" not in acting:
        rewards |= {"a": 5}
    return observations, rewards, terminated, truncated, infos


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, PLAIN),
        ({"step": living((0, 4))}, PLAIN),
        ({"step": vanishes}, [(4, 8.0, True)] * 2),
        ({"step": leaves}, [(4, 2 + 3 * 6.0, False)] * 2),
        ({"max_cycles": np.int64(4)}, PLAIN),
        ({"max_cycles": np.float32(3)}, [(3, 6.0, False)] * 3),
        ({"reset": lambda env, seed: (Odd.reset(env)[0], None)}, PLAIN),
        ({"step": part(4, lambda infos: None)}, PLAIN),
        ({"step": part(4, lambda infos: dict.fromkeys("ab"))}, PLAIN),
        ({"step": part(4, lambda infos: {**infos, "__common__": 3})}, PLAIN),
        ({"step": part(1, lambda rewards: {"b": np.array([4])})}, [(4, 16.0, False)] * 2),
        ({"step": part(1, lambda rewards: {"b": np.True_})}, [(4, 4.0, False)] * 2),
        ({"step": part(2, lambda ended: {"a": 0, "b": np.bool_(False)})}, PLAIN),
        ({"step": part(3, lambda ended: {agent: np.array([end]) for agent, end in ended.items()})}, PLAIN),
        ({"step": lambda env, actions: list(Odd.step(env, actions))}, PLAIN),
        ({"close": None}, PLAIN),
        ({"close": raises(SystemExit(3))}, PLAIN),
        ({"observation_space": None, "observation_spaces": {"a": BOX, "b": BOX}}, PLAIN),
        ({"action_space": {"a": spaces.Discrete(2), "b": spaces.Discrete(3)}}, PLAIN),
        ({"state": lambda env: np.zeros((2, 2), np.uint8)}, PLAIN),
        ({"state": raises(NotImplementedError())}, PLAIN),
        ({"state": lambda env: [].state}, PLAIN),
    ],
)
def test_what_can_be_understood_is_played(changes, expected):
    played = config(**{name: change for name, change in changes.items() if change is not None})
    assert ends(play(played)) == expected


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e39])
def test_rewards_that_are_no_use_are_left_to_training_itself(value, monkeypatch):
    said = []
    monkeypatch.setattr(pettingzoo_border.logging, "log_first_n", lambda *args: said.append(args[1] % args[3:]))
    rewards = [out.reward[0] for out in play(config(step=part(1, lambda rewards: {"a": 1e30, "b": value})))]
    assert not np.isfinite(rewards[1])
    assert said[0] == f"environment odd.Odd: rewards['b'] is {value:.6g}, at which training stops"


SOUND = np.array([0.0, -1e38, 3e38])  # whose squares float32 does not hold


@pytest.mark.parametrize("value", [np.nan, -np.inf, 1e39, np.float32("inf"), np.float16("nan"), np.longdouble(1e300)])
@pytest.mark.parametrize("field", ["observations", "state"])
def test_what_is_seen_must_be_finite_in_float32(field, value):
    space = spaces.Dict({"far": spaces.Tuple((BOX, BOX))})

    def shown(env, wrong):
        return {"far": (SOUND, np.append(SOUND[:2], value) if wrong and env.time == 2 else SOUND)}

    def step(env, actions):
        _, *rest = Odd.step(env, actions)
        return {agent: shown(env, agent == "b" and field == "observations") for agent in "ab"}, *rest

    played = config(
        observation_space=lambda env, agent: space,
        reset=lambda env, seed: (Odd.reset(env) and env.told(shown(env, False)), {}),
        step=step,
        state=lambda env: shown(env, field == "state")["far"][1],
    )
    where = r"observations\['b'\]\['far'\]\[1\]" if field == "observations" else r"state\(\)"
    with pytest.raises(ValueError, match=rf"^environment odd\.Odd: {where}, number 2 of 3, is (nan|-?inf|1e\+)"):
        play(played)
    value = 0.0
    play(played)


@pytest.mark.parametrize(
    ("space", "value", "numbers"),
    [
        (spaces.Box(-1, 1, (), np.float32), 0.5, [0.5]),
        (spaces.Box(0, 255, (2, 2), np.uint8), np.array([[1, 2], [3, 255]], np.uint8), [1, 2, 3, 255]),
        (spaces.MultiBinary(3), [1, 0, 1], [1, 0, 1]),
        (spaces.Discrete(3, start=-1), np.int64(1), [0, 0, 1]),
        (spaces.MultiDiscrete([2, 3]), np.array([1, 0]), [0, 1, 1, 0, 0]),
        (spaces.Tuple((spaces.Discrete(2), BOX)), (1, [0.25, 0, 0]), [0, 1, 0.25, 0, 0]),
        (spaces.Dict({"b": spaces.Discrete(2), "a": BOX}), {"a": [0.25, 0, 0], "b": 0}, [0.25, 0, 0, 1, 0]),
    ],
)
def test_observations_are_flattened_as_gymnasium_does(space, value, numbers):
    played = config(
        observation_space=lambda env, agent: space,
        reset=lambda env, seed: (Odd.reset(env) and env.told(value), {}),
        step=part(0, lambda observations: dict.fromkeys(observations, value)),
    )
    outputs = play(played)
    np.testing.assert_array_equal(outputs[0].obs[0, 1], np.array(numbers, np.float32))
    np.testing.assert_array_equal(np.asarray(spaces.flatten(space, value), np.float32), outputs[0].obs[0, 0])


def test_a_mask_counts_whether_or_not_the_space_tells_of_it():
    seen = {"obs": np.zeros(3), "action_mask": np.array([False, True])}
    played = config(
        observation_space=lambda env, agent: spaces.Dict({"obs": BOX}),
        reset=lambda env, seed: (Odd.reset(env) and env.told(seen), {}),
        step=part(0, lambda observations: dict.fromkeys(observations, seen)),
    )
    assert all(out.avail_actions[0].tolist() == [[0, 1], [0, 1]] for out in play(played))


def test_an_agent_that_may_do_nothing_does_the_first_thing_and_the_others_are_asked():
    told = []
    played = config(
        reset=lambda env, seed: (Odd.reset(env)[0], {"a": {"action_mask": [0, 0]}}),
        step=lambda env, actions: told.append(actions) or Odd.step(env, actions),
    )
    assert play(played)[0].avail_actions[0].tolist() == [[1, 0], [1, 1]]
    assert told[0]["a"] == 0


def test_those_of_whom_nothing_more_is_shown_have_seen_last_what_they_saw():
    last = [out for out in play(config(step=living((0, 4)))) if out.truncated[0]]
    assert (last[0].final_obs[0] == 0.75).all() and (last[0].final_state[0] == 0.75).all()


def test_an_agent_that_joins_as_the_others_end_goes_on():
    def step(env, actions):
        acting = env.agents
        observations, rewards, *_ = Odd.step(env, actions)
        env.agents = ["b"] if acting == ["a"] else []
        return observations | {"b": np.zeros(3)}, rewards, dict.fromkeys(acting, True), dict.fromkeys(acting, False), {}

    def reset(env, seed):
        env.time, env.agents = 0, ["a"]
        return {"a": np.zeros(3)}, {}

    assert ends(play(config(step=step, reset=reset)))[0] == (2, 2.0, True)


def test_a_winner_that_no_info_tells_of_is_said_once(caplog):
    caplog.set_level(logging.WARNING)
    play(config(won_info="wno"))
    assert caplog.text.count("no info at the end of an episode has env.won_info = 'wno'") == 1
