"""A hook that changes the map between unrolls, and rewards of one's own in front of them."""

import json
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from ends import free_port
from notes import Notes
from processes import TINY, metrics, untimed_metrics

from seed_matrace.actor.actor import run_actor
from seed_matrace.config import load_config
from seed_matrace.envs import backends
from seed_matrace.inference.groups import plan_groups
from seed_matrace.learner.run_info import write_run_info
from seed_matrace.training import Callback
from seed_matrace.training.run import TrainingRun
from seed_matrace.training.sources import ActorSource, LockstepSource
from seed_matrace.transport.address import parse_address

BATTLES = ("env.backend='skirmish'", "env.map_name='3m'")
EVERY = ("run.report_fraction=0.1", "run.checkpoint_fraction=0.2", "evaluation.every_fraction=0.5")
TOTAL = 300  # env steps: 15 batches of 20


class Killed(BaseException):
    pass


class KillsAt(Callback):
    def __init__(self, env_steps):
        self.env_steps = env_steps

    def on_report(self, run, report):
        if report["env_steps"] == self.env_steps:
            raise Killed


def train(run_dir, *callbacks, reward=None, params=BATTLES):
    config, _, _ = load_config([], [*TINY, *EVERY, f"run.total_env_steps={TOTAL}", *params])
    if not (run_dir / "run.json").exists():
        write_run_info(run_dir, backend="skirmish-3", map_name="3m", seed=3, argv=[])
    notes = Notes()
    run = TrainingRun(config, run_dir, 3, notes, callbacks=callbacks, reward=reward)
    run.train(LockstepSource(run.acting, plan_groups(config.run.num_envs, 0, 1)), threading.Event())
    return [variable.numpy() for variable in run.learner.policy.variables], notes


def scenario(folder):
    """3m, nearer to one another."""
    document = {
        "episode_limit": 40,
        "terrain": "open",
        "allies": [{"unit": "Marine", "count": 3, "at": [14, 16]}],
        "enemies": [{"unit": "Marine", "count": 3, "at": [18, 16]}],
    }
    path = folder / "near.json"
    path.write_text(json.dumps(document))
    return path


class Changes(Callback):
    """Plays another map from an env step on."""

    def __init__(self, env_steps, map_name):
        self.env_steps, self.map_name = env_steps, str(map_name)

    def on_report(self, run, report):
        if report["env_steps"] == self.env_steps:
            run.play(self.map_name)


@pytest.fixture
def made(monkeypatch):
    """Maps and streams of the environments that are made, evaluations left out."""
    made, make = [], backends.BACKENDS["skirmish"].make

    def noting(env, asked):
        if asked.num_envs == 8:
            made.append((env.title, asked.first_env))
        return make(env, asked)

    object.__setattr__(backends.BACKENDS["skirmish"], "make", noting)
    yield made
    object.__setattr__(backends.BACKENDS["skirmish"], "make", make)


def test_hook_changes_the_map_and_back_on_streams_of_their_own(tmp_path, made):
    near = scenario(tmp_path)
    _, said = train(tmp_path / "run", Changes(100, near), Changes(180, "3m"))
    assert [title for title, _ in made] == ["3m", "near", "3m"] and len({first for _, first in made}) == 3
    assert sum("a hook changes the map to near" in text for text in said) == 1
    assert not any(line.get("dropped_env_steps") for line in metrics(tmp_path / "run"))  # it is between unrolls
    assert not any("the hook" in text for text in said)


def test_killed_curriculum_goes_on_bit_for_bit(tmp_path):
    near = scenario(tmp_path)
    weights, _ = train(tmp_path / "whole", Changes(100, near))
    with pytest.raises(Killed):
        train(tmp_path / "killed", Changes(100, near), KillsAt(160))
    resumed, _ = train(tmp_path / "killed", Changes(100, near))
    for array, expected in zip(resumed, weights, strict=True):
        np.testing.assert_array_equal(array, expected)
    assert untimed_metrics(tmp_path / "killed") == untimed_metrics(tmp_path / "whole")


class Forgets(Changes):
    """Whoever plays on has no file of it."""

    def on_report(self, run, report):
        super().on_report(run, report)
        if report["env_steps"] == self.env_steps:
            Path(self.map_name).unlink()


def train_with_an_actor(run_dir, address, *callbacks, total):
    params = [*TINY, *EVERY, f"run.total_env_steps={total}", *BATTLES]
    config, _, _ = load_config([], params)
    run_dir.mkdir(exist_ok=True)
    write_run_info(run_dir, backend="skirmish-3", map_name="3m", seed=3, argv=[])
    notes = Notes()
    run = TrainingRun(config, run_dir, 3, notes, callbacks=callbacks)
    plan = plan_groups(config.run.num_envs, 1, 1)
    with closing(ActorSource(run.acting, plan, [parse_address(address)])) as source:
        actor = threading.Thread(target=run_actor, args=(config, address, 0), kwargs={"reconnect_timeout_s": 30.0})
        actor.start()
        run.train(source, threading.Event())
        source.let_actors_go(run_over=True)
    actor.join(20)
    assert not actor.is_alive()
    return notes


