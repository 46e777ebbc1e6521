"""What ``smac.env.starcraft2.maps.smac_maps`` holds, but for the classes with which pysc2 finds map files."""

from typing import Any

from seed_matrace.skirmish.map_params import get_smac_map_registry
from seed_matrace.skirmish.smac_left_out import left_out_of

__all__ = ["get_smac_map_registry", "map_param_registry"]
_refuse = left_out_of("smac.env.starcraft2.maps.smac_maps")
map_param_registry: dict[str, dict[str, Any]]


def __getattr__(name: str) -> Any:
    """The registry when somebody asks for it: loading all maps takes a while."""
    return get_smac_map_registry() if name == "map_param_registry" else _refuse(name)
