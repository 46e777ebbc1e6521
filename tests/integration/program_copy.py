"""A copy of the program, in which a recipe of CONTRIBUTING is followed; what it changes is gone with the test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from processes import ROOT


class ProgramCopy:
    """Sources, compiled modules, gin files, and what is asked for besides, in a folder of their own."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.folder = folder
        for name in ("seed_matrace", "gin", *more):
            source, ignored = ROOT / name, shutil.ignore_patterns("__pycache__", "viewer/web")
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=ignored)
            else:
                shutil.copy(source, folder / name)

    def insert(self, file: str, line: str, *, before: str) -> None:
        """Puts ``line`` before the only one that begins with ``before``."""
        path = self.folder / file
        lines = path.read_text().splitlines(keepends=True)
        (place,) = [number for number, text in enumerate(lines) if text.startswith(before)]
        path.write_text("".join([*lines[:place], f"{line}\n", *lines[place:]]))

    def replace(self, file: str, old: str, new: str) -> None:
        """Puts ``new`` in the only place where ``old`` stands."""
        path = self.folder / file
        before, after = path.read_text().split(old)
        path.write_text(f"{before}{new}{after}")

    def python(self, *args: object, timeout_s: float = 240) -> subprocess.CompletedProcess[str]:
        """Runs Python on the copy; ``-m seed_matrace`` is the program."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        words = [sys.executable, *map(str, args)]
        return subprocess.run(
            words, capture_output=True, text=True, timeout=timeout_s, cwd=self.folder, env=environment
        )

    def said(self, *args: object) -> str:
        """What the program printed on stdout; it must have gone well."""
        result = self.python("-m", "seed_matrace", *args)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def all_said(self, commands: Sequence[Sequence[str]]) -> subprocess.CompletedProcess[str]:
        """What the program prints in one process for several command lines, whatever comes of each."""
        return self.python("-c", f"from seed_matrace.cli import main\nfor words in {commands!r}:\n    main(words)")
