"""Gated recurrent units over unrolls, against a cell in NumPy that is stepped one step and one state at a time."""

import numpy as np
import pytest
import tensorflow as tf

from seed_matrace.algo.recurrence import Gru, Past, gru_states

STEPS, ENVS, AGENTS, UNITS = 6, 4, 3, 5
STARTS = np.zeros((STEPS, ENVS), bool)
STARTS[0, 1] = STARTS[3, 2] = STARTS[5, 2] = STARTS[2, 0] = True
SHAPES = pytest.mark.parametrize(("agents", "copies"), [(1, False), (AGENTS, False), (AGENTS, True)])


def _cell(x, h, kernel, bias):
    """One GRU cell, its equation as written, for one state: x [3 * units], h [units]."""
    sigmoid = lambda y: 1 / (1 + np.exp(-y))  # noqa: E731
    x_z, x_r, x_n = np.split(x, 3)
    w_z, w_r, w_n = np.split(kernel, 3, axis=1)
    z, r = sigmoid(x_z + h @ w_z), sigmoid(x_r + h @ w_r)
    n = np.tanh(x_n + r * (h @ w_n + bias))
    return z * h + (1 - z) * n


def _gru(agents, copies):
    gru = Gru(UNITS, np.random.default_rng(0), agents=agents, copies=copies)
    gru.bias.assign(np.random.default_rng(1).normal(size=gru.bias.shape))
    return gru


