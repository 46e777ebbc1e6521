"""Modules of one's own, given by --module: read, run once, and asked what they register.

A module is one file. It is run under a name that its contents decide, so that a run's copy and the file that it was
copied from are one module, and another version of it is another.
"""

from __future__ import annotations

import os
import re
import sys
import traceback
import types
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seed_matrace.files import digest
from seed_matrace.registered import BUILT_IN, Entry, Registry, RegistryError, collected, marked

_registered: dict[str, list[Entry]] = {}  # by modules that were run


class ModuleError(ValueError):
    """A module that cannot be used; one sentence with file and line."""


@dataclass(frozen=True)
class ModuleFile:
    """A module as it was read.

    Attributes:
      name: of the file, "my_research.py".
      content: its text.
      source: where it was read, as an absolute path.
    """

    name: str
    content: bytes
    source: str

    @property
    def sha256(self) -> str:
        """What tells it from others of its name, as ``files.digest``."""
        return digest(self.content)


def read_modules(paths: Iterable[str | os.PathLike[str]]) -> tuple[ModuleFile, ...]:
    """The files that --module names.

    Raises:
      ModuleError: there is no such file, it is no module, or two go by one name.
    """
    found: dict[str, ModuleFile] = {}
    for path in map(Path, paths):
        if not re.fullmatch(r"[A-Za-z_]\w*\.py", path.name):
            raise ModuleError(f"--module={path}: the name of a module is letters, digits and _, then .py")
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ModuleError(f"--module={path} cannot be read ({error.strerror}); name a file") from None
        if path.name in found:
            raise ModuleError(f"--module={path} and --module={found[path.name].source} are of one name; rename one")
        found[path.name] = ModuleFile(path.name, content, str(path.absolute()))
    return tuple(found.values())


def entries_of(file: ModuleFile) -> tuple[Entry, ...]:
    """What a module registers, in the order of its text; it is run unless its contents were before.

    Raises:
      ModuleError: it cannot be run, or registers nothing.
    """
    name = f"{Path(file.name).stem}_{file.sha256}"
    module = sys.modules.get(name) or _run(file, name)
    known = [*_registered[name], *(entry for thing in vars(module).values() for entry in marked(thing))]
    # And what it imports of another that registers; but what the program registers is there already.
    entries = dict.fromkeys(entry for entry in known if not _is_ours(entry))
    if not entries:
        raise ModuleError(f"{file.source}: the module registers nothing; see seed_matrace.research")
    return tuple(entries)


def _is_ours(entry: Entry) -> bool:
    return getattr(entry.make, "__module__", "").startswith("seed_matrace.")


def _run(file: ModuleFile, name: str) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__file__ = file.source
    sys.modules[name] = module  # dataclasses look their annotations up there
    try:
        with collected() as entries:
            exec(compile(file.content, file.source, "exec"), vars(module))
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        if isinstance(error, RegistryError):
            raise ModuleError(str(error)) from None
        where = f"{file.source}:{line_in(file.source, error)}".removesuffix(":0")
        raise ModuleError(f"{where}: the module cannot be run ({said_by(error)})") from None
    _registered[name] = entries
    return module


def registry_of(files: Sequence[ModuleFile]) -> Registry:
    """What there is to choose from with these modules; what several of them import from one place counts once.

    Raises:
      ModuleError: as ``entries_of``; or a name is registered twice.
    """
    entries = dict.fromkeys(entry for file in files for entry in entries_of(file))
    try:
        return BUILT_IN.with_entries(entries)
    except RegistryError as error:
        raise ModuleError(str(error)) from None


def told(file: ModuleFile) -> str:
    """A line for the screen."""
    registers = ", ".join(f"{entry.kind} {entry.name!r}" for entry in entries_of(file))
    return f"module {file.name} of SHA-256 {file.sha256}...: {registers}"


def line_in(file: str, error: BaseException) -> int:
    """The innermost line of ``file`` that an error came by; 0: by none."""
    if isinstance(error, SyntaxError) and error.filename == file:
        return error.lineno or 0
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return (lines[-1] if lines else 0) or 0


def said_by(error: BaseException) -> str:
    """What an exception says, in one line."""
    words = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
