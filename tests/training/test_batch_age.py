"""Batches that are too old to be trained on several times are spoken of, once."""

import threading

import pytest
from notes import Notes
from processes import TINY

from seed_matrace.config import load_config
from seed_matrace.inference.groups import plan_groups
from seed_matrace.training import reports
from seed_matrace.training.batch_age import age_warning
from seed_matrace.training.run import TrainingRun
from seed_matrace.training.sources import LockstepSource


def _config(*params):
    return load_config([], ["learner.updates_per_batch=8", "learner.proximal_age=0", *params])[0]


def test_old_batches_are_spoken_of_with_what_helps():
    text = age_warning(_config(), 24.0, actors=True)
    for word in ("24 learner steps old", "8 more", "learner.proximal_age = 2", "--num_actors=0"):
        assert word in text
    alone = age_warning(_config(), 24.0, actors=False)
    assert "--num_actors" not in alone and "run.num_envs" in alone


@pytest.mark.parametrize(
    ("params", "lag"),
    [
        ([], 11.9),
        (["learner.updates_per_batch=1"], 24.0),
        (["learner.proximal_age=4"], 24.0),
        (["loss.clip_ratio=0"], 24.0),
        (["learner.policy_lag=24"], 24.0),
        (["learner.replay_buffer=400"], 24.0),
        (["loss.importance_weights='none'"], 24.0),
    ],
)
def test_nothing_is_said_where_age_does_no_harm_or_was_asked_for(params, lag):
    assert age_warning(_config(*params), lag, actors=True) == ""


def test_a_run_says_it_once(tmp_path, monkeypatch):
    lags = []
    monkeypatch.setattr(reports, "age_warning", lambda config, lag, actors: lags.append(lag) or "they are old")
    config = load_config([], [*TINY, "run.total_env_steps=80", "run.report_fraction=0.25"])[0]
    run = TrainingRun(config, tmp_path, 0, said := Notes())
    run.train(LockstepSource(run.acting, plan_groups(config.run.num_envs, 0, 1)), threading.Event())
    assert len(lags) > 1
    assert said.count("they are old") == 1
