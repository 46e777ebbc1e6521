"""Policies, critics, losses and rewards by the names that gin chooses them by, ours and those of other modules; hooks.

A registered class or function is marked and otherwise left alone; a ``Registry`` is made of what is marked. Options of
a registered name are a section of its own in gin files: ``attention.heads = 4``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import sys
import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from seed_matrace.fields import near_names

KINDS = {  # what gin chooses each by
    "policy": "network.policy",
    "critic": "network.critic",
    "loss": "loss.function",
    "reward": "loss.reward",
}
HOOK = "hook"  # what is registered as one is not chosen: all are called
_MARK = "_seed_matrace_registered"
_TYPES = (bool, int, float, str, tuple[int, ...], tuple[float, ...], tuple[str, ...], int | None, float | None)
_collecting: list[list[Entry]] = []
_Maker = TypeVar("_Maker", bound=Callable[..., Any])


class RegistryError(ValueError):
    """Something cannot be registered, or is not; one sentence."""


@dataclass(frozen=True)
class Entry:
    """What is registered by a name.

    Attributes:
      kind: one of ``KINDS``, or HOOK.
      options: a frozen dataclass whose fields are its options; None: it has none.
      make: as of the decorator of its kind; None: one of the program's own, which ``algo.built_in`` knows.
      where: file and line.
    """

    kind: str
    name: str
    options: type | None = None
    make: Callable[..., Any] | None = None
    where: str = ""


def policy(name: str, *, options: type | None = None) -> Callable[[_Maker], _Maker]:
    """Registers a policy: a class, or a function, that takes a ``NetworkSetup`` and gives an ``algo`` policy.

    Args:
      name: what ``network.policy`` chooses it by; the section of its options.
      options: a frozen dataclass; its fields have defaults and may be made by ``fields.option``, with documentation,
        range and choices.

    Raises:
      RegistryError: a name or options that gin files cannot have.
    """
    return _registrar("policy", name, options)


def critic(name: str, *, options: type | None = None) -> Callable[[_Maker], _Maker]:
    """Registers a critic, which ``network.critic`` chooses; as ``policy``."""
    return _registrar("critic", name, options)


def loss(name: str, *, options: type | None = None) -> Callable[[_Maker], _Maker]:
    """Registers a loss, which ``loss.function`` chooses: a function of a ``LossBatch`` that gives its terms by name."""
    return _registrar("loss", name, options)


def reward(name: str, *, options: type | None = None) -> Callable[[_Maker], _Maker]:
    """Registers a reward, which ``loss.reward`` chooses: a function of a ``Transition`` that gives float [E]."""
    return _registrar("reward", name, options)


def hook(name: str, *, options: type | None = None) -> Callable[[_Maker], _Maker]:
    """Registers a hook: a class of ``training.Callback``, made with its options if there are any."""
    return _registrar(HOOK, name, options)


def marked(thing: Any) -> tuple[Entry, ...]:
    """What ``thing`` itself, not a class that it inherits from, is registered as."""
    return getattr(thing, "__dict__", {}).get(_MARK, ())


@contextlib.contextmanager
def collected() -> Iterator[list[Entry]]:
    """What is registered meanwhile, in its order, though another may take its place under the same variable."""
    entries: list[Entry] = []
    _collecting.append(entries)
    try:
        yield entries
    finally:
        _collecting.remove(entries)


@dataclass(frozen=True)
class Registry:
    """What there is to choose from.

    Attributes:
      open: whether there is more that is not known here: any name may be chosen then, and any option set.

    Raises:
      RegistryError: a name is registered twice, or options of two go by one name.
    """

    entries: tuple[Entry, ...]
    open: bool = False

    def __post_init__(self) -> None:
        known: dict[tuple[str, str], Entry] = {}
        sections: dict[str, Entry] = {}
        for entry in self.entries:
            first = known.setdefault((entry.kind, entry.name), entry)
            if first is not entry:
                raise RegistryError(
                    f"{entry.where}: the {entry.kind} {entry.name!r} is registered already "
                    f"({first.where or 'by the program'}); give one of them another name"
                )
            if entry.options and sections.setdefault(entry.name, entry).options is not entry.options:
                other = sections[entry.name]
                raise RegistryError(
                    f"{entry.where}: {entry.name} is the name of the {other.kind} of {other.where or 'the program'}, "
                    "too, whose options are others; give one of them another name, or both the same options"
                )

    @property
    def hooks(self) -> tuple[Entry, ...]:
        """Those that a run calls, in the order in which they were registered."""
        return tuple(entry for entry in self.entries if entry.kind == HOOK)

    def with_entries(self, entries: Iterable[Entry]) -> Registry:
        return Registry((*self.entries, *entries))

    def find(self, kind: str, name: str) -> Entry:
        """Raises RegistryError, with the near names, if there is none."""
        of_kind = {entry.name: entry for entry in self.entries if entry.kind == kind}
        if name not in of_kind and self.open:
            return Entry(kind, name)
        if name not in of_kind:
            raise RegistryError(
                f"{KINDS[kind]} = {name!r} is not registered; near: {near_names(name, of_kind)}; what is in a file of "
                "one's own needs --module=FILE.py"
            )
        return of_kind[name]

    @property
    def sections(self) -> dict[str, type]:
        """The dataclasses of options by the names of their sections."""
        return {entry.name: entry.options for entry in self.entries if entry.options}


def _registrar(kind: str, name: str, options: type | None) -> Callable[[_Maker], _Maker]:
    def mark(make: _Maker) -> _Maker:
        where = _where()
        if not isinstance(name, str) or not re.fullmatch(r"[a-z]\w*", name):
            raise RegistryError(f"{where}: a {kind} is registered as {name!r}; a small letter, then letters, digits, _")
        if options is not None:
            _check_options(where, name, options)
        entry = Entry(kind, name, options, make, where)
        setattr(make, _MARK, (*marked(make), entry))
        for entries in _collecting:
            entries.append(entry)
        return make

    return mark


def _check_options(where: str, name: str, options: type) -> None:
    """Raises RegistryError unless gin files can hold ``options``."""
    params = getattr(options, "__dataclass_params__", None)
    if params is None or not params.frozen:
        raise RegistryError(f"{where}: the options of {name!r} are {options!r}; a class marked @dataclass(frozen=True)")
    hints = typing.get_type_hints(options)
    for item in dataclasses.fields(options):
        if hints[item.name] not in _TYPES:
            raise RegistryError(
                f"{where}: the option {name}.{item.name} is of type {item.type}; numbers, text, True or False, or "
                "tuples of numbers or texts are expected"
            )
        if item.default is dataclasses.MISSING:
            raise RegistryError(f"{where}: the option {name}.{item.name} has no default; give it one")


def _where() -> str:
    """File and line of what is decorated."""
    caller = sys._getframe(2)
    return f"{caller.f_code.co_filename}:{caller.f_lineno}"


_NETWORKS = (Entry("policy", "mlp"), Entry("policy", "units"), Entry("critic", "mlp"))
BUILT_IN = Registry((*_NETWORKS, Entry("loss", "ma_trace"), Entry("reward", "environment")))
OPEN = Registry(BUILT_IN.entries, open=True)  # for whoever only reads a configuration, such as actors
