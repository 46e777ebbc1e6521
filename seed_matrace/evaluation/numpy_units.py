"""What ``algo.unit_networks`` does before and behind its perceptron, in NumPy.

N: agents, A: actions, D: width of an embedding, M: rows of a batch, agents of one environment one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from seed_matrace.specs import EnvSpec
from seed_matrace.unit_columns import Rows, UnitColumns, ally_slots

Product = Callable[[np.ndarray, np.ndarray], np.ndarray]


def unit_kinds(units: UnitColumns) -> list[tuple[Rows, ...]]:
    """Blocks of the kinds that have an encoder, in the order of ``unit_kernel_0``, ``unit_kernel_1``."""
    return [blocks for blocks in (units.enemies, units.allies) if blocks[0].units]


def embed_units(
    x: np.ndarray, units: UnitColumns, weights: Mapping[str, np.ndarray], product: Product
) -> list[np.ndarray]:
    """float32 [M, columns] to the embeddings of each kind, [M, units, D]."""
    embeddings = []
    for i, blocks in enumerate(unit_kinds(units)):
        products = product(_rows(x, blocks), weights[f"unit_kernel_{i}"]) + weights[f"unit_bias_{i}"]
        embeddings.append(np.maximum(products, 0).reshape(len(x), blocks[0].units, -1))
    return embeddings


def see_units(x: np.ndarray, units: UnitColumns, obs_dim: int, embeddings: list[np.ndarray]) -> np.ndarray:
    """What the perceptron sees, float32 [M, inputs]; ``obs_dim``: of observations as they are stacked in x."""
    sums = [kind.sum(axis=1) / np.float32(np.sqrt(kind.shape[1])) for kind in embeddings]
    return np.concatenate([_rows(x, units.own), x[:, obs_dim:], *sums], axis=-1)


def unit_logits(outputs: np.ndarray, spec: EnvSpec, units: UnitColumns, embeddings: list[np.ndarray]) -> np.ndarray:
    """The perceptron's outputs [M, A + D or A + 2 D] to logits [M, A]."""
    actions, agents, width = spec.n_actions, spec.n_agents, embeddings[0].shape[-1]
    logits = outputs[:, :actions].copy()
    at_units = _scores(embeddings[0], outputs[:, actions : actions + width])
    if units.healers and agents > 1:
        of_allies = _scores(embeddings[1], outputs[:, actions + width :]).reshape(-1, agents, 1, agents - 1)
        at_allies = (of_allies @ ally_slots(units, agents))[:, :, 0]
        at_units = at_units.reshape(-1, agents, units.n_enemies)
        healers = list(units.healers)
        at_units[:, healers] = at_allies[:, healers]
    logits[:, units.first_target :] += at_units.reshape(len(outputs), -1)
    return logits


def _rows(x: np.ndarray, blocks: tuple[Rows, ...]) -> np.ndarray:
    parts = [x[:, start : start + width * units].reshape(-1, width) for start, width, units in blocks]
    return np.concatenate(parts, axis=-1)


def _scores(embeddings: np.ndarray, query: np.ndarray) -> np.ndarray:
    scores: np.ndarray = (embeddings @ query[..., np.newaxis])[..., 0] / np.float32(np.sqrt(query.shape[-1]))
    return scores
