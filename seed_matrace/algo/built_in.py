"""What makes the policies, critics and losses of the program itself, by kind and name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seed_matrace.algo.losses import ma_trace
from seed_matrace.algo.networks import mlp_critic, mlp_policy
from seed_matrace.algo.unit_networks import unit_policy
from seed_matrace.registered import Entry, marked

_MAKERS = (mlp_policy, mlp_critic, unit_policy, ma_trace)
_MADE = {(entry.kind, entry.name): entry for make in _MAKERS for entry in marked(make)}


def maker(entry: Entry) -> Callable[..., Any]:
    """What is registered by a name: for a network takes its ``NetworkSetup``, for a loss a ``LossBatch``."""
    made = entry.make or _MADE[entry.kind, entry.name].make
    assert made is not None
    return made
