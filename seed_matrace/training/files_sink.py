"""The files of a run as a sink: the hook that every run has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seed_matrace.learner.event_file import EventFile
from seed_matrace.learner.metrics import MetricsWriter
from seed_matrace.training.callback import Callback, RunHandle


class FilesSink(Callback):
    """``metrics.jsonl``, the record that checkpoints count, and TensorBoard's copy of it."""

    def __init__(self, *files: MetricsWriter | EventFile) -> None:
        self._files = files

    def on_report(self, run: RunHandle, report: Mapping[str, Any]) -> None:
        for file in self._files:
            file.write(report)

    def on_end(self, run: RunHandle, why: str) -> None:
        for file in self._files:
            file.close()
