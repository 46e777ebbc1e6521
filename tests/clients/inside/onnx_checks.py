"""Exported ONNX files compute what TensorFlow does, run by a Python that has tf2onnx and onnxruntime."""

import dataclasses

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf

from seed_matrace.algo.agent_inputs import AgentInputs
from seed_matrace.algo.distributions import MaskedCategorical
from seed_matrace.algo.recurrence import Past
from seed_matrace.config import load_config
from seed_matrace.envs.registry import env_spec
from seed_matrace.evaluation.export import export_onnx
from seed_matrace.evaluation.policy import TrainedPolicy
from seed_matrace.learner.learner import Learner
from seed_matrace.training_env import training_spec

VARIANTS = {
    "plain": ["network.layer_norm=False"],
    "layer_norm": ["network.layer_norm=True"],
    "stacked": ["env.frame_stack=3"],
    "separate": ["network.share_policy=False", "network.layer_norm=True"],
    "recurrent": ["network.policy_gru_units=5", "network.critic_gru_units=3"],
    "separate recurrent": ["network.policy_gru_units=5", "network.share_policy=False", "network.last_action=True"],
    "seeing more": ["network.agent_id=True", "network.last_action=True", "network.normalise_obs=True"],
    "perceptron": ["network.policy='mlp'", "network.last_action=True"],
    "healers": ["env.map_name='MMM2'"],
}
ENVS = 20


def a_policy(*bindings):
    config, _, _ = load_config([], ["network.policy_layers=(8, 6)", "learner.unroll_length=2", *bindings])
    learner = Learner(config, training_spec(config), seed=3)
    rng = np.random.default_rng(1)
    for variable in learner.policy.variables:
        if variable.dtype == tf.float32:
            variable.assign(variable + np.abs(rng.normal(scale=0.3, size=variable.shape)))
    return TrainedPolicy(learner, config, env_spec(dataclasses.replace(config.env, frame_stack=1)), 7, "skirmish-3")


def inputs_of(policy):
    rng, spec, network = np.random.default_rng(2), policy.spec, policy.config.network
    shape = (ENVS, spec.n_agents, policy.config.env.frame_stack * spec.obs_dim)
    avail_actions = (rng.random((ENVS, spec.n_agents, spec.n_actions)) < 0.6).astype(np.uint8)
    avail_actions[..., 1] = 1
    inputs = {"obs": rng.normal(size=shape).astype(np.float32), "avail_actions": avail_actions}
    if network.last_action:
        inputs["last_action"] = rng.integers(-1, spec.n_actions, (ENVS, spec.n_agents)).astype(np.int32)
    if policy.network.recurrent_dim:
        inputs["recurrent"] = rng.normal(size=(ENVS, policy.network.recurrent_dim)).astype(np.float32)
    return inputs


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_onnxruntime_computes_is_what_tensorflow_does(variant, tmp_path):
    policy = a_policy(*VARIANTS[variant])
    export_onnx(policy, tmp_path / "policy.onnx")
    session, inputs = onnxruntime.InferenceSession(tmp_path / "policy.onnx"), inputs_of(policy)
    assert {tensor.name for tensor in session.get_inputs()} == set(inputs)
    results = dict(zip([tensor.name for tensor in session.get_outputs()], session.run(None, inputs), strict=True))
    past = Past.of_one_step(tf.constant(inputs["recurrent"])) if "recurrent" in inputs else None
    logits, recurrent = policy.network.forward(tf.constant(inputs["obs"]), inputs.get("last_action"), past)
    wanted = MaskedCategorical(logits, tf.constant(inputs["avail_actions"]))
    np.testing.assert_allclose(results.pop("probabilities"), wanted.probabilities(), atol=1e-5)
    np.testing.assert_array_equal(results.pop("action"), wanted.greedy())
    if recurrent is not None:
        np.testing.assert_allclose(results.pop("next_recurrent"), recurrent, atol=1e-5)
    assert not results


def test_bfloat16_is_refused(tmp_path):
    with pytest.raises(ValueError, match="bfloat16' cannot be exported to ONNX"):
        export_onnx(a_policy("network.dtype='bfloat16'"), tmp_path / "policy.onnx")
    assert not list(tmp_path.iterdir())


def test_a_network_with_captured_tensors_is_refused(tmp_path, monkeypatch):
    captured = tf.constant(np.full(30, 0.5, np.float32))
    monkeypatch.setattr(AgentInputs, "normalise", lambda self, obs: obs + captured)
    with pytest.raises(RuntimeError, match="tensors that tf2onnx takes for inputs"):
        export_onnx(a_policy(), tmp_path / "policy.onnx")
    assert not list(tmp_path.iterdir())
