"""What is played, and every option of it, whatever backend plays it."""

from __future__ import annotations

from dataclasses import dataclass

from seed_matrace.fields import option
from seed_matrace.pettingzoo_options import PettingZooOptions
from seed_matrace.smac_options import SkirmishOptions


@dataclass(frozen=True)
class EnvOptions(SkirmishOptions, PettingZooOptions):
    """What a backend is given (``envs.backend``); ``config.EnvConfig`` is this, checked."""

    map_name: str = option("3m", "SMAC map, or a module of PettingZoo's, as 'mpe2.simple_spread_v3'")
    backend: str = option("skirmish", "what plays the battles")
    frame_stack: int = option(
        1, "agents see their so many newest observations; 1 is the newest alone", low=1, high=1000
    )
