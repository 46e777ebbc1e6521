"""How games of the real StarCraft II are watched over."""

from __future__ import annotations

from dataclasses import dataclass

from seed_matrace.fields import option

_LONGEST_S = 1e7  # four months; waits for much longer overflow


@dataclass(frozen=True)
class StarCraft2Options:
    """Nothing of it changes what is learnt; ``config.StarCraft2Config`` is this, checked."""

    launch_timeout_s: float = option(
        180.0, "a game that has not started by then is ended", low=1.0, high=_LONGEST_S, machine=True
    )
    step_timeout_s: float = option(
        60.0, "a game that has not answered by then is lost", low=0.1, high=_LONGEST_S, machine=True
    )
    memory_limit_mb: float = option(8000.0, "a game that holds more is lost", low=100.0, machine=True)
    restart_episodes: int = option(2000, "a game is launched anew after so many episodes", low=1, machine=True)
    launch_interval_s: float = option(
        1.0, "between two launches on one machine", low=0.0, high=_LONGEST_S, machine=True
    )
    evaluation_games: int = option(4, "games that play at once in an evaluation", low=1, high=1000, machine=True)
    replay_every: int = option(
        0, "every so many evaluations the first game's replay is kept; 0 keeps none", low=0, may_change=True
    )
