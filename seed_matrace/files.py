"""Whole files: written aside and renamed, so that whoever reads one finds all of it, also after a kill or a full disk.

Files of a run that the program reads back are written by ``write_checked``: what they hold is noted beside them in
CHECKSUMS, and ``read_checked`` says when a file is not what was written. Formats of others stay as they are.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seed_matrace.foreign_files import parse_json

CHECKSUMS = "checksums.json"  # of a folder: {"run.json": [[size, CRC-32], ...]}, the newest first
_NOTED = 4  # a copy of a run that is at work may hold a file that is a little older than its checksums


def write_file(path: str | os.PathLike[str], content: str | bytes, *, mode: int = 0o666) -> None:
    """Writes a whole file: on disk is either what was there or ``content``, at any moment; its folder is made.

    Args:
      content: text is written as UTF-8. Nothing is done if the file holds it already.
      mode: permissions of a new file, before the umask.

    Raises:
      OSError: it cannot be written; what was there is untouched, and nothing is left beside it.
    """
    try:
        # A link stays a link.
        _write(Path(os.path.realpath(path)), content.encode() if isinstance(content, str) else content, mode)
    except OSError as error:
        raise OSError(f"cannot write {path} ({error.strerror or error})") from None


def _write(path: Path, content: bytes, mode: int) -> None:
    if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.aside")
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(fd)
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync(path.parent)


def digest(content: bytes) -> str:
    """What tells a file from others of its name, in a few letters."""
    return hashlib.sha256(content).hexdigest()[:12]


def is_utf8(path: str | os.PathLike[str]) -> bool:
    """Whether a name is text, as TensorFlow wants it."""
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def check_utf8(name: str, path: str | os.PathLike[str] | None) -> None:
    """Raises ValueError for a path that TensorFlow cannot open; ``name`` is what it was given as."""
    if path is not None and not is_utf8(path):
        raise ValueError(
            f"{name}={os.fspath(path)} has characters that are not UTF-8, or not in this locale: name it otherwise, or "
            "run in a locale of UTF-8, such as LC_ALL=C.UTF-8"
        )


def clear(folder: Path) -> None:
    """Removes what kills left aside in ``folder`` and below; nobody may be writing there."""
    for aside in folder.rglob(".*.aside"):
        aside.unlink(missing_ok=True)


def write_checked(path: str | os.PathLike[str], content: str | bytes, *, owner: str = "") -> None:
    """As ``write_file``, and noted for ``read_checked``: first the checksum, so that a kill in between does no harm.

    Args:
      owner: what tells whose file it is from files of others; its checksum covers it.
    """
    path = Path(path)
    content = content.encode() if isinstance(content, str) else content
    try:
        noted = _noted(path.parent)
    except ValueError:  # whoever reads says so; what is at work goes on
        noted = {}
    before = [_entry(path.read_bytes(), owner)] if path.is_file() else []
    entries = [_entry(content, owner), *before, *noted.get(path.name, [])]
    different = [entry for index, entry in enumerate(entries) if entry not in entries[:index]]
    try:
        write_file(path.parent / CHECKSUMS, json.dumps({**noted, path.name: different[:_NOTED]}) + "\n")
    except OSError as error:
        raise OSError(str(error).replace(CHECKSUMS, path.name)) from None  # whose checksum nobody asked for
    write_file(path, content)


def read_checked(
    path: str | os.PathLike[str], advice: str = "put back a copy of it", *, owner: str = "", must_be_noted: bool = False
) -> bytes:
    """What ``write_checked`` wrote; a file that was never noted, as those of older versions, is read unchecked.

    Args:
      advice: what to do about a damaged file, for the error.
      owner: whose file it is to be.
      must_be_noted: whether it is known to be of a version that notes.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: it is empty, not what was written, of another owner, or cannot be read; it is not noted.
    """
    path = Path(path)
    for _ in range(3):  # it may be written anew right now
        noted = _noted(path.parent)
        entries = noted.get(path.name)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
        if content and (_entry(content, owner) in entries if entries is not None else not must_be_noted):
            return content
    if content and entries is None:
        raise ValueError(
            f"{path.parent / CHECKSUMS}, which says what {path.name} holds, {'lacks it' if noted else 'is missing'}: "
            "put back a copy of it; a run is copied with all of its files, as by cp -a"
        )
    others = ", or is of another run" if owner else ""
    what = (
        f"is not what was written: it was damaged, or changed by hand{others}"
        if content
        else "is empty: it was damaged"
    )
    raise ValueError(f"{path} {what}; {advice}")


def to_line(values: Mapping[str, Any], name: str = "crc32", before: int = 0) -> tuple[str, int]:
    """One line of JSON that ends in a checksum of itself under ``name``, and that checksum; ValueError for NaN.

    Args:
      before: what the checksum is to cover, too, such as that of the line before.
    """
    text = json.dumps(values, allow_nan=False)
    crc = zlib.crc32(text.encode(), before)
    return f'{text[:-1]}{", " if values else ""}"{name}": {crc}}}', crc


def parse_line(line: bytes, name: str = "crc32", before: int = 0) -> tuple[dict[str, Any], int | None]:
    """What ``to_line`` was given, and the checksum; None if it has none, as lines of older versions.

    Raises:
      ValueError: it is not what was written, or not behind what was there before.
    """
    checked = re.fullmatch(rb'(.*?)(?:, )?"%b": (\d+)\}' % name.encode(), line)
    text = checked[1] + b"}" if checked else line
    values = parse_json(text)
    if not isinstance(values, dict):
        raise ValueError("it is no JSON object")
    if name in values or (checked and zlib.crc32(text, before) != int(checked[2])):
        raise ValueError("it is not what was written there")
    return values, int(checked[2]) if checked else None


def sync(path: Path) -> None:
    """Waits until a file or a folder's list of names is on the disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _noted(folder: Path) -> dict[str, list[list[int]]]:
    """The checksums of a folder; ValueError if they are damaged."""
    path = folder / CHECKSUMS
    try:
        noted = parse_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}; put back a copy of it") from None
    if not isinstance(noted, dict) or not all(isinstance(entries, list) for entries in noted.values()):
        raise ValueError(f"{path} is damaged: it has no lists of checksums; put back a copy of it")
    return noted


def _entry(content: bytes, owner: str) -> list[int]:
    return [len(content), zlib.crc32(content, zlib.crc32(owner.encode()))]
