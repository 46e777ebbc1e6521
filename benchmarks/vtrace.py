"""Ways to run V-trace's backward recursion on a CPU, and all of V-trace: python benchmarks/vtrace.py [repeats].

Prints one line per shape, minima over the repeats in microseconds. Ways of the recursion come without what an empty
call costs; all of V-trace (targets and advantages) is what a caller waits for, beside rlax under jit where rlax is
installed. The last line is one JSON object.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import sys
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import numpy as np
import tensorflow as tf
from timing import best_us

from seed_matrace.algo.vtrace import discounted_sums, vtrace

Tensor = Any

SHAPES = [(100, 32), (100, 512), (1000, 512), (100, 32, 8)]
LONGEST_UNROLLED = 100  # a graph of more steps takes minutes to build


def unrolled(terms: Tensor, factors: Tensor) -> Tensor:
    """One pair of operations per step."""
    sums = [terms[-1]]
    for t in reversed(range(terms.shape[0] - 1)):
        sums.append(terms[t] + factors[t] * sums[-1])
    return tf.stack(sums[::-1])


def scan(terms: Tensor, factors: Tensor) -> Tensor:
    """A loop inside the graph."""
    return tf.scan(lambda later, x: x[0] + x[1] * later, (terms, factors), tf.zeros_like(terms[0]), reverse=True)


def tridiagonal(terms: Tensor, factors: Tensor) -> Tensor:
    """The same sums as the solution of a bidiagonal system, one kernel for all steps."""
    columns = [tf.transpose(tf.reshape(x, [terms.shape[0], -1])) for x in (terms, factors)]
    diagonals = tf.stack([-columns[1], tf.ones_like(columns[1]), tf.zeros_like(columns[1])], axis=1)
    sums = tf.linalg.tridiagonal_solve(diagonals, columns[0], partial_pivoting=False)
    return tf.reshape(tf.transpose(sums), terms.shape)


def empty(terms: Tensor, factors: Tensor) -> Tensor:
    """What a call costs that does nothing."""
    return terms


def measure(repeats: int) -> dict[str, dict[str, float]]:
    """Microseconds by shape and way."""
    results: dict[str, dict[str, float]] = {}
    for shape in SHAPES:
        rng = np.random.default_rng(0)
        inputs = [tf.constant(rng.random(shape, np.float32)) for _ in range(2)]
        ways = [empty, discounted_sums, scan, tridiagonal, *([unrolled] if shape[0] <= LONGEST_UNROLLED else [])]
        calls = {way.__name__: _compiled(way, inputs) for way in ways}
        for way in ways[1:]:
            np.testing.assert_allclose(calls[way.__name__](), calls["scan"](), rtol=1e-4)
        best = best_us(calls, repeats)
        nothing = best.pop("empty")
        key = "x".join(map(str, shape))
        results[key] = {name: round(us - nothing, 1) for name, us in best.items()}
        print(f"{key:>12}  " + "  ".join(f"{name} {us:.0f} us" for name, us in results[key].items()))
    return results


def measure_whole(repeats: int) -> dict[str, dict[str, float]]:
    """Microseconds of targets and advantages by shape, from inputs in the memory of the framework."""
    results: dict[str, dict[str, float]] = {}
    for shape in SHAPES:
        inputs = _inputs(shape)
        arrays = [tf.constant(array) for array in inputs.values()]
        calls = {"vtrace": _compiled(_whole, arrays)}
        if importlib.util.find_spec("rlax"):
            calls["rlax"] = _rlax_call(**inputs)
            for ours, theirs in zip(calls["vtrace"](), calls["rlax"](), strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-4)
        key = "x".join(map(str, shape))
        results[key] = {name: round(us, 1) for name, us in best_us(calls, repeats).items()}
        print(f"{key:>12}  " + "  ".join(f"{name} {us:.0f} us" for name, us in results[key].items()))
    return results


def _whole(log_rhos: Tensor, discounts: Tensor, rewards: Tensor, values: Tensor, bootstrap_value: Tensor) -> Any:
    return vtrace(
        log_rhos=log_rhos, discounts=discounts, rewards=rewards, values=values, bootstrap_value=bootstrap_value
    )


def _inputs(shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Arguments of ``vtrace`` with ratios on both sides of 1 and episodes that end now and then."""
    rng = np.random.default_rng(0)
    inputs = {
        "log_rhos": 0.5 * rng.normal(size=shape),
        "discounts": 0.99 * (rng.random(shape) > 0.03),
        "rewards": rng.normal(size=shape),
        "values": rng.normal(size=shape),
        "bootstrap_value": rng.normal(size=shape[1:]),
    }
    return {name: array.astype(np.float32) for name, array in inputs.items()}


def _rlax_call(
    *, log_rhos: np.ndarray, discounts: np.ndarray, rewards: np.ndarray, values: np.ndarray, bootstrap_value: np.ndarray
) -> Callable[[], tuple[Any, Any]]:
    """The same inputs in rlax: its c-bar is 1, and its lambda means the same as here at 1 only."""
    import jax
    import rlax

    one_column = functools.partial(rlax.vtrace_td_error_and_advantage, lambda_=1.0)
    columns = one_column
    for axis in range(1, rewards.ndim):
        columns = jax.vmap(columns, in_axes=axis, out_axes=axis)

    @jax.jit
    def whole(log_rhos: Any, discounts: Any, rewards: Any, values: Any, bootstrap: Any) -> tuple[Any, Any]:
        later = jax.numpy.concatenate([values[1:], bootstrap[None]])
        output = columns(values, later, rewards, discounts, jax.numpy.exp(log_rhos))
        return output.errors + values, output.pg_advantage

    arrays = [jax.device_put(array) for array in (log_rhos, discounts, rewards, values, bootstrap_value)]
    return lambda: jax.block_until_ready(whole(*arrays))


def _compiled(function: Callable[..., Any], inputs: list[Tensor]) -> Callable[[], Any]:
    return functools.partial(tf.function(function, autograph=False).get_concrete_function(*inputs), *inputs)


if __name__ == "__main__":
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    print(json.dumps({"recursion": measure(count), "whole": measure_whole(count)}))
