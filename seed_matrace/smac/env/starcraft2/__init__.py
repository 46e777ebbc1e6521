"""Of ``smac.env.starcraft2`` the class and the maps; how it speaks with StarCraft II has no counterpart."""

from seed_matrace.skirmish.smac_left_out import left_out_of
from seed_matrace.smac.env.starcraft2 import maps, starcraft2

__all__ = ["maps", "starcraft2"]
__getattr__ = left_out_of("smac.env.starcraft2")
