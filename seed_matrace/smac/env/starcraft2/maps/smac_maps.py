"""What ``smac.env.starcraft2.maps.smac_maps`` holds, but for the classes with which pysc2 finds map files."""

from seed_matrace.skirmish.map_params import get_smac_map_registry

__all__ = ["get_smac_map_registry", "map_param_registry"]
map_param_registry = get_smac_map_registry()
