"""Files that somebody else may have written: opened only if they are files, read up to a limit, JSON strictly."""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

MOST_BYTES = 4 * 2**20
_DEEPEST = 40  # levels of lists and objects
_LONGEST_NUMBER = 40  # digits; longer whole numbers count as infinite
_SHOWN = 200  # characters of a value in a message


def open_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Opens a regular file for reading; a pipe or a device, which might never end or begin, is none.

    Raises:
      OSError: there is no such file, or it is not a regular one.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "not a file, but a folder, a pipe or a device")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_document(path: str | os.PathLike[str]) -> Any:
    """Reads a JSON file of at most ``MOST_BYTES``; see ``parse_document``.

    Raises:
      OSError: it cannot be read.
      ValueError: it is too large, or not JSON.
    """
    with open_file(Path(path)) as file:
        return parse_document(file.read(MOST_BYTES + 1))


def parse_document(data: bytes) -> Any:
    """As ``parse_json``, of at most ``MOST_BYTES``, and all of its text can be printed."""
    if len(data) > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES // 2**20} MB")
    document = parse_json(data)
    for path, value in _values(document):
        if isinstance(value, str) and not _printable(value):
            raise ValueError(f"{_named(path)} is {shown(value)}; text without control characters expected")
        for key in value if isinstance(value, dict) else ():
            if not _printable(key):
                raise ValueError(f"{_named(path)} has the key {shown(key)}; text without control characters expected")
    return document


def parse_json(content: str | bytes) -> Any:
    """Strict JSON; bytes in UTF-8, with or without a byte order mark.

    Raises:
      ValueError: not UTF-8; not JSON; or the value at a path such as ``allies[1].count``, which the message names, is
        there twice, is no finite number, or lies too deep.
    """
    if not content.strip():
        raise ValueError("it is empty")
    try:
        text = content if isinstance(content, str) else content.decode("utf-8-sig")
        document = json.loads(text, object_pairs_hook=_Object, parse_int=_whole_number)
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not text in UTF-8 (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error}") from None
    except RecursionError:
        raise ValueError(f"it is more than {_DEEPEST} levels deep") from None
    for path, value in _values(document):
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{_named(path)} is not a finite number")
        if isinstance(value, _Object) and value.twice is not None:
            raise ValueError(f"{_named((*path, value.twice))} is there twice")
    return document


def shown(value: Any) -> str:
    """``repr`` for a message: of one line and no great length."""
    try:
        text = repr(value)
    except Exception as error:  # values of foreign classes
        return f"a {type(value).__name__} that cannot be shown ({type(error).__name__})"
    text = " ".join(printable(text).split("\n"))
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def printable(text: str) -> str:
    """``text`` without what would change a terminal: control characters as Python writes them, but for line feeds."""
    return "".join(char if char.isprintable() or char == "\n" else ascii(char)[1:-1] for char in text)


class _Object(dict):
    """A JSON object that remembers which key it was given twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        names = [name for name, _ in pairs]
        self.twice = None if len(self) == len(names) else next(n for n in names if names.count(n) > 1)


def _whole_number(text: str) -> int | float:
    return int(text) if len(text) <= _LONGEST_NUMBER else math.inf


_Path = tuple[str | int, ...]  # keys and indices that lead to a value


def _values(document: Any) -> Iterator[tuple[_Path, Any]]:
    """Every value behind its path, without recursion, which depth could exhaust; ValueError where it lies too deep."""
    todo: list[tuple[_Path, Any]] = [((), document)]
    while todo:
        path, value = todo.pop()
        if len(path) > _DEEPEST:
            raise ValueError(f"{_named(path)[:_SHOWN]}... lies more than {_DEEPEST} levels deep")
        yield path, value
        if isinstance(value, (list, dict)):
            inside = value.items() if isinstance(value, dict) else enumerate(value)
            todo += reversed([((*path, key), item) for key, item in inside])


def _named(path: _Path) -> str:
    """As ``allies[1].count``."""
    keys = (f"[{key}]" if isinstance(key, int) else f".{shown(key)[1:-1]}" for key in path)
    return "".join(keys).removeprefix(".") or "the document"


def _printable(text: str) -> bool:
    """Whether a terminal, a page and a file can hold it: no control characters, no half of a surrogate pair."""
    return all(char.isprintable() or char == "\n" for char in text)
