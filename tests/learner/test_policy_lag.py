"""Acting with weights that are a fixed number of learner steps old."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from seed_matrace.config import load_config
from seed_matrace.learner.learner import Learner
from seed_matrace.learner.policy_lag import PolicyLag
from seed_matrace.specs import EnvSpec, empty_unroll

SPEC = EnvSpec(n_agents=2, n_actions=3, obs_dim=4, state_dim=5, episode_limit=10)
STEPS, COLUMNS = 5, 3


def _learner(lag, seed=1, **network):
    config, _, _ = load_config(
        [], [f"learner.unroll_length={STEPS}", f"learner.policy_lag={lag}", "learner.updates_per_batch=1"]
    )
    return Learner(dataclasses.replace(config, network=dataclasses.replace(config.network, **network)), SPEC, seed)


def _batch(number):
    rng = np.random.default_rng(number)
    unroll = empty_unroll(SPEC, STEPS, COLUMNS)
    unroll.obs[:] = rng.normal(size=unroll.obs.shape)
    unroll.avail_actions[:] = 1
    unroll.reward[:] = rng.normal(size=unroll.reward.shape)
    unroll.log_prob[:] = -np.log(3)
    return unroll


def _log_probs(learner):
    batch = _batch(99)
    return np.array(learner.policy_step(batch.obs[0], batch.avail_actions[0], np.array([3, 4])).log_prob)


@pytest.mark.parametrize("lag", [1, 3])
def test_what_acts_is_the_policy_so_many_learner_steps_ago(lag):
    newest, held = _learner(0), _learner(lag)
    history = [_log_probs(newest)]
    for number in range(6):
        newest.train_step(_batch(number))
        held.train_step(_batch(number))
        history.append(_log_probs(newest))
        np.testing.assert_array_equal(_log_probs(held), history[max(number + 1 - lag, 0)])
    assert (history[-1] != history[-2]).all()


def test_evaluation_plays_the_newest_weights():
    newest, held = _learner(0), _learner(50)
    for number in range(30):
        newest.train_step(_batch(number))
        held.train_step(_batch(number))
    obs, avail = _batch(7).obs.reshape(-1, 2, 4), np.ones((18, 2, 3), np.uint8)
    held_back, wanted, fresh = (learner.greedy_step(obs, avail).action for learner in (held, newest, _learner(0)))
    np.testing.assert_array_equal(held_back, wanted)
    assert (np.array(fresh) != np.array(wanted)).any()


def test_a_checkpoint_holds_the_weights_still_waiting(tmp_path):
    learner, restored = _learner(2, normalise_obs=True), _learner(2, seed=5, normalise_obs=True)
    for number in range(4):
        learner.train_step(_batch(number))
    path = tf.train.Checkpoint(**learner.trackables).write(str(tmp_path / "weights"))
    tf.train.Checkpoint(**restored.trackables).read(path).assert_consumed()
    for number in range(4):
        np.testing.assert_array_equal(_log_probs(restored), _log_probs(learner))
        learner.train_step(_batch(number))
        restored.train_step(_batch(number))


def test_restart_forgets_older_weights():
    newest, acting = tf.Variable([1.0, 2.0]), tf.Variable([0.0, 0.0])
    lag = PolicyLag([newest], [acting], 2)
    newest.assign([3.0, 4.0])
    lag.restart()
    newest.assign([5.0, 6.0])
    lag.advance()
    np.testing.assert_array_equal(acting, [3.0, 4.0])
