"""Policies for other programs: as NumPy weights, as TensorFlow's SavedModel, as ONNX."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from seed_matrace.algo.distributions import MaskedCategorical
from seed_matrace.algo.recurrence import Past
from seed_matrace.evaluation.numpy_policy import NumpyPolicy, PolicyFacts, save_numpy_policy
from seed_matrace.evaluation.policy import TrainedPolicy
from seed_matrace.files import write_file

Tensor = Any
_TRIED_ENVS = 64
_OPSET = 17  # of ONNX: 1.12 of 2022 and later
_ROUNDING = {"float32": 0.01, "bfloat16": 0.05}  # of logits, RMS in parts of theirs; GPUs multiply float32 in TF32


def export_numpy(policy: TrainedPolicy, path: str | os.PathLike[str]) -> None:
    """Writes a .npz file that plays without TensorFlow (``numpy_policy.NumpyPolicy``).

    Raises:
      ValueError: the network gives no arrays.
      RuntimeError: it would play otherwise than the network, which has something that NumPy's does not know.
    """
    env, network = policy.config.env, policy.config.network
    facts = PolicyFacts(
        map_name=env.title,
        backend=policy.backend,
        env_steps=policy.env_steps,
        spec=policy.spec,
        frame_stack=env.frame_stack,
        gru_units=network.policy_gru_units,
        agent_id=network.agent_id,
        last_action=network.last_action,
        dtype=network.dtype,
    )
    weights = policy.network.arrays()
    if weights is None:
        raise ValueError(
            f"network.policy = {network.policy!r} has no twin in NumPy; --format=savedmodel exports the network itself"
        )
    _compare(NumpyPolicy(facts, weights), policy)
    save_numpy_policy(path, facts, weights)


def _compare(exported: NumpyPolicy, policy: TrainedPolicy) -> None:
    """Raises RuntimeError unless both compute the same of random observations and memory."""
    rng, facts, spec = np.random.default_rng(0), exported.facts, policy.spec
    agents = (_TRIED_ENVS, spec.n_agents)
    obs = rng.normal(size=(*agents, facts.frame_stack * spec.obs_dim)).astype(np.float32)
    last_action = rng.integers(-1, spec.n_actions, agents).astype(np.int32)
    recurrent = rng.uniform(-1, 1, (_TRIED_ENVS, policy.network.recurrent_dim)).astype(np.float32)
    past = Past.of_one_step(tf.constant(recurrent)) if policy.network.recurrent_dim else None
    wanted = policy.network.forward(tf.constant(obs), tf.constant(last_action), past)[0].numpy()
    try:
        errors = exported.logits(obs, last_action, recurrent)[0] - wanted
        differ = float(np.sqrt(np.mean(np.square(errors)) / max(np.mean(np.square(wanted)), 1e-12)))
    except (ValueError, IndexError, KeyError, AssertionError):  # arrays that do not even fit
        differ = np.inf
    if not differ <= _ROUNDING[facts.dtype]:
        raise RuntimeError(
            f"this policy's network computes something that its export does not know (logits differ by {differ:.2g} of "
            "their size): evaluation/numpy_policy.py must learn it; --format=savedmodel exports the network itself"
        )


def export_saved_model(policy: TrainedPolicy, path: str | os.PathLike[str]) -> None:
    """Writes a folder for ``tf.saved_model.load``; its ``act`` and "serving_default" do one step.

    Arguments by name, E environments: obs float32 [E, N, k * O] (stacked, oldest first), avail_actions uint8 [E, N, A];
    where the network looks at them last_action int32 [E, N], -1 at the start of an episode, and recurrent float32
    [E, R], 0 there. Results by name: action int32 [E, N], the likeliest; probabilities float32 [E, N, A]; recurrent of
    a recurrent network, for the next step.
    """
    act, signature = _one_step(policy)
    module = tf.Module()
    module.policy = policy.network
    module.act = act
    concrete = module.act.get_concrete_function(**signature)
    tf.saved_model.save(module, os.fspath(path), signatures={"serving_default": concrete})


def export_onnx(policy: TrainedPolicy, path: str | os.PathLike[str]) -> None:
    """Writes an ONNX file that does one step; inputs and outputs are those of ``export_saved_model``.

    But for the recurrent state after the step: it is called next_recurrent, as names must differ.

    Raises:
      RuntimeError: the library that writes it is not installed; the network computes with tensors that it left out.
      ValueError: the network multiplies in a type that ONNX's runtimes do not on CPUs.
    """
    try:
        import tf2onnx
    except ImportError as error:
        raise RuntimeError(
            f"--format=onnx needs tf2onnx ({error}); install it with: pip install 'seed_matrace[onnx]'"
        ) from None
    dtype = policy.config.network.dtype
    if dtype != "float32":
        raise ValueError(f"network.dtype = {dtype!r} cannot be exported to ONNX; --format=numpy and savedmodel can")
    act, signature = _one_step(policy)

    def named(*inputs: Tensor) -> dict[str, Tensor]:
        results = act(**dict(zip(signature, inputs, strict=True)))
        return {"next_recurrent" if name == "recurrent" else name: tensor for name, tensor in results.items()}

    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, "policy.onnx")
        model, _ = tf2onnx.convert.from_function(
            tf.function(named, autograph=False),
            [*signature.values()],
            opset=_OPSET,
            output_path=str(written),
        )
        if {tensor.name for tensor in model.graph.input} != set(signature):
            raise RuntimeError(
                "this policy's network computes with tensors that tf2onnx takes for inputs: make constants of it NumPy "
                "arrays; --format=savedmodel exports the network itself"
            )
        write_file(path, written.read_bytes())


def _one_step(policy: TrainedPolicy) -> tuple[Any, dict[str, tf.TensorSpec]]:
    """A compiled function that does one step, and what it takes, by name and in its order."""
    spec, network = policy.spec, policy.network
    depth = policy.config.env.frame_stack
    signature = {
        "obs": tf.TensorSpec([None, spec.n_agents, depth * spec.obs_dim], tf.float32, "obs"),
        "avail_actions": tf.TensorSpec([None, spec.n_agents, spec.n_actions], tf.uint8, "avail_actions"),
    }
    if policy.config.network.last_action:
        signature["last_action"] = tf.TensorSpec([None, spec.n_agents], tf.int32, "last_action")
    if network.recurrent_dim:
        signature["recurrent"] = tf.TensorSpec([None, network.recurrent_dim], tf.float32, "recurrent")

    def act(
        obs: Tensor, avail_actions: Tensor, last_action: Tensor | None = None, recurrent: Tensor | None = None
    ) -> dict[str, Tensor]:
        past = None if recurrent is None else Past.of_one_step(recurrent)
        logits, after = network.forward(obs, last_action, past)
        distribution = MaskedCategorical(logits, avail_actions)
        results = {"action": distribution.greedy(), "probabilities": distribution.probabilities()}
        return results if after is None else {**results, "recurrent": after}

    return tf.function(act, autograph=False), signature
