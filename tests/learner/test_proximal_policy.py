"""The average of policies that clipped ratios are measured from."""

import numpy as np
import pytest
import tensorflow as tf

from seed_matrace.algo.distributions import MaskedCategorical
from seed_matrace.algo.losses import matrace_loss
from seed_matrace.config import load_config
from seed_matrace.learner.learner import Learner
from seed_matrace.specs import EnvSpec, empty_unroll
from seed_matrace.types import Unroll

SPEC = EnvSpec(n_agents=2, n_actions=3, obs_dim=4, state_dim=5, episode_limit=10)
STEPS, COLUMNS = 5, 3


def _learner(*params):
    sizes = [f"learner.unroll_length={STEPS}", "learner.updates_per_batch=2", "optimizer.learning_rate=0.01"]
    return Learner(load_config([], [*sizes, *params])[0], SPEC, seed=1)


def _batch(number, fields):
    rng = np.random.default_rng(number)
    unroll = empty_unroll(SPEC, STEPS, COLUMNS, fields)
    for field in (unroll.obs, unroll.reward, unroll.recurrent):
        field[:] = rng.normal(size=field.shape)
    unroll.avail_actions[:] = 1
    unroll.action[:] = rng.integers(0, 3, unroll.action.shape)
    unroll.log_prob[:] = rng.normal(-np.log(3), 0.1, unroll.log_prob.shape)
    return unroll


def _weights(module):
    return [variable.numpy() for variable in module.variables]


def _average(learner):
    return learner.proximal_policy._networks.policy


@pytest.mark.parametrize("options", [[], ["network.policy_gru_units=4", "network.normalise_obs=True"]])
def test_the_average_is_over_all_batches_at_first_and_forgets_by_equal_factors_then(options):
    age, learner = 3, _learner("learner.proximal_age=3", *options)
    wanted = _weights(learner.policy)
    for batch in range(1, 7):
        learner.train_step(_batch(batch, learner._config.network.unroll_fields))
        newest = _weights(learner.policy)
        share = 1 / (1 + min(batch, age))
        wanted = [
            (1 - share) * old + share * new if new.dtype == np.float32 else new
            for old, new in zip(wanted, newest, strict=True)
        ]
        for found, expected in zip(_weights(_average(learner)), wanted, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(newest, wanted, strict=True))


@pytest.mark.parametrize("options", [[], ["network.policy_gru_units=4"]])
def test_every_step_of_a_batch_measures_its_ratios_from_the_average(options):
    learner = _learner("learner.proximal_age=2", "loss.clip_ratio=0.05", *options)
    fields = learner._config.network.unroll_fields
    for number in range(3):
        learner.train_step(_batch(number, fields))
    batch = Unroll(*map(tf.constant, _batch(3, fields)))
    logits, values = learner._team(batch)
    log_proximal = MaskedCategorical(learner.proximal_policy._networks(batch)[0], batch.avail_actions[:-1])

    def loss(log_proximal):
        of_batch = {"logits": logits, "values": values, "unroll": batch, "entropy_cost": learner.entropy_cost()}
        scale = {"value_scale": learner.critic.value_scale}
        return float(matrace_loss(**of_batch, **scale, config=learner._config.loss, log_proximal=log_proximal).total)

    expected = loss(log_proximal.log_prob(batch.action[:-1]))
    assert abs(expected - loss(None)) > 1e-3
    assert learner.train_step(batch)["losses/total"] == pytest.approx(expected, rel=1e-5)


def test_one_step_a_batch_is_clipped_from_the_average_too():
    free, held = (
        _learner("learner.updates_per_batch=1", f"loss.clip_ratio={clip}", "learner.proximal_age=5")
        for clip in (0.0, 1e-3)
    )
    fields = free._config.network.unroll_fields
    for number in range(3):
        found, wanted = (learner.train_step(_batch(number, fields)) for learner in (held, free))
    assert found["losses/policy"] != wanted["losses/policy"]


def test_without_age_there_is_no_average():
    learner = _learner("learner.proximal_age=0")
    assert learner.proximal_policy is None
    assert "proximal_policy" not in learner.trackables


def test_an_average_begins_anew_with_weights_from_elsewhere():
    learner = _learner("learner.proximal_age=2")
    learner.train_step(_batch(0, learner._config.network.unroll_fields))
    for variable in learner.policy.trainable_variables:
        variable.assign(2.0 * variable + 1.0)
    learner.proximal_policy.restart()
    for found, expected in zip(_weights(_average(learner)), _weights(learner.policy), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert learner.proximal_policy.batches == 0
