"""Compiled functions that run where they are called."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import tensorflow as tf

_EXECUTOR = "SINGLE_THREADED_EXECUTOR"  # which has the least to do for one thread


def on_calling_thread(function: Any, *, branches: bool = False) -> Callable[..., Any]:
    """``function`` with all of its operations run by the thread that calls it; for functions on the CPU.

    Called as it is, a compiled function is handed to TensorFlow's threads, even a short one and by every executor, and
    the caller waits: on a busy machine that takes longer than the function itself. ``StatefulPartitionedCall``, called
    eagerly, is a kernel like any other and runs in place.

    Args:
      function: a ``ConcreteFunction`` of flat arguments, tensors or None as it was traced. What it captures, such as
        variables, is captured here once.
      branches: whether it has conditions or loops, which that executor does not know.

    Returns:
      A callable with the function's arguments and results.
    """
    captured = function.captured_inputs
    executor = "" if branches else _EXECUTOR
    dtypes = [output.dtype.as_datatype_enum for output in function.outputs]  # numbers need no conversion at each call
    structure = function.structured_outputs
    leaves = tf.nest.flatten(structure)
    pack = getattr(structure, "_make", None)
    if pack is None or any(map(tf.nest.is_nested, structure)):  # else there is a quicker way than TensorFlow's
        pack = partial(tf.nest.pack_sequence_as, structure)
    indices = [index for index, leaf in enumerate(leaves) if leaf is not None]

    def call(*inputs: Any) -> Any:
        given = [tensor for tensor in inputs if tensor is not None]
        results = [None] * len(leaves)
        outputs = tf.raw_ops.StatefulPartitionedCall(
            args=[*given, *captured], Tout=dtypes, f=function, executor_type=executor
        )
        for index, output in zip(indices, outputs, strict=True):
            results[index] = output
        return pack(results)

    return call
