"""What ``smac.env.starcraft2.starcraft2`` holds, but for the numbers of StarCraft II's protocol."""

from seed_matrace.skirmish.smac_env import StarCraft2Env
from seed_matrace.skirmish.smac_left_out import left_out_of
from seed_matrace.skirmish.smac_look import Direction

__all__ = ["Direction", "StarCraft2Env"]
__getattr__ = left_out_of("smac.env.starcraft2.starcraft2")