@pytest.mark.parametrize("host", [False, True], ids=["same host", "another host"])
def test_actors_follow_to_another_map_without_its_file_and_back(tmp_path, made, host):
    address = str(free_port()) if host else f"unix:{tmp_path}/actors.sock"
    hooks = (Forgets(120, scenario(tmp_path)), Changes(360, "3m"))
    said = train_with_an_actor(tmp_path / "run", address, *hooks, total=600)
    assert [title for title, _ in made] == ["3m", "near", "3m"] and len({first for _, first in made}) == 3
    assert not any("the hook" in text for text in said)
    lines = metrics(tmp_path / "run")
    assert lines[-1]["env_steps"] == 600 and max(line.get("actors/000/connections", 0) for line in lines) == 3


def test_actors_of_a_resumed_curriculum_begin_on_its_map(tmp_path, made):
    near, address = scenario(tmp_path), f"unix:{tmp_path}/actors.sock"
    train(tmp_path / "run", Changes(100, near))
    made.clear()
    train_with_an_actor(tmp_path / "run", address, total=400)
    assert [title for title, _ in made] == ["near"]


def test_scenario_too_long_for_actors_is_said_and_the_run_goes_on(tmp_path, made):
    near = scenario(tmp_path)
    near.write_text(near.read_text() + " " * (1 << 16))
    said = train_with_an_actor(tmp_path / "run", f"unix:{tmp_path}/actors.sock", Changes(120, near), total=300)
    assert [title for title, _ in made] == ["3m"]
    assert sum("near.json is too long for actors: 65," in text for text in said) == 1


@pytest.mark.parametrize(("map_name", "said"), [("8m", "n_agents 8, not 3"), ("4m", "'4m'")])
def test_map_that_cannot_follow_is_said_and_the_run_goes_on(tmp_path, made, map_name, said):
    _, notes = train(tmp_path, Changes(100, map_name))
    assert [title for title, _ in made] == ["3m"]
    assert sum("Changes.on_report" in text and said in text for text in notes) == 1


def test_run_of_several_hosts_keeps_its_map(tmp_path):
    config, _, _ = load_config([], [*TINY, *BATTLES])
    run = TrainingRun(config, tmp_path, 3, Notes())
    run._source, run._hosts.count = LockstepSource(run.acting, plan_groups(8, 0, 1)), 2
    with pytest.raises(ValueError, match="several hosts keeps its map"):
        run._play(str(scenario(tmp_path)))


class Rewards(Callback):
    def __init__(self):
        self.rewards = []

    def on_batch(self, run, batch, metrics):
        self.rewards.append(batch.reward[1:].copy())


def closer(transition):
    """Sums what was before and is after; looks at every field's alignment."""
    before, action, after = transition
    taken = np.take_along_axis(before.avail_actions, action[..., None], axis=-1)
    assert taken.all(), "the action was available before"
    ended = after.terminated | after.truncated
    return np.where(ended, -5.0, after.obs.sum((1, 2)) - before.obs.sum((1, 2)))


def test_own_rewards_are_what_is_learnt_from_and_statistics_stay_the_environments(tmp_path):
    listener = Rewards()
    train(tmp_path / "own", listener, reward=(closer, "closer (test.py:1)"))
    rewards = np.concatenate([array.ravel() for array in listener.rewards])
    assert (rewards == -5.0).any() and (rewards < 0).mean() > 0.1
    train(tmp_path / "plain")
    own, plain = (metrics(tmp_path / name)[0] for name in ("own", "plain"))
    assert own["eval/return"] == plain["eval/return"]
    assert all(line.get("train/return", 0.0) >= 0 for line in metrics(tmp_path / "own"))


def test_killed_run_with_own_rewards_goes_on_bit_for_bit(tmp_path):
    reward = (closer, "closer")
    weights, _ = train(tmp_path / "whole", reward=reward)
    with pytest.raises(Killed):
        train(tmp_path / "killed", KillsAt(160), reward=reward)
    resumed, _ = train(tmp_path / "killed", reward=reward)
    for array, expected in zip(resumed, weights, strict=True):
        np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda transition: 1.0, r"the reward function mine \(my.py:3\) gave float64 \(\); float32 \(8,\) expected"),
        (lambda transition: transition.after.reward.fill(1), "raised ValueError: assignment destination is read-only"),
        (lambda transition: np.full(8, np.nan), "own reward function sent a reward of nan"),
    ],
)
def test_function_that_gives_no_rewards_ends_the_run_with_one_sentence(tmp_path, function, said):
    with pytest.raises((RuntimeError, FloatingPointError), match=said):
        train(tmp_path, reward=(function, "mine (my.py:3)"))
