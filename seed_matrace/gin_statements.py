"""The statements of a gin file, by gin's own parser, and in one sentence what is wrong with a line it cannot read."""

from __future__ import annotations

import re
import tokenize
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from gin import config_parser
from seed_matrace.gin_files import ConfigError

EXPECTED = "expected is section.option = value, one a line"
_NO_NUMBER = re.compile(r"(?<![\w.])(nan|inf|infinity|float\(.*\))(?![\w.])", re.IGNORECASE)
_UNITS = {"k": 1e3, "M": 1e6, "G": 1e9, "B": 1e9}
_DEEPEST = 20  # containers in containers


@dataclass(frozen=True)
class Macro:
    """``%NAME`` in the place of a value."""

    name: str


@dataclass(frozen=True)
class Reference:
    """``@NAME`` or ``@NAME()`` in the place of a value, which gin would look up and call."""

    name: str


@dataclass(frozen=True)
class Wanted:
    """What an option takes: its type as it is annotated, "int | None", and a value that it may have."""

    kind: str
    example: Any


def statements(
    text: str, where: Callable[[int], str], wanted: Mapping[str, Wanted] = MappingProxyType({})
) -> Iterator[tuple[Any, int]]:
    """The statements of a text, as gin's parser gives them, with the numbers of their lines.

    Args:
      where: from the number of a line to how messages call it.
      wanted: what options take, for advice.

    Raises:
      ConfigError: a line that cannot be read, however it is misspelt.
    """
    lines = text.split("\n")
    parser = None
    try:
        parser = _Parser(text, _Delegate())
        while (statement := parser.parse_statement()) is not None:
            yield statement, statement.location.line_num
    except Exception as error:  # of gin, of Python's tokenizer, of literals
        number = min(_line_of(error, parser), len(lines))
        raise ConfigError(f"{where(number)}: {_advice(error, lines[number - 1], wanted)}") from None


def _line_of(error: Exception, parser: Any) -> int:
    if isinstance(error, SyntaxError) and error.lineno:
        return error.lineno
    if len(error.args) == 2 and isinstance(error.args[1], tuple):  # tokenize.TokenError
        return int(error.args[1][0])
    return int(parser.current_token.start[0]) if parser and parser.current_token else 1


def _advice(error: Exception, line: str, wanted: Mapping[str, Wanted]) -> str:
    """One sentence about a line that cannot be read."""
    unquoted = re.sub(r"'[^']*'|\"[^\"]*\"", "", line).partition("#")[0]
    line = line.strip()
    shown = repr(line if len(line) <= 100 else f"{line[:100]}...")
    if isinstance(error, _RefusedError):
        return f"{error.msg} in {shown}"
    if isinstance(error, (RecursionError, MemoryError)):
        return f"too deeply nested, or too much: {shown}"
    odd = next((char for char in unquoted if not char.isascii()), None)
    if odd and not odd.isalnum():
        return f"{odd!r} (U+{ord(odd):04X}) in {shown} is not what Python writes there; type it anew"
    binding = re.fullmatch(r"([A-Za-z_]\w*(?:[./]\w+)*)\s*=\s*(.*?)\s*(?:#.*)?", line)
    name, value = binding.groups() if binding else ("", "")
    if value[:1] in ("'", '"') and value.count(value[0]) % 2:
        return f"the text in {shown} does not end; {value[0]} is missing"
    if isinstance(error, tokenize.TokenError):
        return "a bracket or a quotation mark is opened and never closed"
    if binding is None:
        return f"cannot read {shown}; " + ("write include 'FILE'" if line.startswith("include ") else EXPECTED)
    if not value:
        return f"{name} is given no value; {EXPECTED}"
    if (takes := wanted.get(name.removeprefix("seed_matrace."))) and (advice := _advice_for(name, value, takes)):
        return advice
    if value.lower() in ("true", "false", "none"):
        return f"{value} is no value; write {name} = {value.capitalize()}"
    if _NO_NUMBER.search(value):
        return f"{value} is no value; a finite number is expected"
    if re.fullmatch(r"[-+\d._]*", value) or value[0] == "+":
        return f"{value} is not one number; write it as 64 or 0.5"
    if re.fullmatch(r"[\w./:-]+", value):
        number = "no number, and " * value[0].isdigit()
        return f"{value} is {number}no value; text stands in quotes: write {name} = '{value}'"
    token = re.search(r"Failed to parse token '([A-Za-z]\w*)'", str(error))
    if token:
        return f"{token[1]} in {shown} is no value; text stands in quotes, as '{token[1]}'"
    if "," in unquoted:
        return f"cannot read the value in {shown}; several stand in brackets, (64, 64), and a decimal has a point, 0.5"
    return f"cannot read the value in {shown}; {EXPECTED}"


