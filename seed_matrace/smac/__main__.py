"""``python -m seed_matrace.smac`` prints the line after which programs that import smac get the simulator.

In the shell that starts them, ``eval "$(python -m seed_matrace.smac)"`` is all there is to do.
"""

from __future__ import annotations

import importlib.util
import shlex
from pathlib import Path

_SHIM = Path(__file__).parent / "shim"


def line() -> str:
    """What a shell is to be told: where ``smac`` is found from here on."""
    folders = [_SHIM]
    if importlib.util.find_spec("smaclite") is None:
        folders.append(_SHIM / "without_smaclite")  # EPyMARL asks for it
    path = ":".join(shlex.quote(str(folder)) for folder in folders)
    return f"export PYTHONPATH={path}${{PYTHONPATH:+:$PYTHONPATH}}"


if __name__ == "__main__":
    print(line())
