"""A run that diverges stops, keeps its batch and says what to look at."""

import threading

import numpy as np
import pytest
from processes import TINY

from seed_matrace.config import load_config
from seed_matrace.inference.groups import plan_groups
from seed_matrace.learner.divergence import FAILED_BATCH, DivergedError, check_loss
from seed_matrace.learner.run import TrainingRun
from seed_matrace.learner.sources import LockstepSource
from seed_matrace.specs import EnvSpec, empty_unroll
from seed_matrace.types import Unroll

SPEC = EnvSpec(n_agents=2, n_actions=3, obs_dim=4, state_dim=5, episode_limit=10)
SOUND = {"losses/total": 1.0, "optimizer/grad_norm": 2.0, "IS/rho_max": 3.0, "V/value_mean": 4.0}


class Silent:
    def update(self, metrics):
        pass

    def note(self, text):
        pass


def _check(run_dir, batch, **scalars):
    check_loss({**SOUND, **scalars}, batch, learner_step=7, stop_loss=100.0, run_dir=run_dir)


def test_sound_losses_pass(tmp_path):
    batch = empty_unroll(SPEC, 3, 2)
    batch.reward[0] = batch.log_prob[-1] = np.nan  # of other unrolls
    _check(tmp_path, batch)
    _check(tmp_path, batch, **{"losses/total": -100.0})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("scalars", "said"),
    [
        ({"losses/total": np.nan}, "the loss is nan"),
        ({"losses/total": np.inf}, "the loss is inf"),
        ({"losses/total": -101.0}, "the loss is -101"),
        ({"optimizer/grad_norm": np.nan}, "norm nan"),
    ],
    ids=str,
)
def test_what_is_not_sound_is_said_and_its_batch_kept(tmp_path, scalars, said):
    batch = empty_unroll(SPEC, 3, 2)
    batch.obs[...] = np.random.default_rng(0).normal(size=batch.obs.shape)
    with pytest.raises(DivergedError, match=said) as caught:
        _check(tmp_path, batch, **scalars)
    assert "learner step 7" in str(caught.value)
    assert "optimizer.learning_rate" in str(caught.value)
    with np.load(tmp_path / FAILED_BATCH) as kept:
        assert set(kept) == set(Unroll._fields)
        np.testing.assert_array_equal(kept["obs"], batch.obs)


def test_a_broken_batch_points_at_the_environment(tmp_path):
    batch = empty_unroll(SPEC, 3, 2)
    batch.reward[2, 1] = np.inf
    with pytest.raises(DivergedError, match=r"not finite \(reward\): look at the environment"):
        _check(tmp_path, batch, **{"losses/total": np.nan})


def test_a_run_that_diverges_leaves_no_checkpoint_of_it(tmp_path):
    params = [*TINY, "run.total_env_steps=2000", "optimizer.learning_rate=1e20", "run.checkpoint_fraction=1.0"]
    config, _, _ = load_config([], params)
    run = TrainingRun(config, tmp_path, 3, Silent())
    source = LockstepSource(run.acting, plan_groups(config.run.num_envs, 0, 1))
    with pytest.raises(DivergedError):
        run.train(source, threading.Event())
    assert (tmp_path / FAILED_BATCH).exists()
    assert not list((tmp_path / "checkpoints").glob("step-*"))
