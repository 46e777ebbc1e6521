"""Several learner steps on one batch, in one call."""

import numpy as np
import pytest
import tensorflow as tf

from seed_matrace.algo.distributions import MaskedCategorical
from seed_matrace.algo.losses import matrace_loss
from seed_matrace.config import load_config
from seed_matrace.learner.learner import Learner
from seed_matrace.learner.train_step import LATER_METRICS
from seed_matrace.specs import EnvSpec, empty_unroll
from seed_matrace.types import Unroll

SPEC = EnvSpec(n_agents=2, n_actions=3, obs_dim=4, state_dim=5, episode_limit=10)
STEPS, COLUMNS = 5, 4
OPTIONS = [
    [],
    ["network.normalise_obs=True", "network.normalise_values=True"],
    ["network.policy_gru_units=4", "network.critic_gru_units=3"],
    ["network.critic_input='own_obs'", "loss.importance_weights='per_agent'"],
    [
        *("loss.policy_ratios='per_agent'", "optimizer.clip_apart=True", "learner.policy_lag=3"),
        *("loss.clip_ratio=0.2", "loss.normalise_advantages=True"),
    ],
    ["loss.entropy_schedule='target'"],
]


def _learner(*params):
    single = ["learner.updates_per_batch=1", "learner.minibatches=1", "learner.max_kl=0.0"]
    single += ["network.normalise_values=False", "network.policy_output_gain=1.0", "optimizer.epsilon=1e-3"]
    single += [
        "learner.proximal_age=0",
        "loss.clip_ratio=0.0",
        "loss.normalise_advantages=False",
        "loss.policy_ratios='as_targets'",
    ]
    return Learner(load_config([], [f"learner.unroll_length={STEPS}", *single, *params])[0], SPEC, seed=1)


def _batch(learner, number=0):
    rng = np.random.default_rng(number)
    unroll = empty_unroll(SPEC, STEPS, COLUMNS, learner._config.network.unroll_fields)
    for field in (unroll.obs, unroll.reward, unroll.recurrent):
        field[:] = rng.normal(size=field.shape)
    unroll.avail_actions[:] = 1
    unroll.action[:] = rng.integers(0, 3, unroll.action.shape)
    unroll.log_prob[:] = -np.log(3)
    return unroll


def _weights(learner):
    return [variable.numpy() for variable in learner.variables]


