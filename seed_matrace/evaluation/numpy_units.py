"""What ``algo.unit_networks`` does before and behind its perceptron, in NumPy.

E: environments, N: agents, A: actions, D: width of an embedding, M: rows of a batch; "...": (), or (N,) where each
agent has a network of its own.
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
    """float32 [..., M, columns] to the embeddings of each kind, [..., M, units, D]."""
    embeddings = []
    for i, blocks in enumerate(unit_kinds(units)):
        products = product(_rows(x, blocks), weights[f"unit_kernel_{i}"]) + weights[f"unit_bias_{i}"]
        embeddings.append(np.maximum(products, 0).reshape(*x.shape[:-1], blocks[0].units, -1))
    return embeddings


def see_units(x: np.ndarray, units: UnitColumns, obs_dim: int, embeddings: list[np.ndarray]) -> np.ndarray:
    """What the perceptron sees, float32 [..., M, inputs]; ``obs_dim``: of observations as they are stacked in x."""
    sums = [kind.sum(axis=-2) / np.float32(np.sqrt(kind.shape[-2])) for kind in embeddings]
    return np.concatenate([_rows(x, units.own), x[..., obs_dim:], *sums], axis=-1)


def unit_logits(outputs: np.ndarray, spec: EnvSpec, units: UnitColumns, embeddings: list[np.ndarray]) -> np.ndarray:
    """The perceptron's outputs [E, N, A + D or A + 2 D] to logits [E, N, A]; embeddings [E, N, units, D]."""
    actions, agents, width = spec.n_actions, spec.n_agents, embeddings[0].shape[-1]
    logits = outputs[..., :actions].copy()
    at_units = _scores(embeddings[0], outputs[..., actions : actions + width])
    if units.healers and agents > 1:
        of_allies = _scores(embeddings[1], outputs[..., actions + width :])[..., np.newaxis, :]
        healers = list(units.healers)
        at_units[:, healers] = (of_allies @ ally_slots(units, agents))[:, healers, 0]
    logits[..., units.first_target :] += at_units
    return logits


def _rows(x: np.ndarray, blocks: tuple[Rows, ...]) -> np.ndarray:
    """[..., M, columns] to [..., M * units, width]."""
    copies = x.shape[:-2]
    parts = [x[..., start : start + width * units].reshape(*copies, -1, width) for start, width, units in blocks]
    return np.concatenate(parts, axis=-1)


def _scores(embeddings: np.ndarray, query: np.ndarray) -> np.ndarray:
    scores: np.ndarray = (embeddings @ query[..., np.newaxis])[..., 0] / np.float32(np.sqrt(query.shape[-1]))
    return scores
