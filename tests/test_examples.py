"""The networks and losses of examples/ work on a map: as they are, and compiled by XLA."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from seed_matrace.algo.acting import CompiledPolicy
from seed_matrace.algo.built_in import maker
from seed_matrace.algo.losses import loss_of_batch
from seed_matrace.algo.team_networks import Networks
from seed_matrace.config import load_config
from seed_matrace.learner.try_out import try_out
from seed_matrace.modules import read_modules, registry_of
from seed_matrace.sections.loss import LossConfig
from seed_matrace.specs import empty_unroll
from seed_matrace.training_env import training_spec
from seed_matrace.types import Unroll

BESIDE = {"careful", "sure"}  # a reward and a hook: tests/training/test_own_code.py has them
EXAMPLES = [path for path in sorted((Path(__file__).parents[1] / "examples").glob("*.py")) if path.stem not in BESIDE]


@pytest.fixture(params=EXAMPLES, ids=[path.stem for path in EXAMPLES])
def config(request):
    registry = registry_of(read_modules([request.param]))
    return load_config(["maps/3m.gin", request.param.with_suffix(".gin")], registry=registry)[0]


def test_they_fit_stacks_of_observations_too(config):
    try_out(config, training_spec(config))
    params = ["env.frame_stack = 2", *(f"{kind} = {name!r}" for kind, name in _chosen(config).items())]
    stacked = load_config([], params, registry=config.registry)[0]
    try_out(stacked, training_spec(stacked))


def _chosen(config):
    return {"network.policy": config.network.policy, "loss.function": config.loss.function}


def ppo_advantages(*, time_limit=False, **batch):
    """Of examples/ppo_clip.py, with discount 0.9 and lambda 0.8."""
    file = read_modules([EXAMPLES[0].with_name("ppo_clip.py")])
    function = registry_of(file).find("loss", "ppo_clip").make.__globals__["generalised_advantages"]
    config = LossConfig(discount=0.9, bootstrap_time_limit=time_limit)
    given = {name: tf.constant(array, tf.float32) for name, array in batch.items()}
    return function(
        SimpleNamespace(
            config=config,
            options=SimpleNamespace(gae_lambda=0.8),
            values=given["values"],
            unroll=SimpleNamespace(reward=given["rewards"]),
            targets=SimpleNamespace(continues=given["continues"]),
            per_agent=given["values"].shape.rank == 3,
        )
    )


@pytest.mark.parametrize("agents", [(), (2,)], ids=["central critic", "one value per agent"])
def test_advantages_of_ppo_sum_temporal_differences_up_to_the_end(agents):
    rng = np.random.default_rng(0)
    steps, columns = 7, 3
    values = rng.normal(size=(steps + 1, columns, *agents))
    rewards = rng.normal(size=(steps + 1, columns))
    continues = np.ones((steps, columns, *agents))
    continues[2, 1] = 0.0
    expected = np.zeros_like(values)
    for t in reversed(range(steps)):
        for column in range(columns):
            go_on = 0.9 * continues[t, column]
            difference = rewards[t + 1, column] + go_on * values[t + 1, column] - values[t, column]
            expected[t, column] = difference + 0.8 * go_on * expected[t + 1, column]
    found = ppo_advantages(values=values, rewards=rewards, continues=continues)
    np.testing.assert_allclose(found, expected[:-1], rtol=1e-4, atol=1e-5)


def test_ppo_refuses_what_it_would_leave_out():
    with pytest.raises(ValueError, match="ppo_clip knows neither"):
        ppo_advantages(time_limit=True, values=[[0.0]] * 2, rewards=[[0.0]] * 2, continues=[[1.0]])


def test_xla_computes_the_same(config):
    spec = training_spec(config)
    networks, rng = Networks(spec, config, 0), np.random.default_rng(0)
    unroll = empty_unroll(spec, 3, 2, config.network.unroll_fields)
    unroll.obs[:] = rng.normal(size=unroll.obs.shape)
    unroll.reward[:] = rng.normal(size=unroll.reward.shape)
    unroll.avail_actions[:] = 1
    unroll.log_prob[:] = -2.0

    def gradients(*fields):
        batch = Unroll(*fields)
        with tf.GradientTape() as tape:
            logits, values = networks(batch)
            loss = loss_of_batch(
                maker(config.entry("loss")),
                logits=logits,
                values=values,
                unroll=batch,
                entropy_cost=tf.constant(0.1),
                config=config.loss,
                options=config.options_of("loss"),
                policy=networks.policy,
                critic=networks.critic,
            )
        return tape.gradient(loss.total, networks.trained)

    plain, compiled = (tf.function(gradients, autograph=False, jit_compile=jit)(*unroll) for jit in (False, True))
    assert max(np.abs(gradient).max() for gradient in plain) > 1e-3
    for one, other in zip(plain, compiled, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
    acting = [CompiledPolicy(networks.policy, spec, jit_compile=jit) for jit in (False, True)]
    one, other = (policy.greedy(unroll.obs[0], unroll.avail_actions[0]) for policy in acting)
    np.testing.assert_array_equal(one.action, other.action)
    np.testing.assert_allclose(one.log_prob, other.log_prob, rtol=1e-4, atol=1e-5)
