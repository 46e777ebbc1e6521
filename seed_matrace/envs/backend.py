"""What the program asks of a backend: whatever plays environments is one value of ``Backend``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seed_matrace.env_options import EnvOptions
from seed_matrace.starcraft2.options import StarCraft2Options

if TYPE_CHECKING:  # NumPy takes its time, and a configuration is read without
    from seed_matrace.specs import EnvSpec
    from seed_matrace.vector_env import VectorEnv

SMAC_PREFIX = "smac-"  # of environments in results, where a backend plays SMAC's battles


@dataclass(frozen=True)
class Asked:
    """Which environments are to be made, besides their options.

    Attributes:
      num_envs, seed, first_env: environment j is random stream ``first_env + j`` of ``seed``.
      with_final: whether they also show what episodes showed last.
      games: how games in programs of their own are watched over.
      replay: file for a replay by the game itself of the first of them; the simulators leave none.
      recorded: so many of them, the first ones, keep ``GamesVectorEnv.battle``; the simulators play battles again.
    """

    num_envs: int
    seed: int
    first_env: int = 0
    with_final: bool = False
    games: StarCraft2Options = StarCraft2Options()
    replay: Path | None = None
    recorded: int = 0


def _somebody_wins(env: EnvOptions) -> str:
    return ""


def _fits(env: EnvOptions) -> None:
    """No option excludes another."""


@dataclass(frozen=True)
class Backend:
    """What plays environments, and all that the rest of the program wants to know of it.

    Attributes:
      name: as ``env.backend`` has it.
      spec: sizes without frame stacking; ValueError, with the near names, for an unknown map.
      make: the environments, see ``vector_env.VectorEnv``; ``vector_env.GamesVectorEnv`` if it plays elsewhere.
      version: results of different versions do not compare.
      stamped: what results call it, before its version; its name if empty.
      is_smac: whether its results stand among those of SMAC, as "smac-skirmish-3".
      title: what messages call what it plays.
      nobody_wins: why episodes are neither won nor lost, so that returns are all there is to compare; "" if they are.
      plays_elsewhere: games live in programs of their own: they take long, cannot be kept, and can be lost.
      can_record: there are replays of its battles, kept by its games (``GamesVectorEnv.battle``) if it plays elsewhere,
        else played again: its environments are a ``vector_env.RecordingVectorEnv``.
      plays_scenarios: ``env.map_name`` may be the path of a scenario file.
      sizes_are_noted: environments would have to be built to know their sizes, so a run notes them.
      options: of ``EnvOptions``, those that it plays by, besides those of every backend. If another is set, the
        configuration is refused.
      idle_options: those that do nothing and may be set all the same, which is said before a run.
      idle_reason: why they do nothing.
      check: raises FieldError if options exclude each other, or one is of no use.
    """

    name: str
    spec: Callable[[EnvOptions], EnvSpec]
    make: Callable[[EnvOptions, Asked], VectorEnv]
    version: Callable[[EnvOptions], str]
    stamped: str = ""
    is_smac: bool = False
    title: str = ""
    nobody_wins: Callable[[EnvOptions], str] = _somebody_wins
    plays_elsewhere: bool = False
    can_record: bool = False
    plays_scenarios: bool = False
    sizes_are_noted: bool = False
    options: frozenset[str] = frozenset()
    idle_options: frozenset[str] = frozenset()
    idle_reason: str = ""
    check: Callable[[EnvOptions], None] = _fits

    @property
    def stamp(self) -> str:
        """What stands before the version in ``run.json`` and wherever results are stamped, as "skirmish"."""
        return self.stamped or self.name
