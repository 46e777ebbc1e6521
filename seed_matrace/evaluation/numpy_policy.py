"""Trained teams as plain NumPy weights in one file, played without TensorFlow."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np

from seed_matrace.arrays_file import open_arrays, write_arrays
from seed_matrace.evaluation.greedy import GreedyTeam
from seed_matrace.evaluation.numpy_units import embed_units, see_units, unit_logits
from seed_matrace.evaluation.team import Team
from seed_matrace.foreign_files import shown
from seed_matrace.specs import EnvSpec, read_env_spec, spec_as_json
from seed_matrace.types import Memory, PolicyOutput
from seed_matrace.unit_columns import UnitColumns

_FORMAT = 1
_ABOUT = "about"  # the array that holds the rest, as JSON
_LAYER_NORM_EPSILON = 1e-3  # as in algo/layer_norm.py
_LARGEST = 10.0  # as in algo/normalisation.py
_MOST_ARRAYS = 400
_MOST_INPUTS = 10**8  # of all agents in one step
_ARRAYS = re.compile(r"(kernel|bias|gain|offset)_\d+|unit_(kernel|bias)_\d|gru_kernel|gru_bias|obs_mean|obs_std")
_SIZES = (("frame_stack", 1, 1000), ("gru_units", 0, 10**5), ("env_steps", 0, 2**62))


@dataclass(frozen=True)
class PolicyFacts:
    """What is known of an exported policy beside its weights."""

    map_name: str
    backend: str  # what it was trained on
    env_steps: int
    spec: EnvSpec  # of the environment, never stacked
    frame_stack: int
    gru_units: int
    agent_id: bool  # the network sees it
    last_action: bool  # likewise
    dtype: str  # hidden layers multiply in it


class NumpyPolicy(Team):
    """What ``load_policy`` gives for an exported file.

    Attributes:
      facts: where it comes from.
      weights: the arrays of the file, by name: kernel_0, bias_0, ...
    """

    def __init__(self, facts: PolicyFacts, weights: Mapping[str, np.ndarray]) -> None:
        team = GreedyTeam(self._greedy_step, facts.spec.n_agents * facts.gru_units)
        super().__init__(team, facts.spec, facts.frame_stack, facts.backend)
        self.facts = facts
        self.weights = dict(weights)
        self._units = _units(facts) if "unit_kernel_0" in weights else None

    def logits(
        self, obs: np.ndarray, last_action: np.ndarray | None = None, recurrent: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """One step of the network.

        Args:
          obs: float32 [E, N, k * O], stacked.
          last_action: int32 [E, N], -1 at the start of an episode; only where the network sees it.
          recurrent: float32 [E, R], only of a recurrent network.

        Returns:
          float32 [E, N, A], and the recurrent state after the step or None.
        """
        envs, agents = obs.shape[:2]
        x: np.ndarray = self._seen(obs, last_action)
        copies = self.weights["kernel_0"].ndim == 3  # a network for each agent
        x = x.transpose(1, 0, 2) if copies else x.reshape(envs * agents, -1)
        embeddings: list[np.ndarray] = []
        if self._units:
            embeddings = embed_units(x, self._units, self.weights, partial(self._product, hidden=True))
            x = see_units(x, self._units, obs.shape[-1], embeddings)
        layers = sum(name.startswith("kernel_") for name in self.weights)
        for i in range(layers):
            x = self._product(x, self.weights[f"kernel_{i}"], hidden=i < layers - 1 - bool(self.facts.gru_units))
            x = x + self.weights[f"bias_{i}"]
            if self.facts.gru_units and i == layers - 2:
                assert recurrent is not None
                x, recurrent = self._gru(x, recurrent.reshape(envs, agents, -1), copies)
            elif i < layers - 1:
                x = np.maximum(self._normalised(x, i), 0)

        def by_env(array: np.ndarray) -> np.ndarray:
            return array.swapaxes(0, 1) if copies else array.reshape(envs, agents, *array.shape[1:])

        if self._units:
            return unit_logits(by_env(x), self.spec, self._units, [by_env(kind) for kind in embeddings]), recurrent
        return by_env(x), recurrent

    def try_out(self) -> None:
        """Raises ValueError unless the arrays fit one another and the facts."""
        agents = self.spec.n_agents
        memory = np.zeros((1, agents), np.int32), np.zeros((1, agents * self.facts.gru_units), np.float32)
        try:
            obs = np.zeros((1, agents, self.facts.frame_stack * self.spec.obs_dim), np.float32)
            logits, recurrent = self.logits(obs, *memory)
        except (ValueError, IndexError, KeyError, AssertionError) as error:
            words = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(f"its arrays do not fit one another ({words[:200]})") from None
        after = memory[1].shape if self.facts.gru_units else None
        shapes = logits.shape, None if recurrent is None else recurrent.shape
        if shapes[0] != (1, agents, self.spec.n_actions) or (after is not None and shapes[1] != after):
            raise ValueError(f"its arrays give {shapes[0][1:]} for {agents} agents with {self.spec.n_actions} actions")

    def _greedy_step(self, obs: np.ndarray, avail_actions: np.ndarray, memory: Memory) -> PolicyOutput:
        logits, after = self.logits(obs, *memory)
        action = np.where(avail_actions, logits, -np.inf).argmax(axis=-1).astype(np.int32)
        return PolicyOutput(action, np.zeros(0), after)

    def _seen(self, obs: np.ndarray, last_action: np.ndarray | None) -> np.ndarray:
        """float32 [E, N, inputs]."""
        if "obs_mean" in self.weights:
            obs = np.clip((obs - self.weights["obs_mean"]) / self.weights["obs_std"], -_LARGEST, _LARGEST)
        parts = [obs]
        if self.facts.agent_id:
            parts.append(np.broadcast_to(np.eye(self.spec.n_agents, dtype=np.float32), (*obs.shape[:2], obs.shape[1])))
        if self.facts.last_action:
            assert last_action is not None
            parts.append((last_action[..., np.newaxis] == np.arange(self.spec.n_actions)).astype(np.float32))
        return np.concatenate(parts, axis=-1)

    def _product(self, x: np.ndarray, kernel: np.ndarray, *, hidden: bool) -> np.ndarray:
        if hidden and self.facts.dtype == "bfloat16":
            return _as_bfloat16(_as_bfloat16(x) @ _as_bfloat16(kernel))
        product: np.ndarray = x @ kernel
        return product

    def _normalised(self, x: np.ndarray, layer: int) -> np.ndarray:
        """Layer normalisation (Ba, Kiros and Hinton 2016, eq. 4), where the network has it."""
        if f"gain_{layer}" not in self.weights:
            return x
        centred = x - x.mean(axis=-1, keepdims=True)
        scale = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + _LAYER_NORM_EPSILON)
        normal: np.ndarray = centred / scale * self.weights[f"gain_{layer}"] + self.weights[f"offset_{layer}"]
        return normal

    def _gru(self, x: np.ndarray, state: np.ndarray, copies: bool) -> tuple[np.ndarray, np.ndarray]:
        """One step of gated recurrent units (Cho et al. 2014), written as in ``algo.recurrence.Gru``.

        Args:
          x: the inputs of the gates z, r and n, [M, 3 * units] or [N, E, 3 * units].
          state: [E, N, units].

        Returns:
          The new state as the next layer takes it, and [E, N * units].
        """
        envs = len(state)
        h = state.transpose(1, 0, 2) if copies else state.reshape(-1, self.facts.gru_units)
        z_x, r_x, n_x = np.split(x, 3, axis=-1)
        z_h, r_h, n_h = np.split(h @ self.weights["gru_kernel"], 3, axis=-1)
        z, r = _sigmoid(z_x + z_h), _sigmoid(r_x + r_h)
        n = np.tanh(n_x + r * (n_h + self.weights["gru_bias"]))
        h = n + z * (h - n)
        return h, (h.transpose(1, 0, 2) if copies else h).reshape(envs, -1)


def save_numpy_policy(path: str | os.PathLike[str], facts: PolicyFacts, weights: Mapping[str, np.ndarray]) -> None:
    """Writes one .npz file; ``load_numpy_policy`` reads it."""
    about = json.dumps({"format": _FORMAT, **vars(facts), "spec": spec_as_json(facts.spec)})
    write_arrays(path, {**weights, _ABOUT: np.frombuffer(about.encode(), np.uint8)})


def load_numpy_policy(path: str | os.PathLike[str]) -> NumpyPolicy:
    """Reads what ``save_numpy_policy`` wrote; nothing in it is unpickled.

    Raises:
      ValueError: the file is no exported policy, or of another version.
      OSError: it cannot be read.
    """
    try:
        with open_arrays(path, most_arrays=_MOST_ARRAYS) as arrays:
            about = arrays.document(_ABOUT)
            if not isinstance(about, dict) or about.pop("format", None) != _FORMAT:
                raise ValueError("its format is not one that this version knows")
            facts = _facts(about)
            declared = {name: array for name, array in arrays.declared.items() if name != _ABOUT}
            _check_declared(declared, facts)
            policy = NumpyPolicy(facts, {name: arrays.read(name) for name in declared})
        for name, array in policy.weights.items():
            if not np.isfinite(array).all():
                raise ValueError(f"{name} is not finite")
        policy.try_out()
        return policy
    except ValueError as error:
        raise ValueError(
            f"{path} is not a policy that seed-matrace export --format=numpy wrote, or is damaged: {error}"
        ) from None


def _facts(about: dict[str, Any]) -> PolicyFacts:
    """The facts, each of the type and in the range that it must have."""
    spec = read_env_spec(about.get("spec"))
    for name, least, most in _SIZES:
        value = about.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(f"{name} is {shown(value)}; {least} to {most} expected")
    if spec.n_agents * about["frame_stack"] * spec.obs_dim > _MOST_INPUTS:
        raise ValueError(f"its observations are more than {_MOST_INPUTS:,} numbers")
    for name in ("map_name", "backend", "dtype"):
        value = about.get(name)
        if not isinstance(value, str) or not value.isprintable():
            raise ValueError(f"{name} is {shown(value)}; text on one line expected")
    for name in ("agent_id", "last_action"):
        if not isinstance(about.get(name), bool):
            raise ValueError(f"{name} is {shown(about.get(name))}; true or false expected")
    unknown = set(about) - {field.name for field in fields(PolicyFacts)}
    if unknown:
        raise ValueError(f"it says {shown(min(unknown))}, which this version does not know")
    return PolicyFacts(**{**about, "spec": spec})


def _check_declared(declared: Mapping[str, tuple[tuple[int, ...], np.dtype]], facts: PolicyFacts) -> None:
    """Raises ValueError for what need not be read to be seen."""
    layers = sum(name.startswith("kernel_") for name in declared)
    wanted = {f"{part}_{layer}" for part in ("kernel", "bias") for layer in range(layers)}
    if not layers or not wanted <= set(declared):
        raise ValueError(f"there is no array {min(wanted - set(declared), default='kernel_0')!r} in it")
    for name, (shape, dtype) in declared.items():
        if not re.fullmatch(
            r"(kernel|bias|gain|offset)_\d+|unit_(kernel|bias)_\d|gru_kernel|gru_bias|obs_mean|obs_std", name
        ):
            raise ValueError(f"there is an array {shown(name)} in it, which this version does not know")
        if dtype != np.float32:
            raise ValueError(f"{name} is {dtype} {shape}; float32 expected")
    sees_units = "unit_kernel_0" in declared
    if sees_units and facts.spec.units is None:
        raise ValueError("there is an array unit_kernel_0 in it, but it does not say where units stand")
    spec, seen = facts.spec, declared["kernel_0"][0]
    inputs = facts.frame_stack * spec.obs_dim + facts.agent_id * spec.n_agents + facts.last_action * spec.n_actions
    if not sees_units and seen[-2:-1] != (inputs,):
        raise ValueError(f"its arrays do not fit one another (kernel_0 is {seen}, for {inputs} inputs)")


def _units(facts: PolicyFacts) -> UnitColumns:
    assert facts.spec.units is not None
    return facts.spec.units.stacked(facts.frame_stack, facts.spec.obs_dim)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    half: np.ndarray = 0.5 + 0.5 * np.tanh(0.5 * x)
    return half


def _as_bfloat16(x: np.ndarray) -> np.ndarray:
    """float32 rounded to the nearest number that bfloat16 has."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).view(np.float32)
