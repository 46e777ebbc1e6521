"""TensorBoard's copy of a run's reports. Nothing here imports TensorFlow."""

from __future__ import annotations

import io
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seed_matrace.learner.growing_file import GrowingFile
from seed_matrace.learner.metrics import ALWAYS

TENSORBOARD_DIR = "tb"


class EventFile:
    """One TensorBoard event file of a run, written at once by the caller's thread.

    TensorBoard's own EventFileWriter imports TensorFlow to open a file and keeps a thread; its record writer does not.
    """

    def __init__(self, run_dir: str | Path, purge_step: int = 0) -> None:
        """Opens a new file in which whatever older files hold from ``purge_step`` on no longer counts.

        Raises:
          ValueError: it cannot be written.
        """
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event, self._summary = event_pb2.Event, summary_pb2.Summary
        directory = Path(run_dir) / TENSORBOARD_DIR
        try:
            directory.mkdir(parents=True, exist_ok=True)
            # TensorBoard reads files in the order of their names.
            stem = f"events.out.tfevents.{int(time.time()):010d}.{len(list(directory.iterdir())):04d}"
            self._file = GrowingFile(directory / f"{stem}.{socket.gethostname()}.{os.getpid()}")
        except OSError as error:
            raise ValueError(f"{error.filename or directory} cannot be written: {error.strerror or error}") from None
        self._record = RecordWriter
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._append(self._event(wall_time=time.time(), file_version="brain.Event:2"))
        self._append(self._event(wall_time=time.time(), step=purge_step, session_log=start))

    def write(self, report: Mapping[str, Any]) -> None:
        """Writes the tags of a report; what is not finite is left out."""
        step, tags = report["env_steps"], [(tag, v) for tag, v in report.items() if tag not in ALWAYS]
        values = [self._summary.Value(tag=tag, simple_value=v) for tag, v in tags if v is not None]
        self._append(self._event(wall_time=time.time(), step=step, summary=self._summary(value=values)))

    def _append(self, event: Any) -> None:
        piece = io.BytesIO()
        self._record(piece).write(event.SerializeToString())
        self._file.append(piece.getvalue())

    def close(self) -> None:
        """Closes the file; safe to call twice."""
        self._file.close()
