"""Functions called on the caller's own thread do what they do when TensorFlow runs them."""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from seed_matrace.algo.calling_thread import on_calling_thread

X = tf.TensorSpec([None, 2])


class Pair(NamedTuple):
    first: object
    second: object


def traced(function, *signature):
    return tf.function(function, autograph=False).get_concrete_function(*signature)


def test_same_results_and_the_same_change_of_what_is_captured():
    variable = tf.Variable([1.0, 2.0])

    def train(x):
        gradient = tf.reduce_mean(tf.exp(-x * variable), axis=0)
        variable.assign_sub(0.1 * gradient)
        return {"gradient": gradient, "sum": tf.reduce_sum(variable), "count": tf.shape(x)[0]}

    function = traced(train, X)
    x = tf.constant(np.random.default_rng(0).normal(size=(7, 2)), tf.float32)
    expected, weights = function(x), variable.numpy()
    variable.assign([1.0, 2.0])
    results = on_calling_thread(function)(x)
    assert results.keys() == expected.keys()
    assert all(np.array_equal(results[name], expected[name]) for name in expected)
    np.testing.assert_array_equal(variable, weights)
    assert not np.array_equal(weights, [1.0, 2.0])


def test_arguments_and_results_may_be_none():
    function = traced(lambda x, none, y: (Pair(x + y, None), none), X, None, X)
    pair, none = on_calling_thread(function)(tf.ones([1, 2]), None, tf.ones([1, 2]))
    assert isinstance(pair, Pair)
    np.testing.assert_array_equal(pair.first, [[2.0, 2.0]])
    assert pair.second is None
    assert none is None


def test_runs_on_the_calling_thread():
    idents: list[int] = []

    def note(x):
        idents.append(threading.get_ident())
        return x

    function = on_calling_thread(traced(lambda x: tf.numpy_function(note, [x], tf.float32), X))
    for _ in range(20):
        function(tf.ones([1, 2]))
    assert idents == [threading.get_ident()] * 20


def test_errors_come_out():
    function = on_calling_thread(traced(lambda x: tf.debugging.check_numerics(x, "x is not finite"), X))
    with pytest.raises(tf.errors.InvalidArgumentError, match="x is not finite"):
        function(tf.constant([[np.inf, 0.0]]))
