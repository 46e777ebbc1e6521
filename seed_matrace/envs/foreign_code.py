"""Code that others wrote, called so that whatever it raises becomes one sentence."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_folders: dict[str, str] = {}  # the working folders that environments have gone to, by their names


class ForeignError(ValueError):
    """An environment of others does what it should not; the message names it, and the agent and the field."""


@contextmanager
def foreign_call(name: str, what: str) -> Iterator[None]:
    """Turns what is raised inside, SystemExit too, into a ForeignError; only KeyboardInterrupt is let through.

    An environment that changes the working folder finds it so in its next call; everybody else is where they were.

    Args:
      name: of the environment.
      what: was called, as "step".
    """
    here = _working_folder()
    if name in _folders:
        _go_to(_folders[name])
    try:
        yield
    except (ForeignError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise ForeignError(f"environment {name}: {what} raised {_described(error)}") from error
    finally:
        there = _working_folder()
        if there != here:
            _folders[name] = there
            _go_to(here)
        else:
            _folders.pop(name, None)


def _working_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""


def _go_to(folder: str) -> None:
    with suppress(OSError):
        os.chdir(folder)


def _described(error: BaseException) -> str:
    """Its type, its own words on one line, and where it was raised."""
    try:
        words = " ".join(str(error).split())[:200]
    except Exception:
        words = ""
    frames = traceback.extract_tb(error.__traceback__)[1:]  # the first is ours
    raised_at = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}{': ' if words else ''}{words}{raised_at}"
