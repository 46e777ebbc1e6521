"""What environments of others do that they should not: they play all the same, or one sentence says what it is."""

import dataclasses
import logging
import os
from pathlib import Path

import numpy as np
import odd
import pytest
from gymnasium import spaces
from odd import Odd, part, raises

from seed_matrace.config import EnvConfig
from seed_matrace.envs import pettingzoo_border
from seed_matrace.envs.registry import env_spec, make_vector_env, noted_spec, spec_of_run

STEPS = 11


def config(name="odd.Odd", limit=0, won_info="", **changes):
    return EnvConfig(name, "pettingzoo", arguments=changes, episode_limit=limit, team_reward="sum", won_info=won_info)


def play(played, *, with_final=True):
    """Outputs of a reset and some steps of random available actions."""
    env = make_vector_env(played, 2, seed=0, with_final=with_final)
    rng = np.random.default_rng(0)
    outputs = [env.reset()]
    for _ in range(STEPS):
        mask = outputs[-1].avail_actions
        outputs.append(env.step(np.argmax(rng.random(mask.shape) * mask, axis=-1).astype(np.int32)))
    env.close()
    return outputs


def ends(outputs):
    """(length, return, terminated) of the episodes of the first environment."""
    return [
        (int(out.episode.length[0]), float(out.episode.episode_return[0]), bool(out.terminated[0]))
        for out in outputs
        if out.terminated[0] or out.truncated[0]
    ]


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


PLAIN = [(4, 8.0, False), (4, 8.0, False)]
BOX = spaces.Box(-1, 1, (3,), np.float32)


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


@pytest.mark.parametrize(
    "error",
    [
        KeyError("x"),
        TypeError("x"),
        AttributeError("x"),
        RecursionError("x"),
        AssertionError("x"),
        SystemExit("x"),
        GeneratorExit("x"),
        ValueError("not enough values to unpack\nreally"),
    ],
)
@pytest.mark.parametrize("method", ["reset", "step", "observation_space", "action_space", "state"])
def test_what_is_raised_is_one_sentence_with_its_own_words(method, error):
    change = raises(error) if method != "reset" else lambda env, seed: raises(error)(env)
    with pytest.raises(ValueError, match=rf"environment odd\.Odd: {method}.* raised {type(error).__name__}") as caught:
        play(config(**{method: change}))
    assert "\n" not in str(caught.value) and "(odd.py, line " in str(caught.value)


def test_ctrl_c_in_an_environment_is_ctrl_c():
    with pytest.raises(KeyboardInterrupt):
        play(config(step=raises(KeyboardInterrupt())))


class Wanderer(Odd):
    """Changes the working folder when it is made, and looks there for its files; moves on as it ends."""

    def __init__(self, folder):
        super().__init__()
        os.chdir(folder)

    def step(self, actions):
        answer = super().step(actions)
        self.max_cycles = int(Path("rules.txt").read_text())
        if not self.agents:
            os.chdir("further")
            os.chdir("..")
        if self.time == 3 and Path("broken").exists():
            os.chdir("further")
            raise OSError("broken")
        return answer


odd.Wanderer = Wanderer


def test_an_environment_that_changes_the_working_folder_does_so_for_itself_alone(tmp_path, monkeypatch):
    home, away = tmp_path / "home", tmp_path / "away"
    for folder in (home, away, away / "further"):
        folder.mkdir()
    monkeypatch.chdir(home)
    (away / "rules.txt").write_text("4")
    wandering = EnvConfig("odd.Wanderer", "pettingzoo", arguments={"folder": str(away)}, team_reward="sum")
    assert ends(play(wandering)) == PLAIN
    assert Path.cwd() == home
    (away / "broken").touch()
    with pytest.raises(ValueError, match="step raised OSError: broken"):
        play(wandering)
    assert Path.cwd() == home


class Twisted(Odd):
    """What properties can do."""

    def __init__(self, what):
        self.what = what
        super().__init__()

    @property
    def max_cycles(self):
        return self.fail("max_cycles", 4)

    @property
    def agents(self):
        return self.fail("agents", self.there)

    @agents.setter
    def agents(self, value):
        self.there = value

    @property
    def possible_agents(self):
        return self.fail("possible_agents", list(odd.AGENTS))

    @possible_agents.setter
    def possible_agents(self, value):
        pass

    def fail(self, name, value):
        if name == self.what:
            raise ZeroDivisionError("oh")
        return value


odd.Twisted = Twisted