def _inputs(agents, copies, seed=2):
    """What enters the gates, [T, B, agents, 3 * units], the same as rows, and a state [B, agents * units]."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(STEPS, ENVS, agents, 3 * UNITS)).astype(np.float32)
    rows = np.moveaxis(x, 2, 0).reshape(agents, -1, 3 * UNITS) if copies else x.reshape(-1, 3 * UNITS)
    return x, rows, rng.normal(size=(ENVS, agents * UNITS)).astype(np.float32)


def _by_env(rows, agents, copies):
    """Rows of a GRU as [T, B, agents, width]."""
    if copies:
        return np.moveaxis(np.reshape(rows, (agents, STEPS, ENVS, -1)), 0, 2)
    return np.reshape(rows, (STEPS, ENVS, agents, -1))


@SHAPES
def test_every_state_is_that_of_a_cell_stepped_by_itself(agents, copies):
    gru = _gru(agents, copies)
    x, rows, state = _inputs(agents, copies)
    outputs, last = gru(tf.constant(rows), Past(state, STARTS))
    outputs = _by_env(outputs, agents, copies)
    for env in range(ENVS):
        for agent in range(agents):
            kernel, bias = gru.kernel.numpy(), gru.bias.numpy()
            kernel, bias = (kernel[agent], bias[agent, 0]) if copies else (kernel, bias)
            h = state[env].reshape(agents, UNITS)[agent]
            for step in range(STEPS):
                h = np.zeros(UNITS) if STARTS[step, env] else h
                h = _cell(x[step, env, agent], h, kernel, bias)
                np.testing.assert_allclose(outputs[step, env, agent], h, rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(last[env].numpy().reshape(agents, UNITS)[agent], h, rtol=1e-4, atol=1e-5)


@SHAPES
def test_stepping_on_from_the_last_state_is_one_long_unroll(agents, copies):
    gru = _gru(agents, copies)
    x, rows, state = _inputs(agents, copies)
    outputs, _ = gru(tf.constant(rows), Past(state, STARTS))
    for step in range(STEPS):
        one = np.moveaxis(x[step], 1, 0) if copies else x[step].reshape(-1, 3 * UNITS)
        state = np.where(STARTS[step][:, None], 0, state)
        _, state = gru(tf.constant(one), Past.of_one_step(tf.constant(state, tf.float32)))
        expected = _by_env(outputs, agents, copies)[step].reshape(ENVS, -1)
        np.testing.assert_allclose(state, expected, rtol=1e-5, atol=1e-6)


def test_nothing_of_the_episode_before_passes_a_start():
    gru = _gru(1, False)
    _, rows, state = _inputs(1, False)
    other_rows, other_state = rows.copy(), state + 1
    before = np.cumsum(STARTS, axis=0) == 0  # steps of the episodes that were under way
    other_rows.reshape(STEPS, ENVS, -1)[before] += 1
    (outputs, _), (other, _) = gru(tf.constant(rows), Past(state, STARTS)), gru(other_rows, Past(other_state, STARTS))
    outputs, other = _by_env(outputs, 1, False), _by_env(other, 1, False)
    np.testing.assert_array_equal(outputs[~before], other[~before])
    assert (outputs[before] != other[before]).any(axis=-1).all()


@pytest.mark.parametrize("copies", [(), (AGENTS,)])
def test_gradient_is_that_of_the_steps_written_out(copies):
    rng = np.random.default_rng(3)
    shapes = (STEPS, *copies, ENVS, 3 * UNITS), (*copies, ENVS, UNITS), (*copies, UNITS, 3 * UNITS), (*copies, 1, UNITS)
    x, state, kernel, bias = (tf.constant(rng.normal(size=shape), tf.float32) for shape in shapes)
    bias = bias if copies else bias[0]
    keep = tf.constant(~STARTS.reshape(STEPS, *(1 for _ in copies), ENVS, 1), tf.float32)
    weights = tf.constant(rng.normal(size=(STEPS, *copies, ENVS, UNITS)), tf.float32)

    def written_out(x, state, keep, kernel, bias):
        outputs = []
        for t in range(STEPS):
            state = state * keep[t]
            products = tf.matmul(state, kernel)
            z, r = (
                tf.sigmoid(x[t][..., :UNITS] + products[..., :UNITS]),
                tf.sigmoid((x[t] + products)[..., UNITS:-UNITS]),
            )
            n = tf.tanh(x[t][..., -UNITS:] + r * (products[..., -UNITS:] + bias))
            state = z * state + (1 - z) * n
            outputs.append(state)
        return tf.stack(outputs)

    gradients = []
    for function in (gru_states, written_out):
        with tf.GradientTape() as tape:
            tape.watch(inputs := (x, state, kernel, bias))
            loss = tf.reduce_sum(weights * function(x, state, keep, kernel, bias))
        gradients.append((loss, *tape.gradient(loss, inputs)))
    for ours, expected in zip(*gradients, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-5)


def test_gradient_flows_through_time_but_not_into_the_state_that_was_stored():
    gru = _gru(1, False)
    _, rows, state = _inputs(1, False)
    x, state = tf.constant(rows), tf.constant(state)
    with tf.GradientTape() as tape:
        tape.watch([x, state])
        _, last = gru(x, Past(state, STARTS))
        loss = tf.reduce_sum(last)
    of_x, of_state = tape.gradient(loss, [x, state])
    since_start = np.cumsum(STARTS[::-1], axis=0)[::-1] - STARTS == 0  # steps of the episode of the last step
    reached = (of_x.numpy().reshape(STEPS, ENVS, -1) != 0).any(axis=-1)
    np.testing.assert_array_equal(reached, since_start)
    assert of_state is None


def test_kernels_are_orthogonal_and_follow_the_seed():
    gru, copies = _gru(1, False), _gru(AGENTS, True)
    for kernel in (gru.kernel, *tf.unstack(copies.kernel)):
        for gate in np.split(kernel.numpy(), 3, axis=1):
            np.testing.assert_allclose(gate @ gate.T, np.eye(UNITS), atol=1e-5)
    np.testing.assert_array_equal(gru.kernel, _gru(1, False).kernel)
    assert (copies.kernel[0] != copies.kernel[1]).numpy().all()


def test_missing_past_is_one_clear_error():
    with pytest.raises(ValueError, match="pass its past"):
        _gru(1, False)(tf.zeros([4, 3 * UNITS]), None)
