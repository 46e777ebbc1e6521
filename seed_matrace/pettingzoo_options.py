"""Options of environments that PettingZoo's parallel API gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seed_matrace.fields import FieldError, option


@dataclass(frozen=True, kw_only=True)
class PettingZooOptions:
    """What the backend "pettingzoo" must know besides the environment's name (docs/pettingzoo.md)."""

    arguments: dict | None = option(None, "pettingzoo: keyword arguments of the environment's function")
    episode_limit: int = option(
        0, "pettingzoo: episodes are cut after so many steps; 0 takes the environment's own max_cycles", low=0
    )
    team_reward: str = option(
        "mean", "pettingzoo: what the team is paid of its agents' rewards", choices=("mean", "sum")
    )
    won_info: str = option("", "pettingzoo: the info that tells whether an episode was won; empty: nobody wins")

    def check_backend(self, backend: str, smac: Mapping[str, Any]) -> None:
        """Raises FieldError if an option, of these or of ``smac``, is set that ``backend`` does nothing with."""
        for key, value in (self.arguments or {}).items():
            if not isinstance(key, str) or not key.isidentifier():
                raise FieldError(f"arguments must be names with values, not {key!r}: {value!r}")
        for item in dataclasses.fields(PettingZooOptions):
            if backend != "pettingzoo" and getattr(self, item.name) != item.default:
                raise FieldError(f"{item.name} is of PettingZoo's environments: env.backend = 'pettingzoo' expected")
        for name in smac:
            if backend == "pettingzoo" and name != "obs_instead_of_state":
                raise FieldError(
                    f"{name} is of SMAC's battles and means nothing to PettingZoo's environments: leave it out"
                )