def _advice_for(name: str, value: str, takes: Wanted) -> str:
    """What to write for a value that cannot be read; "" if the option's type does not tell."""
    kind, *none = takes.kind.split(" | ")
    as_in = f"as in {name} = {takes.example!r}"
    if none and value.lower() == "none":
        return f"{value} is no value; write {name} = None"
    if kind == "str" and not re.search(r"['\"()\[\]]", value):
        return f"{value} is no text; text stands in quotes: write {name} = '{value}'"
    if kind == "bool" and value.lower() not in ("true", "false"):
        return f"{value} is no value; write True or False, {as_in}"
    if kind.startswith("tuple") and re.search("[A-Za-z]", value):
        token = re.search(r"[A-Za-z]\w*", value)
        return f"{token and token[0]} in '{name} = {value}' is no value; whole numbers stand in brackets, {as_in}"
    if kind == "dict" and value[0] != "{":
        return f"{value} is no value; names and values stand in a dict, {as_in}"
    if kind not in ("int", "float") or re.search(r"[\s=;]", value):
        return ""
    if _NO_NUMBER.search(value):
        return f"{value} is no value; a finite number is expected, {as_in}"
    unit = re.fullmatch(r"(\d+(?:\.\d+)?)([kMGB])", value)
    if kind == "int" and unit and (number := float(unit[1]) * _UNITS[unit[2]]).is_integer():
        return f"{value} is no number; write {name} = {int(number):_}"
    if kind == "float" and "," in value:
        return f"{value} is no number; a decimal has a point, {as_in}"
    return f"{value} is not one number; write {'a whole number' if kind == 'int' else 'it'}, {as_in}"


def found(value: Any, kind: type) -> Iterator[Any]:
    """Everything of a kind in a value as it was written."""
    if isinstance(value, kind):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from found(item, kind)
    elif isinstance(value, dict):
        for pair in value.items():
            yield from found(pair, kind)


class _RefusedError(SyntaxError):
    """What gin's parser would take, and not as it was meant."""


class _Delegate(config_parser.ParserDelegate):
    def configurable_reference(self, scoped_configurable_name: str, evaluate: bool) -> Reference:
        return Reference(scoped_configurable_name + "()" * evaluate)

    def macro(self, macro_name: str) -> Macro:
        return Macro(macro_name)


class _Parser(config_parser.ConfigParser):
    """Gin's, which would overlook a minus, overwrite keys and run out of stack."""

    def __init__(self, text: str, delegate: _Delegate) -> None:
        self._keys: list[list[Any]] = []  # of the dicts around
        super().__init__(text, delegate)

    def _maybe_parse_container(self) -> tuple[bool, Any]:
        if len(self._keys) > _DEEPEST:
            self._refuse("too deeply nested")
        self._keys.append([])
        parsed = super()._maybe_parse_container()
        self._keys.pop()
        return parsed

    def _parse_dict_item(self) -> tuple[Any, Any]:
        key, value = super()._parse_dict_item()
        if key in self._keys[-1]:
            self._refuse(f"{key!r} stands twice")
        if next(found(key, Macro), None):
            self._refuse("a key that is a macro")
        self._keys[-1].append(key)
        return key, value

    def _maybe_parse_basic_type(self) -> tuple[bool, Any]:
        minus = self._current_token.string == "-"
        line, (_, start) = self._current_token.line, self._current_token.start
        parsed, value = super()._maybe_parse_basic_type()
        if minus and not parsed:
            self._refuse("a minus without a number")
        if value == 0 and isinstance(value, float) and re.match(r"-?\s*[0._]*[1-9]", line[start:]):
            self._refuse("a number too near to 0")
        return parsed, value

    def _refuse(self, message: str) -> None:
        raise _RefusedError(message, (None, *self._current_token.start, self._current_token.line))
