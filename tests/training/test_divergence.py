"""A run that diverges stops, keeps its batch and says what to look at."""

import contextlib
import threading

import numpy as np
import pytest
from notes import Notes
from processes import TINY

from seed_matrace.config import load_config
from seed_matrace.envs.counting import CountingVectorEnv
from seed_matrace.inference.groups import plan_groups
from seed_matrace.inference.rewards import DivergedError, check_reward
from seed_matrace.specs import EnvSpec, empty_unroll
from seed_matrace.training.divergence import (
    FAILED_BATCH,
    check_evaluated,
    check_loss,
    largest_reward,
)
from seed_matrace.training.run import TrainingRun
from seed_matrace.training.sources import LockstepSource
from seed_matrace.types import EpisodeStats, Unroll

SPEC = EnvSpec(n_agents=2, n_actions=3, obs_dim=4, state_dim=5, episode_limit=10)
SOUND = {"losses/total": 1.0, "optimizer/grad_norm": 2.0, "IS/rho_max": 3.0, "V/value_mean": 4.0}
SOUND |= {"optimizer/updates": 2.0, "losses/total_update_2": 1.0, "optimizer/grad_norm_update_2": 2.0}


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
        ({"losses/total_update_2": np.nan}, "at learner step 8 the loss is nan"),
        ({"optimizer/grad_norm_update_2": np.inf}, "norm inf"),
    ],
    ids=str,
)
def test_what_is_not_sound_is_said_and_its_batch_kept(tmp_path, scalars, said):
    batch = empty_unroll(SPEC, 3, 2)
    batch.obs[...] = np.random.default_rng(0).normal(size=batch.obs.shape)
    with pytest.raises(DivergedError, match=said) as caught:
        _check(tmp_path, batch, **scalars)
    assert ("learner step 8" if "update_2" in str(scalars) else "learner step 7") in str(caught.value)
    assert "optimizer.learning_rate" in str(caught.value)
    with np.load(tmp_path / FAILED_BATCH) as kept:
        assert set(kept) == set(Unroll._fields)
        np.testing.assert_array_equal(kept["obs"], batch.obs)


def test_a_batch_that_cannot_be_written_does_not_hide_what_went_wrong(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DivergedError, match=r"the loss is nan.*cannot write .*failed_batch\.npz \(.*exists\)"):
        _check(tmp_path / "file", empty_unroll(SPEC, 3, 2), **{"losses/total": np.nan})


def test_a_broken_batch_points_at_the_environment(tmp_path):
    batch = empty_unroll(SPEC, 3, 2)
    batch.reward[2, 1] = np.inf
    with pytest.raises(DivergedError, match=r"not finite \(reward\): look at the environment"):
        _check(tmp_path, batch, **{"losses/total": np.nan})


def test_a_run_that_diverges_leaves_no_checkpoint_of_it(tmp_path):
    params = [*TINY, "run.total_env_steps=2000", "optimizer.learning_rate=1e20", "run.checkpoint_fraction=1.0"]
    config, _, _ = load_config([], params)
    run = TrainingRun(config, tmp_path, 3, Notes())
    source = LockstepSource(run.acting, plan_groups(config.run.num_envs, 0, 1))
    with pytest.raises(DivergedError):
        run.train(source, threading.Event())
    assert (tmp_path / FAILED_BATCH).exists()
    assert not list((tmp_path / "checkpoints").glob("step-*"))


POISONS = [np.nan, np.inf, -np.inf, 1e30, -1e9]


class Poisoned(CountingVectorEnv):
    """Sends one odd number at one step."""

    step_number, at, field, poison = 0, -1, "reward", 0.0

    def step(self, actions, out=None):
        output = super().step(actions, out)
        Poisoned.step_number += 1
        if Poisoned.step_number == self.at:
            getattr(output, self.field).flat[-1] = self.poison
        return output


