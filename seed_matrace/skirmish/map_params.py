"""SMAC's table of its maps, for programs that look a map up before they make an environment of it."""

from __future__ import annotations

from typing import Any

from seed_matrace.fields import whole_number
from seed_matrace.skirmish.maps import SkirmishMap, load_map, map_names

LONGEST_EPISODE = 1 << 31  # env steps are less
_registry: dict[str, dict[str, Any]] = {}  # filled when somebody asks: loading all maps takes a while


def get_smac_map_registry() -> dict[str, dict[str, Any]]:
    """``get_map_params`` of every map by its name; always the same dict.

    A "limit" changed in it counts in every ``StarCraft2Env`` made afterwards, and nowhere else.
    """
    if not _registry:
        _registry.update({name: _params(load_map(name)) for name in map_names()})
    return _registry


def get_map_params(map_name: str) -> dict[str, Any]:
    """n_agents, n_enemies, limit, a_race, b_race, unit_type_bits and map_type of a map.

    Args:
      map_name: one of SMAC's maps, or the path of a scenario file (``.json``).

    Raises:
      ValueError: unknown map; the message names the near ones.
    """
    registry = get_smac_map_registry()
    return registry[map_name] if map_name in registry else _params(load_map(map_name))


def registered_limit(battle_map: SkirmishMap) -> int:
    """Env steps of an episode, as the registry has them.

    Raises:
      ValueError: the registry was changed so that it says what the simulator does not play.
    """
    own = _params(battle_map)
    registered = _registry.get(battle_map.name, own)
    if not isinstance(registered, dict):
        raise ValueError(
            f"the registry of maps was changed: {battle_map.name} is {registered!r}; a dict of "
            f"{', '.join(own)} expected"
        )
    for key in own:
        if key != "limit" and registered.get(key) != own[key]:
            raise ValueError(
                f"the registry of maps was changed: {key} of {battle_map.name} is {registered.get(key)!r}, but the "
                f"simulator's map has {own[key]!r}; of a map only the limit can be set there, other maps are "
                "scenario files (docs/simulator.md)"
            )
    return whole_number(f"the registry's limit of {battle_map.name}", registered.get("limit"), 1, LONGEST_EPISODE)


def _params(battle_map: SkirmishMap) -> dict[str, Any]:
    return {
        "n_agents": battle_map.n_agents,
        "n_enemies": battle_map.n_enemies,
        "limit": battle_map.episode_limit,
        "a_race": battle_map.races[0],
        "b_race": battle_map.races[1],
        "unit_type_bits": battle_map.unit_type_bits,
        "map_type": battle_map.map_type,
    }
