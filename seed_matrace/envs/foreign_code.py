"""Code that others wrote, called so that whatever it raises becomes one sentence."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class ForeignError(ValueError):
    """An environment of others does what it should not; the message names it, and the agent and the field."""


@contextmanager
def foreign_call(name: str, what: str) -> Iterator[None]:
    """Turns what is raised inside, SystemExit too, into a ForeignError; only KeyboardInterrupt is let through.

    Args:
      name: of the environment.
      what: was called, as "step".
    """
    try:
        yield
    except (ForeignError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise ForeignError(f"environment {name}: {what} raised {_described(error)}") from error


def _described(error: BaseException) -> str:
    """Its type, its own words on one line, and where it was raised."""
    try:
        words = " ".join(str(error).split())[:200]
    except Exception:
        words = ""
    frames = traceback.extract_tb(error.__traceback__)[1:]  # the first is ours
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}{': ' if words else ''}{words}{place}"
