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
    """Strict JSON in UTF-8, with or without a byte order mark.

    Raises:
      ValueError: too large; not UTF-8; not JSON; or the value at a path such as ``allies[1].count``, which the message
        names, is there twice, is no finite number, is text that cannot be printed, or lies too deep.
    """
    if len(data) > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES // 2**20} MB")
    if not data.strip():
        raise ValueError("it is empty")
    try:
        document = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_Object, parse_int=_whole_number)
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not text in UTF-8 (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error}") from None
    except RecursionError:
        raise ValueError(f"it is more than {_DEEPEST} levels deep") from None
    for path, problem in _problems(document):
        raise ValueError(f"{path} {problem}")
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


def _problems(document: Any) -> Iterator[tuple[str, str]]:
    """Path of a value and what is wrong with it; walks without recursion, which depth could exhaust."""
    todo: list[tuple[str, int, Any]] = [("", 0, document)]
    while todo:
        path, level, value = todo.pop()
        name = path or "the document"
        if level > _DEEPEST:
            yield f"{name[:_SHOWN]}...", f"lies more than {_DEEPEST} levels deep"
            return
        if isinstance(value, float) and not math.isfinite(value):
            yield name, "is not a finite number"
        elif isinstance(value, str) and not _printable(value):
            yield name, f"is {shown(value)}; text without control characters expected"
        elif isinstance(value, list):
            todo += [(f"{path}[{index}]", level + 1, item) for index, item in reversed(list(enumerate(value)))]
        elif isinstance(value, _Object):
            prefix = f"{path}." if path else ""
            if value.twice is not None:
                yield f"{prefix}{shown(value.twice)[1:-1]}", "is there twice"
            for key in value:
                if not _printable(key):
                    yield name, f"has the key {shown(key)}; text without control characters expected"
            todo += [(f"{prefix}{key}", level + 1, item) for key, item in reversed(value.items())]


def _printable(text: str) -> bool:
    """Whether a terminal, a page and a file can hold it: no control characters, no half of a surrogate pair."""
    return all(char.isprintable() or char == "\n" for char in text)