@pytest.mark.parametrize("what", ["max_cycles", "agents", "possible_agents"])
def test_properties_that_raise_are_one_sentence(what):
    with pytest.raises(ValueError, match=rf"environment odd\.Twisted: ({what}|reset) raised ZeroDivisionError: oh"):
        play(EnvConfig("odd.Twisted", "pettingzoo", arguments={"what": what}))
    if what != "max_cycles":
        assert ends(play(EnvConfig("odd.Twisted", "pettingzoo", arguments={"what": ""})))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reset": lambda env, seed: Odd.reset(env)[0]}, "reset gave observations alone"),
        ({"reset": lambda env, seed: None}, "reset gave None"),
        ({"reset": lambda env: Odd.reset(env)}, r"reset cannot be called as reset\(seed=...\)"),
        ({"reset": lambda env, seed: (None, {})}, "observations of reset is None"),
        ({"reset": lambda env, seed: ({}, {})}, "agents|raised AttributeError"),
        ({"reset": lambda env, seed: (Odd.reset(env)[0], [])}, r"infos of reset is \[\]"),
        ({"reset": lambda env, seed: (Odd.reset(env)[0], {"a": 3})}, r"infos\['a'\] is 3"),
        ({"reset": lambda env, seed: ({"a": Odd.reset(env)[0]["a"]}, {})}, "observations has nothing of 'b'"),
        ({"reset": lambda env, seed: (Odd.reset(env) and env.told(np.zeros(2)), {})}, r"observations\['a'\] has the s"),
        ({"reset": lambda env, seed: (Odd.reset(env) and env.told(None), {})}, r"observations\['a'\] is None; numbers"),
        (
            {"reset": lambda env, seed: (Odd.reset(env) and env.told(np.array(["x"] * 3, object)), {})},
            r"observations\['a'\] is .*dtype object",
        ),
        ({"step": lambda env, actions: Odd.step(env, actions)[:4]}, "step gave 4 values; .observations, rewards, term"),
        ({"step": lambda env, actions: None}, "step gave None"),
        ({"step": part(0, lambda _: [])}, r"observations of step is \[\]; a dictionary"),
        ({"step": part(0, lambda given: {**given, "c": 1})}, "observations of step has 'c', who is not in possible"),
        ({"step": part(1, lambda _: {"a": None})}, r"rewards\['a'\] is None; numbers expected"),
        ({"step": part(1, lambda _: {"a": "1"})}, r"rewards\['a'\] is '1'"),
        ({"step": part(1, lambda _: {"a": [1, 2]})}, r"rewards\['a'\] is \[1, 2\]; one number"),
        ({"step": part(1, lambda _: 3.0)}, "rewards of step is 3.0"),
        ({"step": part(2, lambda _: {"__all__": True})}, "terminations of step has '__all__'"),
        ({"step": part(2, lambda _: {"a": True})}, "terminations says nothing of 'b', who acted"),
        ({"step": part(3, lambda given: {**given, "b": None})}, r"truncations\['b'\] is None; True or False"),
        ({"step": part(3, lambda given: {**given, "b": "no"})}, r"truncations\['b'\] is 'no'; True or False"),
        ({"step": part(3, lambda given: {**given, "b": 0.5})}, r"truncations\['b'\] is 0.5"),
        ({"step": part(4, lambda _: {"a": {"action_mask": [1]}})}, r"infos\['a'\]\['action_mask'\] is \[1\]; 2 times"),
        ({"step": part(4, lambda _: {"a": {"action_mask": [0, -np.inf]}})}, r"infos\['a'\]\['action_mask'\] is"),
        ({"step": part(4, lambda _: {"z": {}})}, "infos of step has 'z'"),
        ({"state": lambda env: np.zeros(3 + (env.time > 1))}, r"state\(\) is 4 numbers; 3 expected .env.obs_instead"),
        ({"state": lambda env: None}, r"state\(\) is None; numbers .env.obs_instead_of_state"),
        ({"state": lambda env: {"a": 1}}, r"state\(\) is {'a': 1}"),
        ({"state": lambda env: np.zeros(0)}, r"state\(\) is 0 numbers"),
        ({"possible_agents": []}, "possible_agents is empty"),
        ({"possible_agents": "ab"}, "possible_agents is 'ab'; a list"),
        ({"possible_agents": None}, "possible_agents is None; a list"),
        ({"possible_agents": ["a", "b", "a"]}, "possible_agents has 'a' twice"),
        ({"possible_agents": [["a"], ["b"]]}, r"possible_agents has \['a'\]"),
        ({"possible_agents": ["a"]}, "observations of reset has 'b', who is not in possible_agents"),
        ({"max_cycles": None}, "max_cycles is None.: set env.episode_limit"),
        ({"max_cycles": 2.5}, "max_cycles is 2.5.: set env.episode_limit"),
        ({"max_cycles": float("inf")}, "max_cycles is inf.: set env.episode_limit"),
        ({"max_cycles": True}, "max_cycles is True.: set env.episode_limit"),
        ({"max_cycles": 10**400}, "max_cycles is 1000"),
        ({"action_space": lambda env, agent: spaces.MultiDiscrete([2, 2])}, r"action_space\('a'\) is .*only discrete"),
        ({"action_space": lambda env, agent: None}, r"action_space\('a'\) is None; only discrete"),
        ({"observation_space": lambda env, agent: "box"}, r"observation_space\('a'\) is 'box'; a space of gymnasium"),
        ({"observation_space": lambda env, agent: spaces.Text(5)}, r"observations\['a'\] is .*of its space Text"),
        ({"observation_space": lambda env, agent: spaces.Space((3,))}, r"observation_space\('a'\) is .*fixed size"),
        ({"observation_space": lambda env, agent: spaces.Sequence(BOX)}, r"observation_space\('a'\) is .*fixed size"),
        ({"observation_space": {"a": BOX}}, r"observation_space\('b'\) is None"),
        ({"observation_space": lambda env, agent: spaces.Box(0, 1, (0,))}, "observe nothing"),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_one_sentence(changes, said):
    with pytest.raises(ValueError, match=rf"odd\.Odd.*({said})") as caught:
        play(config(**changes))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
    assert "unpack" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("subprocess.Popen", "it is Python's own"),
        ("os.system", "it is Python's own"),
        ("builtins.eval", "it is Python's own"),
        ("antigravity", "it is Python's own"),
        ("odd.sys.exit", "not written in Python"),
        ("odd.functools.partial", "no pettingzoo.ParallelEnv"),
        ("odd.functools.wraps", "Python's own module functools"),
        ("odd.Unrelated", "a class that is no pettingzoo.ParallelEnv"),
        ("odd.Odd.__init__", "it is Python's own"),
        ("numpy.save", "which has nothing to do with PettingZoo|not written in Python"),
        ("pip.main", "which has nothing to do with PettingZoo"),
        ("pip.__main__", "it is Python's own"),
        ("seed_matrace.cli.dispatch.main", "which has nothing to do with PettingZoo"),
        ("odd. Odd", "is no name"),
        ("..odd", "is no name"),
    ],
)
def test_only_makers_of_environments_are_called(name, said):
    with pytest.raises(ValueError, match=rf"{name}.*({said})"):
        env_spec(EnvConfig(name, "pettingzoo", episode_limit=3))


