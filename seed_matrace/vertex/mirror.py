"""Keeps a copy of a run directory in a mounted bucket, from which the run resumes after its host was lost.

The learner works on its own disk: a mounted bucket has neither the renames nor the locks that a run directory needs,
and shows what is written to a file only when it is closed. All that is asked of it here is to show closed files whole:
checksums, which go with other files, stay behind, and what comes back is noted when it is written again.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from seed_matrace.learner.event_file import TENSORBOARD_DIR
from seed_matrace.learner.run_directory import CHECKPOINT_STATE, CHECKPOINTS_DIR, is_run_directory
from seed_matrace.vertex.cluster import JobFolders


class Mirror:
    """Copies a run directory to a job's folders and back.

    Args:
      run_dir: on this host's disk; need not exist.
      folders: where the copy is; made if missing.
    """

    def __init__(self, run_dir: Path, folders: JobFolders) -> None:
        self._run_dir = run_dir
        self._folders = folders
        self._copied: dict[Path, tuple[int, int]] = {}  # size and time of change of what was copied

    def restore(self) -> bool:
        """Brings the copy here, unless a run is here already; returns whether it did."""
        if is_run_directory(self._run_dir) or not is_run_directory(self._folders.run):
            return False
        tensorboard = self._run_dir / TENSORBOARD_DIR
        for source, here in ((self._folders.run, self._run_dir), (self._folders.tensorboard, tensorboard)):
            for path in _files(source):
                _copy(path, here / path.relative_to(source))
        return True

    def save(self) -> None:
        """Copies what has changed since the last call; OSError if the bucket cannot be written.

        Wherever this is cut short, a run can resume from the copy: reports are copied before the checkpoints that count
        them, of a checkpoint the file that makes it whole is the last, and an old one goes when newer ones are there.
        """
        checkpoints = sorted((self._run_dir / CHECKPOINTS_DIR).glob("[!.]*"))
        for path in _files(self._run_dir):
            if CHECKPOINTS_DIR not in path.relative_to(self._run_dir).parts:
                self._save_file(path)
        for folder in checkpoints:
            self._save_checkpoint(folder)
        kept = {folder.name for folder in checkpoints}
        for copy in (self._folders.run / CHECKPOINTS_DIR).glob("*"):
            if copy.name not in kept:
                shutil.rmtree(copy, ignore_errors=True)

    def _save_checkpoint(self, folder: Path) -> None:
        state = folder / CHECKPOINT_STATE
        if self._is_copied(state):
            return
        self._copy_of(state).unlink(missing_ok=True)
        for path in _files(folder):
            if path != state:
                self._save_file(path)
        self._save_file(state)  # nothing, if the learner has removed this checkpoint meanwhile

    def _save_file(self, path: Path) -> None:
        with contextlib.suppress(FileNotFoundError):  # it stood aside and has got its name, or was removed
            if not self._is_copied(path):
                stamp = _stamp(path)
                _copy(path, self._copy_of(path))
                self._copied[path] = stamp

    def _is_copied(self, path: Path) -> bool:
        return path.exists() and self._copied.get(path) == _stamp(path)

    def _copy_of(self, path: Path) -> Path:
        inside = path.relative_to(self._run_dir)
        if inside.parts[0] == TENSORBOARD_DIR:
            return self._folders.tensorboard / path.relative_to(self._run_dir / TENSORBOARD_DIR)
        return self._folders.run / inside


def _files(folder: Path) -> Iterator[Path]:
    """Regular files at any depth, but for what is hidden: locks, and checkpoints that are being written."""
    for path in sorted(folder.rglob("[!.]*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.is_file():
            yield path


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
