"""What environments of others do that they cannot: one sentence says what it is."""

import os
from pathlib import Path

import numpy as np
import odd
import pytest
from gymnasium import spaces
from odd import BOX, PLAIN, Odd, config, ends, part, play, raises

from seed_matrace.sections.env import EnvConfig


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