@pytest.mark.parametrize("name", ["odd.Odd", "odd.make_slowly", "odd.make_with_a_step", "seed_matrace.envs.pettingzoo"])
def test_functions_classes_and_partial_functions_make_environments(name):
    assert env_spec(EnvConfig(name, "pettingzoo")).n_agents >= 2


def test_nothing_is_called_for_sizes_that_a_run_has_noted():
    spec = env_spec(config())
    gone = EnvConfig("nowhere.at_all", "pettingzoo", frame_stack=2)
    assert spec_of_run(gone, noted_spec(config())) == dataclasses.replace(spec, obs_dim=2 * spec.obs_dim)
    assert noted_spec(EnvConfig()) is None and spec_of_run(EnvConfig(), {"n_agents": 9}) == env_spec(EnvConfig())
    for bad in ({}, [], {**noted_spec(config()), "n_agents": True}, {**noted_spec(config()), "more": 1}):
        with pytest.raises(ValueError, match="the sizes that the run noted"):
            spec_of_run(gone, bad)
    with pytest.raises(ValueError, match="no module 'nowhere'"):
        spec_of_run(gone, None)


def test_a_module_that_cannot_be_imported_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    for name, text, said in (
        ("broken_one", "def x(:", "SyntaxError"),
        ("broken_two", "raise SystemExit('bye')", "SystemExit: bye"),
        ("broken_three", "1 / 0", "ZeroDivisionError: division by zero"),
        ("broken_four", "import nothing_of_that_name", "needs the package nothing_of_that_name"),
    ):
        (tmp_path / f"{name}.py").write_text(text)
        with pytest.raises(ValueError, match=rf"{name}.*{said}"):
            env_spec(EnvConfig(name, "pettingzoo"))


def test_one_environment_for_all_is_an_error():
    with pytest.raises(ValueError, match="the same environment again and again"):
        make_vector_env(EnvConfig("odd.make_one_and_the_same", "pettingzoo"), 2, seed=0)
