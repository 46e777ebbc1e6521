"""A GRU over the steps of an unroll, forward and backward: the program's own gradient, the steps written out, tf.scan.

Prints a table of milliseconds of CPU time per call, minima over many repeats, with all gradients of a train step, and
in brackets the seconds from tracing to the first result. The first argument is the number of repeats, 30 by default.

    python benchmarks/recurrence.py 30
"""

from __future__ import annotations

import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from seed_matrace.algo.recurrence import gru_states

UNITS = 64
SIZES = ((50, 32, 3), (50, 32, 27), (100, 32, 3))  # T, B, agents


def cell(x, state, keep, kernel, bias):
    """One step."""
    state = state * keep
    products = tf.matmul(state, kernel)
    z, r = tf.split(tf.sigmoid(x[..., : 2 * UNITS] + products[..., : 2 * UNITS]), 2, axis=-1)
    n = tf.tanh(x[..., 2 * UNITS :] + r * (products[..., 2 * UNITS :] + bias))
    return n + z * (state - n)


def written_out(x, state, keep, kernel, bias):
    """Every step in the graph; TensorFlow's gradient."""
    states = []
    for step_x, step_keep in zip(tf.unstack(x), tf.unstack(keep), strict=True):
        state = cell(step_x, state, step_keep, kernel, bias)
        states.append(state)
    return tf.stack(states)


def scan(x, state, keep, kernel, bias):
    """A loop in the graph; TensorFlow's gradient."""
    return tf.scan(lambda before, step: cell(step[0], before, step[1], kernel, bias), (x, keep), state)


METHODS = {"own gradient (used)": gru_states, "written out": written_out, "`tf.scan`": scan}


def measure(method, steps: int, rows: int, repeats: int) -> str:
    """One entry of the table."""
    rng = np.random.default_rng(0)
    shapes = (steps, rows, 3 * UNITS), (rows, UNITS), (UNITS, 3 * UNITS), (UNITS,)
    x, state, kernel, bias = (tf.constant(0.1 * rng.normal(size=shape), tf.float32) for shape in shapes)
    keep = tf.constant(rng.random((steps, rows, 1)) > 0.03, tf.float32)

    def train(x, kernel, bias):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel, bias])
            loss = tf.reduce_mean(tf.square(method(x, state, keep, kernel, bias)))
        return tape.gradient(loss, [x, kernel, bias])

    # As in the learner; tf.scan's loop needs the other executor.
    with tf.experimental.function_executor_type("" if method is scan else "SINGLE_THREADED_EXECUTOR"):
        started = time.process_time()
        function = tf.function(train, autograph=False).get_concrete_function(x, kernel, bias)
        function(x, kernel, bias)
        first_s, times = time.process_time() - started, []
        for _ in range(repeats):
            started = time.process_time()
            function(x, kernel, bias)
            times.append(time.process_time() - started)
    return f"{1000 * min(times):.1f} ({first_s:.1f})"


def main() -> None:
    """Prints the table."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    tf.config.threading.set_intra_op_parallelism_threads(1)
    print(f"| T x B x agents | {' | '.join(METHODS)} |")
    print(f"|---|{'---|' * len(METHODS)}")
    for steps, columns, agents in SIZES:
        entries = [measure(method, steps, columns * agents, repeats) for method in METHODS.values()]
        print(f"| {steps} x {columns} x {agents} | {' | '.join(entries)} |", flush=True)


if __name__ == "__main__":
    main()
