"""What SMAC's class has and the simulator's has not, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seed_matrace.skirmish.maps import map_names

_GAME = "there is no game of StarCraft II here, nor messages to it"
_WHOLE = "the simulator plays whole steps: reset() and step() do this"

# The private names are those that programs written for SMAC are known to use.
LEFT_OUT = {
    "get_agent_action_heuristic": "the scripted team is part of the compiled step; step() writes what it played into "
    "the actions it is given",
    "heuristic_targets": "only an environment made with heuristic_ai=True has targets",
    "_launch": _GAME,
    "_restart": _WHOLE,
    "_kill_all_units": _WHOLE,
    "_init_ally_unit_types": _WHOLE,
    "_obs": f"{_GAME}; units are in agents and enemies",
    "_controller": _GAME,
    "_sc2_proc": _GAME,
    "_run_config": _GAME,
}
_PROTOCOL = "numbers of the game's protocol, which nothing here asks for"
_MAP_CLASS = "pysc2 finds map files with such classes, and here are none"
# Of modules, by where they are in SMAC.
LEFT_OUT_OF_MODULES: dict[str, dict[str, str]] = {
    "smac": {
        "bin": "smac_maps.map_param_registry has the maps",
        "examples": "docs/smac_interface.md begins with one, docs/pettingzoo.md has others",
    },
    "smac.env.starcraft2": {"render": "there is no window; render(mode='rgb_array') is a picture"},
    "smac.env": {"pettingzoo": "seed_matrace.envs.pettingzoo is the simulator's own"},
    "smac.env.starcraft2.starcraft2": dict.fromkeys(("races", "difficulties", "actions"), _PROTOCOL),
    "smac.env.starcraft2.maps.smac_maps": dict.fromkeys(("SMACMap", *map_names()), _MAP_CLASS),
}


def left_out_of(module: str) -> Callable[[str], Any]:
    """The ``__getattr__`` of a module of SMAC's.

    Raises:
      ImportError: the name is left out; the message says why. (``from ... import`` would hide an AttributeError.)
    """

    def refuse(name: str) -> Any:
        if name in LEFT_OUT_OF_MODULES[module]:
            why = LEFT_OUT_OF_MODULES[module][name]
            raise ImportError(f"{name} of {module} is not here: {why} (docs/smac_interface.md)")
        raise AttributeError(f"module 'seed_matrace.{module}' has no attribute {name!r}")

    return refuse


def refuse_left_out(subclass: type, base: type) -> None:
    """Raises TypeError if ``subclass`` defines what ``base`` would never call."""
    for kind in subclass.__mro__[: subclass.__mro__.index(base)]:
        for name in LEFT_OUT:
            if name in vars(kind):
                raise TypeError(f"{kind.__name__} defines {name}, which {base.__name__} never calls: {LEFT_OUT[name]}")
