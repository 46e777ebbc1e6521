"""Dataclass fields that know their documentation, type and range, and check what they are given."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Callable
from typing import Any


class FieldError(ValueError):
    """A field was given a value of the wrong type or out of range."""


def option(default: Any, doc: str, *, low: float | None = None, high: float | None = None, choices: tuple = ()) -> Any:
    """A dataclass field with what ``check_fields`` holds against its value."""
    return dataclasses.field(default=default, metadata={"doc": doc, "low": low, "high": high, "choices": choices})


def check_fields(instance: Any, title: Callable[[str], str] = str) -> None:
    """Checks every field of a (frozen) dataclass; an int may stand for a float and a list for a tuple.

    Args:
      title: from the name of a field to how messages call it.

    Raises:
      FieldError: one sentence that names the field, its value and what was expected.
    """
    hints = typing.get_type_hints(type(instance))
    for item in dataclasses.fields(instance):
        name = title(item.name)
        value = _typed(name, getattr(instance, item.name), hints[item.name])
        _check_range(name, value, item.metadata)
        object.__setattr__(instance, item.name, value)


def near_names(name: str, known: typing.Iterable[str]) -> str:
    """The names nearest to ``name``, or all of them if none is near, separated by commas."""
    known = list(known)
    return ", ".join(difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known)


def _typed(name: str, value: Any, hint: Any) -> Any:
    """Returns ``value`` as ``hint`` asks (an int may stand for a float, a list for a tuple) or raises."""
    if typing.get_origin(hint) is tuple and isinstance(value, (list, tuple)):
        element = typing.get_args(hint)[0]
        return tuple(_typed(f"{name}[{i}]", item, element) for i, item in enumerate(value))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if (
        not isinstance(hint, types.GenericAlias)
        and isinstance(value, hint)
        and (hint is bool or type(value) is not bool)
    ):
        return value
    expected = getattr(hint, "__name__", str(hint)) if not isinstance(hint, types.GenericAlias) else str(hint)
    raise FieldError(f"{name} must be of type {expected}, not {value!r} ({type(value).__name__})")


def _check_range(name: str, value: Any, metadata: typing.Mapping[str, Any]) -> None:
    low, high, choices = metadata["low"], metadata["high"], metadata["choices"]
    if choices and value not in choices:
        near = difflib.get_close_matches(str(value), choices, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise FieldError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}{hint}")
    for number in value if isinstance(value, tuple) else (value,):
        if low is not None and number is not None and not number >= low:
            raise FieldError(f"{name} must be at least {low:g}, not {value!r}")
        if high is not None and number is not None and not number <= high:
            raise FieldError(f"{name} must be at most {high:g}, not {value!r}")
