"""What SMAC's class has and the simulator's has not, and why."""

from __future__ import annotations

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


def refuse_left_out(subclass: type, base: type) -> None:
    """Raises TypeError if ``subclass`` defines what ``base`` would never call."""
    for kind in subclass.__mro__[: subclass.__mro__.index(base)]:
        for name in LEFT_OUT:
            if name in vars(kind):
                raise TypeError(f"{kind.__name__} defines {name}, which {base.__name__} never calls: {LEFT_OUT[name]}")