def _train(run_dir, monkeypatch, at, field, poison):
    """A run that makes a checkpoint after each of its batches of two times three steps; how it went and goes on."""
    config, _, _ = load_config([], [*SHORT, "run.checkpoint_fraction=0.001"])
    run = TrainingRun(config, run_dir, 3, Notes())
    monkeypatch.setattr(Poisoned, "step_number", 0)
    for name, value in (("at", at), ("field", field), ("poison", poison)):
        monkeypatch.setattr(Poisoned, name, value)
    monkeypatch.setattr("seed_matrace.training.sources.make_training_env", _poisoned)
    with contextlib.closing(LockstepSource(run.acting, plan_groups(config.run.num_envs, 0, 1))) as source:
        return run.train(source, threading.Event())


def _poisoned(config, num_envs, seed, first_env):
    return Poisoned(num_envs, first_env)


SHORT = [*TINY, "run.total_env_steps=96", "run.num_envs=4", "learner.batch_size=4",
         "learner.unroll_length=3",
         "network.critic_input='state'", "evaluation.episodes=1", "evaluation.every_fraction=1.0"]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "poison", "at"),
    [  # unrolls end after 3, 6, 9, ... steps
        *(("reward", np.nan, 9), ("reward", np.nan, 10), ("reward", 1e30, 10)),
        *(("obs", np.nan, 9), ("state", np.inf, 10)),
    ],
)
def test_no_checkpoint_holds_what_an_environment_sent_wherever_it_came(tmp_path, monkeypatch, field, poison, at):
    with pytest.raises(DivergedError):
        _train(tmp_path, monkeypatch, at, field, poison)
    assert list(tmp_path.glob("checkpoints/step-*"))
    progress = _train(tmp_path, monkeypatch, -1, field, poison)  # the environment is repaired
    assert progress.finished == "budget"


@pytest.mark.parametrize("poison", POISONS, ids=str)
def test_rewards_that_no_sound_loss_allows_are_said_as_they_arrive(poison):
    config, _, _ = load_config([], ["network.normalise_values=False"])
    largest = largest_reward(config)
    assert 1e6 < largest < 1e9
    check_reward(np.array([0.9, 1e-9, *[-0.9] * 5], np.float32) * np.float32(largest), largest)
    check_reward(np.zeros(0, np.float32), largest)
    with pytest.raises(DivergedError, match=r"environment my\.X sent a reward of .*Look at the environment"):
        check_reward(np.array([0.0, poison, 1.0], np.float32), largest, "my.X")


def test_rewards_that_are_clipped_or_normalised_may_be_large():
    for param in ("loss.max_abs_reward=1.0", "network.normalise_values=True"):
        check_reward(np.array([1e12], np.float32), largest_reward(load_config([], [param])[0]))


def test_weights_that_are_not_finite_are_in_no_checkpoint(tmp_path, monkeypatch):
    config, _, _ = load_config([], SHORT)
    run = TrainingRun(config, tmp_path, 3, Notes())
    run.learner.policy.variables[0].assign(run.learner.policy.variables[0] * np.nan)
    source = LockstepSource(run.acting, plan_groups(config.run.num_envs, 0, 1))
    for save in (lambda: run._saving.save(source), run._saving.save_best):
        with pytest.raises(DivergedError, match="no checkpoint was written"):
            save()
    assert not list(tmp_path.glob("checkpoints/*"))


def test_evaluated_episodes_with_an_unsound_return_are_never_the_best():
    stats = EpisodeStats(np.array([1.0, np.nan]), np.array([5, 5]), *np.zeros((3, 2)))
    with pytest.raises(DivergedError, match="environment 3m: an evaluated episode has the return nan"):
        check_evaluated(stats, 1e7, "3m")
    check_evaluated(stats._replace(episode_return=np.array([1.0, -4e7])), 1e7, "3m")
    with pytest.raises(DivergedError, match=r"has the return -6e\+07"):
        check_evaluated(stats._replace(episode_return=np.array([1.0, -6e7])), 1e7, "3m")
