"""A run's hooks: when they are called and with what, and that whatever they do ends no run."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest
from notes import Notes
from processes import ROOT, TINY, metrics, untimed_metrics

from seed_matrace.config import load_config
from seed_matrace.inference.groups import plan_groups
from seed_matrace.training import Callback
from seed_matrace.training import hooks as hooks_module
from seed_matrace.training.run import TrainingRun
from seed_matrace.training.sources import LockstepSource

TOTAL = 200  # env steps: ten batches of 20
EVENTS = [name for name in vars(Callback) if name.startswith("on_")]


def train(run_dir, *callbacks, params=(), stop=None):
    """Trains to the end or resumes; returns the final weights and what was said."""
    every = ["run.report_fraction=0.1", "run.checkpoint_fraction=0.2", "evaluation.every_fraction=0.5"]
    config, _, _ = load_config([], [*TINY, f"run.total_env_steps={TOTAL}", *every, *params])
    notes = Notes()
    run = TrainingRun(config, run_dir, 3, notes, callbacks=callbacks)
    run.train(LockstepSource(run.acting, plan_groups(config.run.num_envs, 0, 1)), stop or threading.Event())
    return [variable.numpy() for variable in run.learner.policy.variables], notes


@pytest.fixture(scope="module")
def without_hooks(tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("without")
    return run_dir, train(run_dir)[0]


def assert_same_run(run_dir, weights, without_hooks):
    reference, expected = without_hooks
    assert untimed_metrics(run_dir) == untimed_metrics(reference)
    for array, other in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(array, other)


class Listener(Callback):
    def __init__(self):
        self.heard, self.reports, self.rewards = [], [], []

    def on_start(self, run):
        self.heard.append(("start", run.env_steps, run.resumed))
        self.config, self.kept = run.config, list(run.reports)

    def on_batch(self, run, batch, metrics):
        self.rewards.append(batch.reward[1:].sum())
        self.heard.append(("batch", run.env_steps, "losses/V" in metrics))

    def on_report(self, run, report):
        self.reports.append(dict(report))

    def on_evaluation(self, run, metrics, episodes):
        self.heard.append(("evaluation", run.env_steps, metrics["eval/return"] == episodes.episode_return.mean()))

    def on_checkpoint(self, run, path):
        assert path.is_dir()
        self.heard.append(("checkpoint", run.env_steps, path.name.split("-")[0]))

    def on_end(self, run, why):
        self.heard.append(("end", run.env_steps, why))


def test_hook_hears_of_everything_in_order(tmp_path):
    listener = Listener()
    train(tmp_path, listener)
    batches = [("batch", 20 * number, True) for number in range(1, 11)]
    others = [event for event in listener.heard if event[0] != "batch"]
    assert [event for event in listener.heard if event[0] == "batch"] == batches
    assert others == [
        ("start", 0, False),
        ("evaluation", 0, True),
        ("checkpoint", 0, "best"),
        *(("checkpoint", steps, "step") for steps in (40, 80)),
        ("evaluation", 100, True),
        ("checkpoint", 100, "best"),
        *(("checkpoint", steps, "step") for steps in (120, 160)),
        ("evaluation", 200, True),
        *(("checkpoint", 200, kind) for kind in ("best", "step")),
        ("end", 200, "budget"),
    ]
    assert listener.config.run.total_env_steps == TOTAL and all(np.isfinite(listener.rewards))
    lines = [{tag: value for tag, value in line.items() if tag != "perf/crc32"} for line in metrics(tmp_path)]
    assert listener.reports == lines and listener.kept == []


def test_hook_that_raises_ends_nothing_and_is_named_once(tmp_path, without_hooks):
    def fails(self, *arguments):
        raise ZeroDivisionError("no such thing")

    broken = type("Broken", (Callback,), dict.fromkeys([*EVENTS, "state"], fails))
    listener = Listener()
    weights, said = train(tmp_path, broken(), listener)
    assert_same_run(tmp_path, weights, without_hooks)
    assert listener.heard[-1] == ("end", 200, "budget")
    told = [text for text in said if text.startswith("the hook")]
    assert len(told) == len(EVENTS) + 1
    assert all("(test_hooks.py, line " in text for text in told)
    assert "the hook Broken.on_batch (test_hooks.py" in " ".join(told) and "ZeroDivisionError: no such thing" in told[0]


def test_hook_that_exits_ends_nothing(tmp_path, without_hooks):
    class Exits(Callback):
        def on_report(self, run, report):
            raise SystemExit(3)

    weights, said = train(tmp_path, Exits())
    assert_same_run(tmp_path, weights, without_hooks)
    assert sum("Exits.on_report" in text for text in said) == 1


class StopsAt(Callback):
    def __init__(self, env_steps):
        self.env_steps, self.why = env_steps, None

    def on_batch(self, run, batch, metrics):
        if run.env_steps == self.env_steps:
            run.stop("enough")

    def on_end(self, run, why):
        self.why = why


def test_hook_stops_a_run_which_goes_on_bit_for_bit(tmp_path, without_hooks):
    stopping, stop = StopsAt(60), threading.Event()
    _, said = train(tmp_path, stopping, stop=stop)
    assert (stop.is_set(), stopping.why) == (True, "stopped")
    assert any("60 env steps: a hook stops the run: enough" in text for text in said)
    listener = Listener()
    weights, _ = train(tmp_path, listener)
    assert_same_run(tmp_path, weights, without_hooks)
    assert listener.heard[0] == ("start", 60, True) and [line["env_steps"] for line in listener.kept] == [0, 20, 40, 60]


class Counts(Callback):
    """Counts its batches over all sessions."""

    batches = 0

    def on_batch(self, run, batch, metrics):
        self.batches += 1

    def state(self):
        return {"batches": self.batches}

    def set_state(self, state):
        self.batches = state["batches"]


def test_checkpoints_keep_what_hooks_know(tmp_path):
    class Doubles(Counts):
        def state(self):
            return {"batches": 2 * self.batches}

    train(tmp_path, Counts(), Counts(), Doubles(), StopsAt(60))
    first, second, doubles = Counts(), Counts(), Doubles()
    train(tmp_path, StopsAt(100))  # a session without them loses nothing
    train(tmp_path, first, second, doubles)
    assert [hook.batches for hook in (first, second, doubles)] == [3 + 5, 3 + 5, 6 + 5]


def test_state_that_a_checkpoint_cannot_hold_is_said(tmp_path, without_hooks):
    class Unsound(Callback):
        def state(self):
            return {"best": float("nan")}

    weights, said = train(tmp_path, Unsound())
    assert_same_run(tmp_path, weights, without_hooks)
    assert sum("Unsound.state" in text and "ValueError" in text for text in said) == 1


def test_batches_are_not_mentioned_to_hooks_that_do_not_ask(tmp_path, monkeypatch):
    called = []
    call = hooks_module.Hooks.call
    monkeypatch.setattr(
        hooks_module.Hooks, "call", lambda self, event, *rest: called.append(event) or call(self, event, *rest)
    )
    train(tmp_path, type("Reports", (Callback,), {"on_report": lambda self, run, report: None})())
    assert "on_report" in called and "on_batch" not in called


def test_hook_of_the_page_stops_a_run_that_wins():
    code = (ROOT / "docs" / "hooks.md").read_text().partition("```python\n")[2].partition("```")[0]
    names = {"__name__": __name__}  # dataclasses look their annotations up there
    exec(code, names)
    stops, won = [], np.ones(4, bool)

    def evaluated(hook, outcomes):
        hook.on_evaluation(SimpleNamespace(stop=stops.append), {}, SimpleNamespace(battle_won=outcomes))

    options = names["SureOptions"]()
    first = names["StopsWhenSure"](options)
    for outcomes in (won, won, ~won, won, won):
        evaluated(first, outcomes)
    again = names["StopsWhenSure"](options)
    again.set_state(first.state())
    assert stops == []
    evaluated(again, won)
    assert stops == ["3 evaluations won"]


def test_hook_hears_that_a_run_failed(tmp_path):
    listener = Listener()
    with pytest.raises(FloatingPointError):
        train(tmp_path, listener, params=["run.stop_loss=1e-6"])
    assert listener.heard[-1][0::2] == ("end", "failed")
