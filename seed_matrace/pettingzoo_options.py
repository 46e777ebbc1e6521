"""Options of environments that PettingZoo's parallel API gives."""

from __future__ import annotations

from dataclasses import dataclass

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

    def check_arguments(self) -> None:
        """Raises FieldError if ``arguments`` are none of Python's."""
        for key, value in (self.arguments or {}).items():
            if not isinstance(key, str) or not key.isidentifier():
                raise FieldError(f"arguments must be names with values, not {key!r}: {value!r}")
