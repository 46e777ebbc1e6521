"""Dataclass fields that know their documentation, type and range, and check what they are given."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
import operator
import sys
import types
import typing
from collections.abc import Callable, Collection
from typing import Any

_YES, _NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_SMALLEST, _LARGEST = 1.2e-38, 3.4e38  # of float32, in which the learner computes

_ONE = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "text",
    dict: "a dict",
    type(None): "None",
}
_SEVERAL = {int: "whole numbers", float: "numbers", str: "texts"}


class FieldError(ValueError):
    """A field was given a value of the wrong type or out of range."""


def option(
    default: Any,
    doc: str,
    *,
    low: float | None = None,
    above: float | None = None,
    high: float | None = None,
    choices: Collection[Any] = (),
    machine: bool = False,
    may_change: bool = False,
) -> Any:
    """A dataclass field with what ``check_fields`` holds against its value.

    Args:
      low, high: bounds that are allowed themselves.
      above: a bound that is not.
      machine: whether it says where or on how much machine, and nothing of what is learnt.
      may_change: whether a resumed run may have another: machine, budget, stopping, what is kept, what is played
        after the end; nothing that decides what is learnt.
    """
    known = {"doc": doc, "low": low, "above": above, "high": high, "choices": choices}
    marks = {"machine": machine, "may_change": machine or may_change}
    return dataclasses.field(default=default, metadata=known | marks)


def check_fields(instance: Any, title: Callable[[str], str] = str) -> None:
    """Checks every field of a (frozen) dataclass; an int may stand for a float and a list for a tuple.

    NumPy's numbers and truth values become Python's.

    Args:
      title: from the name of a field to how messages call it.

    Raises:
      FieldError: one sentence that names the field, its value and what was expected.
    """
    for item in dataclasses.fields(instance):
        value = check_value(type(instance), item.name, getattr(instance, item.name), title)
        object.__setattr__(instance, item.name, value)


def check_value(kind: type, field: str, value: Any, title: Callable[[str], str] = str) -> Any:
    """The same of one field of the dataclass ``kind``; returns what it would hold."""
    hint, metadata = _known(kind)[field]
    checked = _typed(title(field), value, hint)
    _check_range(title(field), checked, metadata)
    return checked


@functools.cache
def _known(kind: Any) -> dict[str, tuple[Any, typing.Mapping[str, Any]]]:
    hints = typing.get_type_hints(kind)
    return {item.name: (hints[item.name], item.metadata) for item in dataclasses.fields(kind)}


def check_literal(name: str, value: Any) -> None:
    """Raises FieldError if ``value`` is a literal that a gin file cannot give back, or no program works with."""
    if isinstance(value, float) and not (math.isfinite(value) and _fits_float32(value)):
        raise FieldError(f"{name} must be a finite number that fits a float32, not {value!r}")
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise FieldError(f"{name} must be of at most 64 bits, not {value:#x}"[:200])
    if isinstance(value, str) and not value.isprintable():
        raise FieldError(f"{name} must be printable text on one line, not {value!r}")
    if isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            check_literal(f"{name}[{i}]", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            check_literal(f"a key of {name}", key)
            check_literal(f"{name}[{key!r}]", item)
    elif isinstance(value, (complex, bytes, types.EllipsisType)):
        raise FieldError(f"{name} must be of numbers, text, lists and dicts, not {value!r} ({type(value).__name__})")


def plain(value: Any) -> Any:
    """A number, truth value or text of NumPy as Python's own; anything else as it is."""
    numpy = sys.modules.get("numpy")  # who has not loaded it has none of its numbers
    return value.item() if numpy is not None and isinstance(value, numpy.generic) else value


def whole_number(name: str, value: Any, low: int, below: int = 1 << 63) -> int:
    """``value`` as an int of Python's.

    Raises:
      FieldError: it is no whole number (True is none, 3.0 neither), less than ``low``, or not less than ``below``.
    """
    number = plain(value)
    try:
        fits = not isinstance(number, bool) and low <= operator.index(number) < below
    except TypeError:
        fits = False
    if not fits:
        shown = f"{number:#x}"[:40] if isinstance(number, int) and abs(number) >> 64 else repr(value)
        limit = f"2**{below.bit_length() - 1}" if below >> 16 else below
        raise FieldError(f"{name} is {shown}; a whole number, at least {low} and less than {limit}, expected")
    return operator.index(number)


def near_names(name: str, known: typing.Iterable[str]) -> str:
    """The names nearest to ``name``, or all of them if none is near, separated by commas."""
    known = list(known)
    return ", ".join(difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known)


def _typed(name: str, value: Any, hint: Any) -> Any:
    """Returns ``value`` as ``hint`` asks (an int may stand for a float, a list for a tuple) or raises."""
    value = plain(value)
    if typing.get_origin(hint) is tuple and isinstance(value, (list, tuple)):
        element = typing.get_args(hint)[0]
        return tuple(_typed(f"{name}[{i}]", item, element) for i, item in enumerate(value))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        check_literal(name, value)
        return float(value)
    if (
        not isinstance(hint, types.GenericAlias)
        and isinstance(value, hint)
        and (hint is bool or type(value) is not bool)
    ):
        if not isinstance(value, dict):  # what is in one is for whoever takes it
            check_literal(name, value)
        return value
    raise FieldError(f"{name} must be {_in_words(hint)}, not {value!r}{_instead(value, hint)}")


def _in_words(hint: Any) -> str:
    if isinstance(hint, types.UnionType):
        return " or ".join(map(_in_words, typing.get_args(hint)))
    if typing.get_origin(hint) is tuple:
        return f"{_SEVERAL[typing.get_args(hint)[0]]} in brackets"
    return _ONE[hint]


def _instead(value: Any, hint: Any) -> str:
    """What was probably meant by a value of the wrong type, as the end of a sentence; or nothing."""
    wanted = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if typing.get_origin(hint) is tuple and type(value) is int:
        return f"; write ({value},)"
    if typing.get_origin(hint) is tuple and isinstance(value, str):
        return "; write numbers in brackets, as (64, 64)"
    if bool in wanted and str(value).lower() in (*_YES, *_NO):
        return f"; write {str(value).lower() in _YES}"
    if int in wanted and isinstance(value, float) and value.is_integer():
        return f"; write {int(value)}"
    if (int in wanted or float in wanted) and isinstance(value, str):
        return "; write a number, without quotes"
    if str in wanted and value is not None:
        return "; text stands in quotes"
    return ""


def _fits_float32(value: float) -> bool:
    return value == 0 or _SMALLEST <= abs(value) <= _LARGEST


def _check_range(name: str, value: Any, metadata: typing.Mapping[str, Any]) -> None:
    low, above, high, choices = (metadata.get(bound) for bound in ("low", "above", "high", "choices"))
    if choices and value not in choices:
        near = difflib.get_close_matches(str(value), list(choices), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise FieldError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}{hint}")
    for number in value if isinstance(value, tuple) else (value,):
        if low is not None and number is not None and not number >= low:
            raise FieldError(f"{name} must be at least {low:g}, not {value!r}")
        if above is not None and number is not None and not number > above:
            raise FieldError(f"{name} must be above {above:g}, not {value!r}")
        if high is not None and number is not None and not number <= high:
            raise FieldError(f"{name} must be at most {high:g}, not {value!r}")
