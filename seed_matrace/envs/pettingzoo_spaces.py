"""Observations of any space of fixed size as flat numbers, checked part by part; and what can be chosen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from seed_matrace.envs.foreign_code import ForeignError
from seed_matrace.foreign_files import shown

MASK = "action_mask"
_MOST_ACTIONS = 65_536
_MOST_NUMBERS = 10**8


class Reader:
    """How an agent's observations become float32 [size], in gymnasium's order.

    Raises:
      ForeignError: the space has no fixed size.
    """

    def __init__(self, field: str, space: Any) -> None:
        from gymnasium import spaces

        if not isinstance(space, spaces.Space):
            raise ForeignError(f"{field} is {shown(space)}; a space of gymnasium's expected")
        if isinstance(space, spaces.Dict) and MASK in space.spaces:
            space = spaces.Dict({name: part for name, part in space.spaces.items() if name != MASK})
        try:
            self._space, self.size = space, int(spaces.flatdim(space))
        except (ValueError, NotImplementedError):  # Graph, Sequence, and spaces that gymnasium does not know
            raise ForeignError(f"{field} is {shown(space)}; a space of a fixed size expected") from None
        if self.size > _MOST_NUMBERS:
            raise ForeignError(f"{field} is {shown(space)}, {self.size:,} numbers; at most {_MOST_NUMBERS:,} expected")

    def read(self, field: str, observation: Any) -> np.ndarray:
        """The numbers of an observation; ``field`` is what it is called in errors."""
        parts = list(_parts(self._space, observation, field))
        flat = np.concatenate(parts) if parts else np.zeros(0, np.float32)
        if flat.size != self.size:
            raise ForeignError(f"{field} is {flat.size} numbers; {self.size} expected, as its space says")
        return flat


def read_choices(field: str, space: Any) -> tuple[int, int]:
    """First action and number of actions."""
    from gymnasium import spaces

    if not isinstance(space, spaces.Discrete):
        kind = f" of {type(space).__module__.split('.')[0]}" if type(space).__name__ == "Discrete" else ""  # gym's
        raise ForeignError(
            f"{field} is {shown(space)}{kind}; only discrete actions (gymnasium.spaces.Discrete) can be learnt"
        )
    if space.n > _MOST_ACTIONS:
        raise ForeignError(f"{field} is {shown(space)}; at most {_MOST_ACTIONS:,} actions expected")
    return int(space.start), int(space.n)


def read_mask(field: str, value: Any, count: int) -> np.ndarray:
    """What may be chosen, bool [count]."""
    mask = numbers(field, value)
    if mask.shape != (count,) or not ((mask == 0) | (mask == 1)).all():
        raise ForeignError(f"{field} is {shown(value)}; {count} times 0 or 1 expected, one for each action")
    return mask == 1


def read_number(field: str, value: Any) -> float:
    """One number, also as an array of one."""
    array = numbers(field, value)
    if array.size != 1:
        raise ForeignError(f"{field} is {shown(value)}; one number expected")
    return float(array.item())


def read_flag(field: str, value: Any) -> bool:
    """True or False, also as 0 or 1 or an array of one."""
    array = numbers(field, value, "True or False")
    if array.size != 1 or array.item() not in (0, 1):
        raise ForeignError(f"{field} is {shown(value)}; True or False expected")
    return bool(array.item())


def numbers(field: str, value: Any, expected: str = "numbers") -> np.ndarray:
    """``value`` as an array of booleans, whole numbers or floats."""
    try:
        array = np.asarray(value)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # ragged lists, and whatever objects of others do
        raise ForeignError(f"{field} is {shown(value)}; {expected} expected ({type(error).__name__})") from error
    if array.dtype.kind not in "biuf":
        kind = f" (dtype {array.dtype})" if isinstance(value, np.ndarray) else ""
        raise ForeignError(f"{field} is {shown(value)}{kind}; {expected} expected")
    return array


def as_float32(field: str, array: np.ndarray) -> np.ndarray:
    """float32 [size]; ForeignError unless float32 holds all of it."""
    with np.errstate(over="ignore", invalid="ignore"):
        flat = array.astype(np.float32).ravel()
        if array.dtype.kind != "f" or math.isfinite(flat.dot(flat)):  # one quick call; false for very large ones, too
            return flat
    wrong = np.flatnonzero(~np.isfinite(flat))
    if wrong.size:
        named = f"{field}, number {wrong[0]} of {flat.size}," if flat.size > 1 else field
        raise ForeignError(f"{named} is {array.flat[wrong[0]]:.6g}; finite numbers that float32 can hold expected")
    return flat


def _parts(space: Any, value: Any, field: str) -> Iterator[np.ndarray]:
    from gymnasium import spaces

    if isinstance(space, spaces.Dict):
        if not isinstance(value, Mapping):
            raise ForeignError(f"{field} is {shown(value)}; a dictionary with {', '.join(space.spaces)} expected")
        for name, part in space.spaces.items():
            if name not in value:
                raise ForeignError(f"{field} has no {name!r}, which its space has")
            yield from _parts(part, value[name], f"{field}[{name!r}]")
    elif isinstance(space, spaces.Tuple):
        if not isinstance(value, Sequence) or len(value) != len(space.spaces):
            raise ForeignError(f"{field} is {shown(value)}; {len(space.spaces)} parts expected")
        for index, (part, item) in enumerate(zip(space.spaces, value, strict=True)):
            yield from _parts(part, item, f"{field}[{index}]")
    elif isinstance(space, spaces.Box | spaces.MultiBinary):
        array = numbers(field, value)
        if array.shape != space.shape:
            raise ForeignError(f"{field} has the shape {array.shape}; {space.shape} expected, as its space says")
        yield as_float32(field, array)
    elif isinstance(space, spaces.Discrete):
        yield _one_hot(field, read_number(field, value), int(space.start), int(space.n))
    elif isinstance(space, spaces.MultiDiscrete):
        array = numbers(field, value)
        if array.shape != space.nvec.shape:
            raise ForeignError(f"{field} has the shape {array.shape}; {space.nvec.shape} expected, as its space says")
        starts = np.broadcast_to(getattr(space, "start", 0), array.shape)
        for item, start, count in zip(array.flat, starts.flat, space.nvec.flat, strict=True):
            yield _one_hot(field, float(item), int(start), int(count))
    else:
        try:
            flat = spaces.flatten(space, value)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # KeyError of a text's letters, and whatever spaces of others do
            expected = f"a value of its space {shown(space)} expected ({type(error).__name__})"
            raise ForeignError(f"{field} is {shown(value)}; {expected}") from error
        yield as_float32(field, numbers(field, flat))


def _one_hot(field: str, value: float, start: int, count: int) -> np.ndarray:
    if not value.is_integer() or not start <= value < start + count:
        raise ForeignError(f"{field} is {value:g}; a whole number from {start} to {start + count - 1} expected")
    row = np.zeros(count, np.float32)
    row[int(value) - start] = 1
    return row
