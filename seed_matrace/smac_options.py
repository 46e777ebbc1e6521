"""SMAC's options of what a team observes, what it is rewarded for and how a step is played."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from seed_matrace.fields import FieldError, check_fields, near_names, option

P = ParamSpec("P")
Options = TypeVar("Options", bound="SmacOptions")
DEFAULT_STEP_MUL = 8  # of SMAC's maps
STARCRAFT2_BUILDS = {"4.10": 75689, "4.6.2": 69232}  # of the versions that results with SMAC are published for
STARCRAFT2_VERSION = "4.10"  # unless another is asked for


@dataclass(frozen=True, kw_only=True)
class SmacOptions:
    """Options of ``smac.env.StarCraft2Env``, with its names, defaults and meaning (docs/smac_interface.md).

    Source: starcraft2.py of SMAC 1.0.0.

    Raises:
      ValueError: a value of the wrong type or out of range, or options that exclude each other.
    """

    step_mul: int | None = option(8, "game loops of one env step; None is the maps' own 8", low=1, high=1000)
    move_amount: float = option(2.0, "cells a move order goes; availability looks half as far", low=0.01, high=32)
    difficulty: str = option(
        "7", "computer opponent; SMAC's maps never start its scripts, so it means nothing", choices=tuple("123456789A")
    )
    game_version: str | None = option(None, "StarCraft II version; nothing to the embedded simulator")
    continuing_episode: bool = option(False, "info says episode_limit when an episode ran out of time")
    obs_all_health: bool = option(True, "health and shields of units in sight, and one's own")
    obs_own_health: bool = option(True, "one's own health and shield; obs_all_health implies it")
    obs_last_action: bool = option(False, "last actions of allies in sight")
    obs_pathing_grid: bool = option(False, "walkability of 8 points around")
    obs_terrain_height: bool = option(False, "terrain height of 9 points around")
    obs_instead_of_state: bool = option(False, "the state is all observations, one after the other")
    obs_timestep_number: bool = option(False, "fraction of the time limit gone by")
    state_last_action: bool = option(True, "everybody's last action in the state")
    state_timestep_number: bool = option(False, "fraction of the time limit gone by, in the state")
    reward_sparse: bool = option(False, "1 for a victory, -1 for a defeat, nothing else")
    reward_only_positive: bool = option(True, "own losses do not count")
    reward_death_value: float = option(10.0, "for each enemy killed")
    reward_win: float = option(200.0, "for a victory")
    reward_defeat: float = option(0.0, "for a defeat")
    reward_negative_scale: float = option(0.5, "weight of own losses")
    reward_scale: bool = option(True, "divides rewards so that the most a battle can give is reward_scale_rate")
    reward_scale_rate: float = option(20.0, "see reward_scale", low=1e-9)
    replay_dir: str = option("", "folder of save_replay()", may_change=True)
    replay_prefix: str = option(
        "", "file name of save_replay() begins with it; the map's name if empty", may_change=True
    )
    window_size_x: int = option(
        1920, "width of the game's window; nothing to the embedded simulator", low=1, may_change=True
    )
    window_size_y: int = option(1200, "height of it", low=1, may_change=True)
    heuristic_ai: bool = option(False, "SMAC's scripted team plays, whatever actions are given")
    heuristic_rest: bool = option(False, "the scripted team walks where an agent could not attack")
    debug: bool = option(False, "SMAC's logging; nothing to the embedded simulator", may_change=True)

    def __post_init__(self) -> None:
        check_fields(self)
        self.check_together()

    def check_together(self) -> None:
        """What no field can check by itself."""
        grids = [name for name in ("obs_pathing_grid", "obs_terrain_height") if getattr(self, name)]
        if grids and self.move_amount != int(self.move_amount):
            raise FieldError(f"{grids[0]} looks at whole cells: move_amount must be whole, not {self.move_amount:g}")

    @classmethod
    def from_dict(cls: type[Options], options: Mapping[str, Any]) -> Options:
        """Options by name.

        Raises:
          TypeError: an unknown name; the message gives the near ones.
          ValueError: as the class does.
        """
        check_option_names(options, [item.name for item in dataclasses.fields(cls)])
        return cls(**options)

    def changed(self) -> dict[str, Any]:
        """The options that are not at their defaults."""
        return self._changed_of(SmacOptions)

    def _changed_of(self, options: type[SmacOptions]) -> dict[str, Any]:
        return {
            item.name: getattr(self, item.name)
            for item in dataclasses.fields(options)
            if getattr(self, item.name) != item.default
        }

    @property
    def loops_per_step(self) -> int:
        """Game loops of one env step."""
        return self.step_mul or DEFAULT_STEP_MUL

    @property
    def own_health_shown(self) -> bool:
        return self.obs_all_health or self.obs_own_health


@dataclass(frozen=True, kw_only=True)
class SkirmishOptions(SmacOptions):
    """SMAC's options and the embedded simulator's own."""

    shuffle_enemies: bool = option(
        True, "enemies are numbered anew for each battle, as by the game; or always in the order of creation"
    )

    def changed(self) -> dict[str, Any]:
        """The options that are not at their defaults, the simulator's own included."""
        return self._changed_of(SkirmishOptions)


def check_option_names(names: Iterable[str], known: Sequence[str]) -> None:
    """Raises TypeError, which gives the near ones, for a name that is not ``known``."""
    for name in names:
        if name not in known:
            raise TypeError(f"unknown option {name!r}; near: {near_names(name, known)}")


def names_options(init: Callable[P, None]) -> Callable[P, None]:
    """A constructor that names the near ones of an argument it does not know."""
    known = tuple(inspect.signature(init).parameters)[1:]

    @functools.wraps(init)
    def checked(*values: P.args, **named: P.kwargs) -> None:
        check_option_names(named, known)
        init(*values, **named)

    return checked