@pytest.mark.parametrize("options", [[], OPTIONS[2], OPTIONS[3], OPTIONS[4]])
def test_many_steps_in_one_call_are_as_many_calls(options):
    options = [*options, "loss.clip_ratio=0.0"]  # which would begin anew with every call
    many, one = _learner("learner.updates_per_batch=3", *options), _learner(*options)
    for number in range(2):
        batch = _batch(many, number)
        metrics = many.train_step(batch)
        singles = [one.train_step(batch) for _ in range(3)]
        assert metrics["optimizer/updates"] == 3
        for tag in LATER_METRICS:
            found = [metrics[tag], metrics[f"{tag}_update_2"], metrics[f"{tag}_update_3"]]
            np.testing.assert_allclose(found, [single[tag] for single in singles], rtol=1e-5, atol=1e-6)
    assert many.learner_steps == one.learner_steps == 6
    for found, wanted in zip(_weights(many), _weights(one), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("options", OPTIONS)
def test_later_steps_find_a_policy_that_moved(options):
    learner = _learner("learner.updates_per_batch=4", *options)
    metrics = learner.train_step(_batch(learner))
    kls = [metrics["policy/kl"], *(metrics[f"policy/kl_update_{number}"] for number in (2, 3, 4))]
    assert len({round(kl, 9) for kl in kls}) == 4
    assert all(np.isfinite(value) for value in metrics.values())


def test_later_steps_are_clipped_from_where_the_batch_found_the_policy():
    options = ["loss.clip_ratio=0.05", "loss.policy_ratios='per_agent'", "optimizer.learning_rate=0.03"]
    one, two = (_learner(f"learner.updates_per_batch={count}", *options) for count in (1, 2))
    batch = _batch(one)
    batch.log_prob[:] += np.random.default_rng(1).normal(size=batch.log_prob.shape)
    unroll = Unroll(*map(tf.constant, batch))

    def log_pi():
        return MaskedCategorical(one._team(unroll)[0], unroll.avail_actions[:-1]).log_prob(unroll.action[:-1])

    def loss(log_proximal):
        logits, values = one._team(unroll)
        of_batch = {"logits": logits, "values": values, "unroll": unroll, "entropy_cost": one.entropy_cost()}
        return float(matrace_loss(**of_batch, config=one._config.loss, log_proximal=log_proximal).total)

    found = log_pi()
    one.train_step(batch)
    expected = loss(found)
    assert abs(loss(None) - expected) > 0.01
    assert two.train_step(batch)["losses/total_update_2"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("parts", "columns"),
    [
        (2, [[[1, 3], [0, 2], [1, 3]], [[0, 2], [1, 3], [0, 2]]]),
        (3, [[[1, 0], [2, 1], [3, 2]], [[2, 1], [3, 2], [0, 3]]]),
    ],
)
def test_later_steps_are_on_the_parts_of_a_batch_in_turn(parts, columns):
    """A step on some columns is a step on a batch that is those columns; batches begin with other parts."""
    options = ["loss.normalise_advantages=True", "loss.policy_ratios='per_agent'"]
    many, one = _learner("learner.updates_per_batch=4", f"learner.minibatches={parts}", *options), _learner(*options)
    for batch_number, own in enumerate(columns):
        batch = _batch(many, batch_number)
        metrics = many.train_step(batch)
        one.train_step(batch)
        for number, part in enumerate(own, start=2):
            single = one.train_step(Unroll(*(field[:, part] for field in batch)))
            for tag in LATER_METRICS:
                assert metrics[f"{tag}_update_{number}"] == pytest.approx(single[tag], rel=1e-4, abs=1e-6), (
                    tag,
                    number,
                )
    for found, wanted in zip(_weights(many), _weights(one), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_columns_of_another_age_end_no_steps():
    """Each part is compared with what the first step found of it: as far as its policy was before, it has not moved."""
    learner = _learner("learner.max_kl=0.5", "learner.updates_per_batch=5", "learner.minibatches=2")
    batch = _batch(learner)
    batch.log_prob[:, 1::2] += 5.0
    assert learner.train_step(batch)["optimizer/updates"] == 5


def test_running_moments_count_a_batch_once():
    many, one = (_learner(f"learner.updates_per_batch={count}", *OPTIONS[1]) for count in (4, 1))
    for learner in (many, one):
        learner.train_step(_batch(learner))
    moments = [[v.numpy() for v in learner._team.inputs.variables] for learner in (many, one)]
    assert moments[0]
    for found, wanted in zip(*moments, strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("options", [[], OPTIONS[3]])
def test_a_policy_too_far_away_ends_the_steps_of_a_batch(options):
    free = _learner("learner.updates_per_batch=5", "optimizer.learning_rate=0.05", *options)
    batch = _batch(free)
    metrics = free.train_step(batch)
    agents = 1 if options else SPEC.n_agents
    kls = [metrics[f"policy/kl_update_{number}"] - metrics["policy/kl"] for number in range(2, 6)]
    assert kls[1] > max(kls[0], 0)
    limit = (max(kls[0], 0) + kls[1]) / 2 / agents  # the third step is the first to find it too far
    held = _learner(f"learner.max_kl={limit}", "learner.updates_per_batch=5", "optimizer.learning_rate=0.05", *options)
    metrics = held.train_step(batch)
    assert metrics["optimizer/updates"] == 3
    assert held.learner_steps == 3
    assert "policy/kl_update_3" in metrics and "policy/kl_update_4" not in metrics
    three = _learner("learner.updates_per_batch=3", "optimizer.learning_rate=0.05", *options)
    three.train_step(batch)
    for found, wanted in zip(_weights(held), _weights(three), strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("lag", [0.0, 5.0])
def test_how_old_a_batch_is_ends_none_of_its_steps(lag):
    learner = _learner("learner.max_kl=1.0", "learner.updates_per_batch=3", "loss.clip_ratio=0.2")
    batch = _batch(learner)
    batch.log_prob[:] += lag
    assert learner.train_step(batch)["optimizer/updates"] == 3


def test_env_steps_count_batches_and_not_learner_steps():
    learner = _learner("learner.updates_per_batch=3", "learner.batch_size=4")
    for number in range(2):
        learner.train_step(_batch(learner, number))
    assert learner.env_steps == 2 * STEPS * COLUMNS
    assert learner.learner_steps == 6


def test_policy_and_critic_are_clipped_each_by_itself():
    """With an epsilon this large Adam's first step is along the gradient, sqrt(1 - beta_2) of it with these sizes."""
    length = 1e-3 * np.sqrt(1e-3)
    sized = ["optimizer.epsilon=1e6", "optimizer.learning_rate=1e6", "optimizer.clip_norm=1e-3"]

    def moved(*params):
        learner = _learner(*sized, *params)
        before = [[v.numpy() for v in part.trainable_variables] for part in (learner.policy, learner.critic)]
        learner.train_step(_batch(learner))
        after = [[v.numpy() for v in part.trainable_variables] for part in (learner.policy, learner.critic)]
        return [
            tf.linalg.global_norm([a - b for a, b in zip(*pair, strict=True)]).numpy()
            for pair in zip(after, before, strict=True)
        ]

    together, apart = moved(), moved("optimizer.clip_apart=True")
    np.testing.assert_allclose(apart, [length, length], rtol=1e-2)
    np.testing.assert_allclose(np.hypot(*together), length, rtol=1e-2)
