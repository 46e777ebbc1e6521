"""How a module is started in another process: nothing that lies in the working folder gets in its way.

``python -m`` puts the working folder before everything else: a file called random.py there would end every child.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

_RUN = "import runpy; runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"


def start(module: str = "seed_matrace", python: str | None = None) -> list[str]:
    """The begin of a command line that runs ``module``.

    Args:
      python: another interpreter, which finds what is installed for it. None is this one: then the new process looks
        for modules where this one does, in the same order, whichever way this one was started.
    """
    if python is not None and python != sys.executable:
        return start_apart(module, python)
    path = [entry for entry in sys.path if isinstance(entry, str)]
    options = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # as multiprocessing does
    return [sys.executable, *options, "-c", f"import sys; sys.path[:] = {path!r}; {_RUN.format(module=module)}"]


def start_apart(module: str, python: str, also: Sequence[str] = ()) -> list[str]:
    """Likewise for a process that looks for modules where ``python`` does by itself, then in the folders ``also``."""
    without_working_folder = "sys.path[:1] = [folder for folder in sys.path[:1] if folder]"
    program = f"import sys; {without_working_folder}; sys.path += {list(also)!r}; {_RUN.format(module=module)}"
    return [python, "-c", program]
