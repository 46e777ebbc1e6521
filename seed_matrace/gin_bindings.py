"""What gin files and ``--gin_param`` bind, read as data: gin's own parser, but none of its registry.

Nothing of gin's global configuration is read or changed, and no file imports or calls anything. Taken are
``section.option = literal``, macros (``NAME = literal``, used as ``%NAME``) and ``include 'file'``; every other
statement of gin's is refused with its file and line, for it would do nothing here, or run code.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gin import config_parser
from seed_matrace.fields import FieldError, check_literal
from seed_matrace.gin_files import ConfigError, find_gin_file, is_file, plain_text, read_gin_text
from seed_matrace.gin_statements import EXPECTED, Macro, Reference, Wanted, found, statements

PACKAGE = "seed_matrace"  # may stand before a section
_OF_THE_MACHINE = "Machine: decides nothing of what is learnt, and may be another when the run goes on."


@dataclass(frozen=True)
class Bound:
    """A value as it was written, and where."""

    value: Any
    where: str
    beside: Path | None = None  # the folder of the file that says so


@dataclass(frozen=True)
class _Source:
    """A file, or the text of one flag."""

    title: str  # as messages call it
    beside: Path | None = None  # the folder of a file
    chain: tuple[Path, ...] = ()  # of files that include one another, this one last
    lines: bool = True  # whether messages say which line
    imports: bool = False
    includes: bool = True

    def where(self, line: int) -> str:
        named_line = f":{line}" if self.beside else f", line {line}"
        return self.title + named_line * self.lines


class Bindings:
    """Collects bindings of some options, later ones before earlier ones.

    Args:
      options: fields by what each may be called, "section.option", see ``options_of``.
      more: whether there may be sections that are not known here; whatever is in them is taken.
    """

    def __init__(self, options: Mapping[str, dataclasses.Field[Any]], *, more: bool = False) -> None:
        self._sections = {name.partition(".")[0] for name in options} if more else None
        self._options = {name: str(item.metadata.get("doc", "")) for name, item in options.items()}
        self._wanted = {name: Wanted(_kind(item), _example(item)) for name, item in options.items()}
        self._values: dict[str, Bound] = {}
        self._macros: dict[str, Bound] = {}
        self._in_use: set[str] = set()  # macros that a binding used before another took its place

    def add_file(self, path: str | Path, *, includes: bool = True) -> None:
        """Reads a file, one's own or one that comes with the program; ConfigError says what is wrong in which line.

        Args:
          includes: whether it may include others; what somebody else wrote may not read files of this machine.
        """
        self._add_file(find_gin_file(path), str(path), (), includes=includes)

    def add_param(self, text: str, *, imports: bool = True) -> None:
        """Reads the text of a flag.

        Args:
          imports: whether ``import my_module`` is done, in this process; only what a person types may say so.
        """
        title = _flag_title(text)
        text = plain_text(text, title)
        self._add(text, _Source(title, lines="\n" in text.strip(), imports=imports))

    def resolved(self) -> dict[str, Bound]:
        """Every option that is bound, with its last value, macros put in.

        Raises:
          ConfigError: a macro that is not defined, uses itself, or is used by nothing: a binding without its section.
        """
        resolved = {
            name: dataclasses.replace(bound, value=self._without_macros(bound.value, bound.where))
            for name, bound in self._values.items()
        }
        for name, bound in self._macros.items():
            if name not in self._in_use:
                raise ConfigError(
                    f"{bound.where}: {name} names no section, and nothing uses it as %{name}; {self._near(name)}"
                )
        for name, bound in resolved.items():
            try:
                check_literal(name, bound.value)
            except FieldError as error:
                raise ConfigError(f"{bound.where}: {error}") from None
        return resolved

    def _add_file(self, path: Path, title: str, chain: tuple[Path, ...], *, includes: bool = True) -> dict[str, str]:
        real = path.resolve()
        if real in chain:
            raise ConfigError(f"{chain[-1]} includes {title}, which includes it in turn; leave one of them out")
        return self._add(read_gin_text(path, title), _Source(title, path.parent, (*chain, real), includes=includes))

    def _add(self, text: str, source: _Source) -> dict[str, str]:
        """Returns what a source has bound, includes and all, and where."""
        own: dict[str, str] = {}
        included: dict[str, str] = {}
        for statement, line in statements(text, source.where, self._wanted):
            where = source.where(line)
            if isinstance(statement, config_parser.IncludeStatement):
                inner = self._include(statement.filename, where, source)
                for name in own.keys() & inner.keys():
                    raise ConfigError(f"{own[name]}: {name} is bound again by {inner[name]}; put the include before it")
                included |= inner
            elif isinstance(statement, config_parser.ImportStatement):
                _import(statement, where, source)
            elif isinstance(statement, config_parser.BlockDeclaration):
                raise ConfigError(f"{where}: blocks are not taken ({statement.selector}:); {EXPECTED}")
            else:
                name = self._bind(statement, where, source.beside)
                if name in own:
                    raise ConfigError(f"{where}: {name} is bound already ({own[name]}); leave one of them out")
                own[name] = where
        return included | own

    def _include(self, filename: str, where: str, source: _Source) -> dict[str, str]:
        if not source.includes:
            raise ConfigError(f"{where}: includes are not taken here; write what is bound there in its place")
        try:
            path = find_gin_file(filename, source.beside)
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from None
        return self._add_file(path, filename if source.beside is None else str(path), source.chain)

    def _bind(self, statement: Any, where: str, beside: Path | None) -> str:
        name = ".".join(filter(None, (statement.selector, statement.arg_name)))
        if statement.scope:
            raise ConfigError(self._scoped(f"{statement.scope}/{name}", where))
        for reference in found(statement.value, Reference):
            raise ConfigError(f"{where}: @{reference.name} calls something; {name} takes a literal value")
        for macro in found(statement.value, Macro):
            if "/" in macro.name:
                raise ConfigError(f"{where}: %{macro.name} has a scope; macros are taken without, as in %NAME")
        if "." not in name:
            self._in_use.discard(name)
            self._macros[name] = Bound(statement.value, where)
            return name
        name = name.removeprefix(f"{PACKAGE}.")
        if name not in self._options and (self._sections is None or name.partition(".")[0] in self._sections):
            raise ConfigError(f"{where}: unknown option {name!r}; {self._near(name)}")
        if name in self._values:
            self._note_use(self._values[name].value)
        self._values[name] = Bound(statement.value, where, beside)
        return name

    def _scoped(self, name: str, where: str) -> str:
        plain = [name.replace("/", "."), name.rpartition("/")[2]]
        known = next((option for option in plain if option in self._options), None)
        advice = f"write {known} = ..." if known else EXPECTED
        return f"{where}: scopes are not taken ({name}), they would change nothing; {advice}"

    def _note_use(self, value: Any) -> None:
        """What a value used that another now takes the place of: whoever defined it has been heard."""
        for macro in found(value, Macro):
            if macro.name in self._macros and macro.name not in self._in_use:
                self._in_use.add(macro.name)
                self._note_use(self._macros[macro.name].value)

    def _without_macros(self, value: Any, where: str, inside: tuple[str, ...] = ()) -> Any:
        if isinstance(value, Macro):
            if value.name in inside:
                raise ConfigError(f"{where}: the macro {value.name} is defined by itself; give it a value")
            if value.name not in self._macros:
                near = ", ".join(f"%{name}" for name in difflib.get_close_matches(value.name, self._macros))
                raise ConfigError(
                    f"{where}: nothing defines the macro %{value.name}"
                    + (f"; near: {near}" if near else f"; write {value.name} = ... as well, or a value here")
                )
            self._in_use.add(value.name)
            return self._without_macros(self._macros[value.name].value, where, (*inside, value.name))
        if isinstance(value, (list, tuple)):
            return type(value)(self._without_macros(item, where, inside) for item in value)
        if isinstance(value, dict):
            return {key: self._without_macros(item, where, inside) for key, item in value.items()}
        return value

    def _near(self, name: str) -> str:
        near = near_options(name, self._options)
        sections = ", ".join(dict.fromkeys(option.partition(".")[0] for option in self._options))
        return f"near: {', '.join(near)}" if near else f"{EXPECTED}, with the sections {sections}"


def _flag_title(text: str) -> str:
    return f"--gin_param {text if len(text) < 200 else text[:200] + '...'!r}"


def bound_here(text: str, title: str = "") -> list[str]:
    """The names that the text of a flag binds itself, options and macros, not by its includes.

    Args:
      title: how messages call the flag, if it is none of ``--gin_param``.

    Raises:
      ConfigError: it cannot be read.
    """
    title = title or _flag_title(text)
    parsed = [statement for statement, _ in statements(plain_text(text, title), lambda line: title)]
    bindings = [statement for statement in parsed if isinstance(statement, config_parser.BindingStatement)]
    return [".".join(filter(None, (statement.selector, statement.arg_name))) for statement in bindings]


def near_options(name: str, options: Mapping[str, str]) -> list[str]:
    """At most four options that ``name`` may have meant: by spelling, initials ("lr"), or a word that explains them."""
    last = name.rpartition(".")[2].lower()
    lasts = {option: option.rpartition(".")[2] for option in options}
    near = difflib.get_close_matches(name, options, n=3, cutoff=0.6) if "." in name else []
    near += [option for option, own in lasts.items() if own.rstrip("_") == last.rstrip("_")]
    near += [option for option, own in lasts.items() if "".join(word[:1] for word in own.split("_")) == last]
    near += [option for option, doc in options.items() if last in re.findall(r"\w+", doc.lower()) and len(last) > 3]
    close = difflib.get_close_matches(last, lasts.values(), n=3, cutoff=0.6)
    near += [option for match in close for option, own in lasts.items() if own == match]
    return list(dict.fromkeys(near))[:4]


def _import(statement: Any, where: str, source: _Source) -> None:
    said = statement.format()
    if source.beside:
        raise ConfigError(
            f"{where}: {said!r}: configuration is data and imports nothing; take it out, and if a module is needed say "
            "--gin_param='import MODULE'"
        )
    if not source.imports:
        raise ConfigError(f"{where}: other processes are given this configuration, and it imports nothing; take it out")
    if statement.is_from or statement.alias:
        raise ConfigError(f"{where}: {said!r}: only 'import MODULE' is taken")
    try:
        importlib.import_module(statement.module)
    except Exception as error:
        raise ConfigError(f"{where}: cannot import {statement.module} ({type(error).__name__}: {error})") from None


def written(options: Mapping[str, Any], machine: Collection[str]) -> str:
    """Bindings as a gin file, section by section, those of the ``machine`` together at the end.

    Each value is what ``repr`` says, so that it is read back exactly.
    """
    lines: list[str] = []
    begun = ""
    for name in sorted(options, key=lambda name: (name in machine, name.split("."))):
        heading = _OF_THE_MACHINE if name in machine else f"Parameters for {name.partition('.')[0]}:"
        if heading != begun:
            begun = heading
            lines += [*([""] if lines else []), f"# {heading}", "# " + "=" * 78]
        lines.append(f"{name} = {options[name]!r}")
    return "\n".join([*lines, ""])


def with_file_beside(bound: Bound) -> Bound:
    """What names a file by a path: one beside the gin file that says so goes before one in the working folder."""
    if bound.beside is None or not isinstance(bound.value, str) or not is_file(bound.beside / bound.value):
        return bound
    return dataclasses.replace(bound, value=str((bound.beside / bound.value).absolute()))


def with_source(error: ValueError, bound: Mapping[str, Bound]) -> ConfigError:
    """What is wrong with an option, and where it was bound, if that is known."""
    name = re.match(r"[\w.]*", str(error))
    binding = bound.get(name[0]) if name else None
    return ConfigError(f"{binding.where}: {error}" if binding else str(error))


def options_of(sections: Mapping[str, type]) -> dict[str, dataclasses.Field[Any]]:
    """Every field of the sections' dataclasses by its gin name, as "loss.discount"."""
    return {f"{name}.{item.name}": item for name, kind in sections.items() for item in dataclasses.fields(kind)}


def _example(item: dataclasses.Field[Any]) -> Any:
    """A value that an option may have, for advice."""
    given = {"int | None": 1, "float | None": 1.0, "dict | None": {"name": 1}}
    return given.get(_kind(item), item.default) if item.default is None else item.default


def _kind(item: dataclasses.Field[Any]) -> str:
    """Its type as it is annotated, whether or not annotations are strings."""
    return item.type.__name__ if isinstance(item.type, type) else str(item.type)


def arguments_of(section: str, bound: Mapping[str, Bound]) -> dict[str, Any]:
    """What is bound of one section, by the names of its fields."""
    return {name.partition(".")[2]: found.value for name, found in bound.items() if name.startswith(f"{section}.")}
