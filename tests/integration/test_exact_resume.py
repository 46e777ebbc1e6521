"""A one-process run that is killed anywhere and resumed is the run that was never killed, bit for bit."""

import json
import re
import threading
from pathlib import Path

import numpy as np
import pytest
from notes import Notes
from processes import TINY, untimed_metrics

from seed_matrace.config import load_config
from seed_matrace.evaluation.results import ResultsWriter
from seed_matrace.inference.groups import plan_groups
from seed_matrace.learner import checkpoints
from seed_matrace.learner.metrics import MetricsWriter
from seed_matrace.replay import read_replay
from seed_matrace.training import evaluations
from seed_matrace.training.run import TrainingRun
from seed_matrace.training.sources import LockstepSource

TOTAL = 600  # env steps: 30 learner steps
POINTS = np.random.default_rng(0).choice(130, size=20, replace=False).tolist()
KILLS = [("counting" if index % 2 else "skirmish", point) for index, point in enumerate(sorted(POINTS))]
# Six of the twenty always, the others with -m slow.
KILLS = [
    kill if index % 7 in (0, 3) else pytest.param(*kill, marks=pytest.mark.slow) for index, kill in enumerate(KILLS)
]
KILLS += [("with memory", point) for point in (41, 83)]  # stacks, last actions, statistics, old weights, a schedule
KILLS += [("recurrent", 59), ("pettingzoo", 71), ("again", 47), ("again", 88)]
KINDS = {
    "counting": ["env.backend='counting'"],
    "skirmish": ["env.backend='skirmish'"],
    "with memory": [
        *("env.backend='counting'", "network.critic_input='joint_obs_and_actions'", "network.last_action=True"),
        *("network.normalise_obs=True", "network.normalise_values=True", "optimizer.decay_env_steps=500"),
        *("learner.policy_lag=2", "env.frame_stack=3", "loss.bootstrap_time_limit=True"),
    ],
    "again": [
        *("env.backend='counting'", "learner.updates_per_batch=3", "learner.max_kl=0.001", "learner.replay_buffer=5"),
        *("loss.entropy_schedule='target'", "loss.entropy_env_steps=100", "optimizer.decay_env_steps=500"),
        "learner.proximal_age=4",
    ],
    "pettingzoo": ["env.backend='pettingzoo'", "env.map_name='roles'", "env.episode_limit=9"],
    "recurrent": [
        *("env.backend='skirmish'", "network.critic_input='own_obs'", "network.share_policy=False"),
        *("network.policy_gru_units=5", "network.critic_gru_units=6"),
    ],
}


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the program gets to tidy up."""


class Countdown:
    """Kills the run at the n-th of the points where it is asked."""

    def __init__(self, points):
        self.left = points

    def __call__(self):
        self.left -= 1
        if self.left < 0:
            raise Killed


def config(kind):
    params = [*TINY, f"run.total_env_steps={TOTAL}", "run.report_fraction=0.1", "run.checkpoint_fraction=0.1"]
    sizes = ["run.num_envs=6", "evaluation.every_fraction=0.2"]  # B = 4 of 6 columns: unrolls are half used at a save
    return load_config([], [*params, *sizes, *KINDS[kind]])[0]


def train(run_dir, kind, at_every_point=lambda: None, monkeypatch=None, stop=None):
    settings = config(kind)
    run = TrainingRun(settings, Path(run_dir), 3, Notes())
    source = LockstepSource(run.acting, plan_groups(settings.run.num_envs, 0, 1))
    if monkeypatch:
        for owner, name in ((run.learner, "train_step"), (MetricsWriter, "write"), (ResultsWriter, "append")):
            monkeypatch.setattr(owner, name, _interrupted(getattr(owner, name), at_every_point))
        for owner, name in ((checkpoints.os, "rename"), (checkpoints.np, "savez")):
            monkeypatch.setattr(owner, name, _interrupted(getattr(owner, name), at_every_point))
    run.train(source, stop or threading.Event())
    return [variable.numpy() for variable in [*run.learner.optimizer.variables, *run.learner.policy.variables]]


def _interrupted(function, at_every_point):
    def call(*args, **kwargs):
        at_every_point()
        result = function(*args, **kwargs)
        at_every_point()
        return result

    return call


@pytest.fixture(scope="module")
def never_killed(tmp_path_factory):
    """Weights and run directory of an undisturbed run, by kind."""
    run_dirs = {kind: tmp_path_factory.mktemp(kind.replace(" ", "_")) for kind in KINDS}
    return {kind: (train(run_dir, kind), run_dir) for kind, run_dir in run_dirs.items()}


def assert_same_run(run_dir, reference, weights, expected_weights):
    assert untimed_metrics(run_dir) == untimed_metrics(reference)
    for array, expected in zip(weights, expected_weights, strict=True):
        np.testing.assert_array_equal(array, expected)
    assert _results(run_dir) == _results(reference)
    assert _replays(run_dir) == _replays(reference)


@pytest.mark.parametrize(("kind", "point"), KILLS)
def test_killed_and_resumed_is_never_killed(never_killed, kind, point, tmp_path):
    weights, reference = never_killed[kind]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        train(tmp_path, kind, Countdown(point), patch)
    resumed = train(tmp_path, kind)
    assert_same_run(tmp_path, reference, resumed, weights)
    best = [path.name for path in (tmp_path / "checkpoints").glob("best-*")]
    assert best == [path.name for path in (reference / "checkpoints").glob("best-*")]


class StoppedAt(threading.Event):
    """Is set the n-th time it is asked for in evaluations, as by Ctrl-C in one."""

    def __init__(self, evaluation_steps):
        super().__init__()
        self.left = evaluation_steps

    def of_evaluation(self):
        self.left -= 1
        if self.left < 0:
            self.set()
        return self


@pytest.mark.parametrize(("kind", "steps"), [("counting", [0, 3, 4, 9, 14]), ("recurrent", [2, 25, 20])])
def test_stopped_in_evaluations_and_resumed_is_never_stopped(never_killed, kind, steps, tmp_path, monkeypatch):
    weights, reference = never_killed[kind]
    played = []

    def counted(stop, act, until=evaluations.until):
        return until(stop, lambda *step: (stop.of_evaluation(), played.append(1), act(*step))[-1])

    monkeypatch.setattr(evaluations, "until", counted)
    cut = 0
    for left in steps:
        stop = StoppedAt(left)
        train(tmp_path, kind, stop=stop)
        assert stop.is_set()
        cut += json.loads(_newest_state(tmp_path))["evaluation_due"]
    assert cut > len(steps) // 2  # the others ended with the step after which it was set
    monkeypatch.undo()
    resumed = train(tmp_path, kind)
    assert_same_run(tmp_path, reference, resumed, weights)


def _newest_state(run_dir):
    return max((run_dir / "checkpoints").glob("step-*/state.json")).read_text()


def test_finished_run_that_is_started_again_stays_as_it_is(tmp_path):
    weights = train(tmp_path, "counting")
    before = untimed_metrics(tmp_path), _results(tmp_path)
    again = train(tmp_path, "counting")
    assert (untimed_metrics(tmp_path), _results(tmp_path)) == before
    for array, expected in zip(again, weights, strict=True):
        np.testing.assert_array_equal(array, expected)


def _replays(run_dir):
    replays = {path.name: read_replay(path) for path in (run_dir / "replays").glob("*")}
    return {name: (replay.about, [a.tobytes() for a in replay.arrays().values()]) for name, replay in replays.items()}


def _results(run_dir):
    return re.sub(
        r'"elapsed_time": [\d.]+', "", json.dumps(json.loads((run_dir / "eval" / "results.json").read_text()))
    )
