"""What an actor and a learner must agree on before any array is exchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seed_matrace.specs import EnvSpec, env_output_spec, policy_output_spec, sizes_of
from seed_matrace.types import FIELD_NAMES, flatten

PROTOCOL_VERSION = 5


@dataclass(frozen=True)
class Schema:
    """``layout``, dtype and shape of each field of one environment's step, follows from ``spec`` unless given."""

    backend: str
    map_name: str
    spec: EnvSpec
    options: Mapping[str, Any] = field(default_factory=dict)  # of the environments, by their names in gin
    layout: Mapping[str, str] = field(default_factory=dict)
    protocol: int = PROTOCOL_VERSION

    def __post_init__(self) -> None:
        object.__setattr__(self, "layout", self.layout or _layout(self.spec))


def schema_mismatch(ours: Schema, theirs: Schema) -> str | None:
    """One sentence for both sides, or None if they agree."""
    for mine, other in zip(_levels(ours), _levels(theirs), strict=True):
        differing = [name for name in {**mine, **other} if mine.get(name) != other.get(name)]
        if differing:
            sides = "; ".join(f"{name}: learner {mine.get(name)!r}, actor {other.get(name)!r}" for name in differing)
            todo = "start both with the same gin files and program version"
            return f"the actor does not fit this learner ({sides}); {todo}"
    return None


def _levels(schema: Schema) -> tuple[Mapping[str, Any], ...]:
    """What to compare, causes before their effects."""
    game = {"backend": schema.backend, "map_name": schema.map_name}
    return game, schema.options, sizes_of(schema.spec), schema.layout


def _layout(spec: EnvSpec) -> dict[str, str]:
    arrays = [*flatten(env_output_spec(spec, 1)), policy_output_spec(spec, 1).action]
    names = (*FIELD_NAMES, "action")
    return {name: f"{array.dtype.str}{list(array.shape[1:])}" for name, array in zip(names, arrays, strict=True)}
