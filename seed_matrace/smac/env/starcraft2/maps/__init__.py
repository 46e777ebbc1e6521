"""What ``smac.env.starcraft2.maps`` holds."""

from seed_matrace.skirmish.map_params import get_map_params
from seed_matrace.smac.env.starcraft2.maps import smac_maps

__all__ = ["get_map_params", "smac_maps"]
