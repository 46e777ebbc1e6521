"""What ``smac.env.starcraft2.maps`` holds."""

from seed_matrace.skirmish.map_params import get_map_params

__all__ = ["get_map_params"]
