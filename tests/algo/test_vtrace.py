"""V-trace against a slow transcription of the paper."""

import numpy as np
import pytest
import tensorflow as tf

from seed_matrace.algo.vtrace import VTraceOutput, vtrace


def _inputs(*shape: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Random inputs [T, B, ...] whose ratios lie on both sides of 1 and whose episodes end now and then."""
    rng = np.random.default_rng(seed)
    return {
        "log_rhos": rng.permutation(np.linspace(-2.5, 2.5, np.prod(shape))).reshape(shape),
        "discounts": 0.9 * (rng.random(shape) > 0.2),
        "rewards": rng.normal(size=shape),
        "values": rng.normal(size=shape),
        "bootstrap_value": rng.normal(size=shape[1:]),
    }


def _paper(
    *, log_rhos, discounts, rewards, values, bootstrap_value, rho_bar=1.0, c_bar=1.0, pg_rho_bar=1.0, lambda_=1.0
) -> VTraceOutput:
    """Equation 3 as the paper prints it, one sum per target; the advantage with v_{t+1}, as IMPALA has it."""
    steps = len(rewards)
    ratio = np.exp(log_rhos)
    rho, c = np.minimum(rho_bar, ratio), lambda_ * np.minimum(c_bar, ratio)
    v = np.concatenate([values, bootstrap_value[None]])
    vs = np.concatenate([np.zeros_like(values), bootstrap_value[None]])
    for t in range(steps):
        vs[t] = v[t]
        for u in range(t, steps):
            discounted_trace = np.prod(discounts[t:u], axis=0) * np.prod(c[t:u], axis=0)
            vs[t] += discounted_trace * rho[u] * (rewards[u] + discounts[u] * v[u + 1] - v[u])
    advantages = rewards + discounts * vs[1:] - values
    return VTraceOutput(vs[:-1], np.minimum(pg_rho_bar, ratio) * advantages, advantages)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (7, 2), (8, 4), (33, 2), (6, 2, 3)], ids=str)
@pytest.mark.parametrize(
    ("rho_bar", "c_bar", "pg_rho_bar", "lambda_"),
    [(1.0, 1.0, 1.0, 1.0), (3.7, 2.2, 4.1, 1.0), (1.5, 0.5, 0.8, 0.9), (2.0, 1.0, 1.0, 0.0)],
)
def test_matches_the_paper(shape, rho_bar, c_bar, pg_rho_bar, lambda_):
    inputs = _inputs(*shape)
    output = vtrace(
        **inputs,
        clip_rho_threshold=rho_bar,
        clip_c_threshold=c_bar,
        clip_pg_rho_threshold=pg_rho_bar,
        lambda_=lambda_,
    )
    expected = _paper(**inputs, rho_bar=rho_bar, c_bar=c_bar, pg_rho_bar=pg_rho_bar, lambda_=lambda_)
    np.testing.assert_allclose(output.vs, expected.vs, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(output.pg_advantages, expected.pg_advantages, rtol=1e-4, atol=1e-4)


def test_matches_the_paper_over_a_long_unroll():
    inputs = _inputs(257, 2)
    np.testing.assert_allclose(vtrace(**inputs).vs, _paper(**inputs).vs, rtol=1e-4, atol=1e-4)


def test_on_policy_targets_are_n_step_returns():
    inputs = {**_inputs(9, 3), "log_rhos": np.zeros((9, 3))}
    returns, target = [], inputs["bootstrap_value"]
    for reward, discount in zip(inputs["rewards"][::-1], inputs["discounts"][::-1], strict=True):
        target = reward + discount * target
        returns.append(target)
    expected = np.stack(returns[::-1])
    output = vtrace(**inputs)
    np.testing.assert_allclose(output.vs, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(output.pg_advantages, expected - inputs["values"], rtol=1e-5, atol=1e-5)


def test_agents_are_independent_columns():
    inputs = _inputs(6, 2, 3)
    output = vtrace(**inputs)
    for agent in range(3):
        alone = vtrace(**{name: array[..., agent] for name, array in inputs.items()})
        np.testing.assert_allclose(output.vs[..., agent], alone.vs, rtol=1e-6)


def test_products_beyond_float32_do_not_pass_an_episode_end():
    shape = (200, 1)  # the product of 100 ratios of 20 is 1e130
    ended = np.arange(200) % 100 == 99
    output = vtrace(
        log_rhos=np.full(shape, np.log(20.0)),
        discounts=np.where(ended, 0.0, 1.0)[:, None],
        rewards=np.zeros(shape),
        values=np.zeros(shape),
        bootstrap_value=np.ones(1),
        clip_c_threshold=100.0,
    )
    np.testing.assert_array_equal(output.vs, np.zeros(shape))


def test_gradients_are_stopped():
    values, log_rhos = tf.ones([3, 2]), tf.zeros([3, 2])
    with tf.GradientTape() as tape:
        tape.watch([values, log_rhos])
        output = vtrace(
            log_rhos=log_rhos,
            discounts=tf.ones([3, 2]),
            rewards=tf.ones([3, 2]),
            values=values,
            bootstrap_value=tf.ones([2]),
        )
        total = tf.reduce_sum(output.vs) + tf.reduce_sum(output.pg_advantages)
    assert tape.gradient(total, [values, log_rhos]) == [None, None]


def test_works_with_an_unknown_number_of_columns():
    inputs = _inputs(5, 4)
    names = list(inputs)
    signature = [tf.TensorSpec([5, None])] * 4 + [tf.TensorSpec([None])]
    compiled = tf.function(lambda *arrays: vtrace(**dict(zip(names, arrays, strict=True))), input_signature=signature)
    output = compiled(*(tf.constant(array, tf.float32) for array in inputs.values()))
    np.testing.assert_allclose(output.vs, _paper(**inputs).vs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("rewards", (4, 2)),
        ("discounts", (5, 3)),
        ("values", (5, 2, 1)),
        ("bootstrap_value", (3,)),
        ("bootstrap_value", (5, 2)),
    ],
)
def test_shapes_that_differ_are_named(name, shape):
    with pytest.raises(ValueError, match=name):
        vtrace(**{**_inputs(5, 2), name: np.zeros(shape)})


def test_an_unroll_without_steps_is_an_error():
    with pytest.raises(ValueError, match="T >= 1"):
        vtrace(**_inputs(0, 2))
