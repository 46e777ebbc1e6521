"""Weights & Biases as a sink: a row of history for each report."""

from __future__ import annotations

import os
import shutil
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from seed_matrace.training.callback import RunHandle
from seed_matrace.training.mirror_sink import PROJECT, MirrorSink, Report, files_of, options_of

_BLOCK, _HEADER, _FILE_HEADER = 32768, 7, 7  # bytes, of a log as LevelDB's
_WRITTEN_S, _LOOK_S = 60.0, 0.1
_FULL, _LAST = 1, 4  # kinds of pieces that end a record


class WandbSink(MirrorSink):
    """One run of wandb's for all sessions, whose id is the run's; rows are numbered as the lines of metrics.jsonl."""

    def open(self, run: RunHandle) -> list[Report]:
        import wandb

        self._run_dir = run.run_dir
        self._offline, self._id = os.environ.get("WANDB_MODE") in ("offline", "dryrun"), run.run_id
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            id=run.run_id,
            name=os.environ.get("WANDB_NAME", run.run_dir.name),
            dir=run.run_dir,
            config=options_of(run),
            resume=None if self._offline else "allow",
            allow_val_change=True,
            settings=wandb.Settings(console="off", silent=True),
        )
        self._run.define_metric("env_steps")
        self._run.define_metric("*", step_metric="env_steps")
        self._keep(files_of(run))
        self._next = max(self._stored(), self._run.step)  # of a run on a server that is gone on with
        if not self._offline:
            run.note(f"wandb: {self._run.url}")
        return list(run.reports[self._next :])

    def send(self, reports: Sequence[Report]) -> None:
        for report in reports:
            self._log(report, {})

    def finish(self, reports: Sequence[Report], pictures: Mapping[str, Path], files: Sequence[Path]) -> None:
        import wandb

        shown = {
            name: wandb.Video(str(path), format="gif") if path.suffix == ".gif" else wandb.Image(str(path))
            for name, path in pictures.items()
        }
        self._keep(files)
        for report in reports:
            self._log(report, shown)

    def close(self, why: str) -> None:
        self._run.finish(exit_code=int(why == "failed"))
        deadline = time.monotonic() + _WRITTEN_S
        while self._offline and self._stored() < self._next and time.monotonic() < deadline:
            time.sleep(_LOOK_S)  # wandb's own process may write the last rows later

    def _stored(self) -> int:
        """Rows that sessions without a network have left."""
        return sum(1 for path in offline_files(self._run_dir, self._id) for _ in rows_of(path))

    def _keep(self, files: Sequence[Path]) -> None:
        """Copies files of the run directory: wandb would link to them."""
        for path in files:
            copy = Path(self._run.dir, path.relative_to(self._run_dir))
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            self._run.save(copy, base_path=self._run.dir, policy="now")

    def _log(self, report: Report, shown: Mapping[str, Any]) -> None:
        finite = {tag: value for tag, value in report.items() if value is not None}
        self._run.log({**finite, **shown}, step=self._next, commit=True)
        self._next += 1


def offline_files(run_dir: Path, run_id: str) -> list[Path]:
    """The logs that wandb left of a run's sessions without a network, oldest first."""
    return sorted((run_dir / "wandb").glob(f"offline-run-*-{run_id}/*.wandb"))


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    """The rows of history in one of wandb's logs: key -> value as JSON text; what a kill tore is left out."""
    from wandb.proto.wandb_internal_pb2 import Record

    for piece in _records(path.read_bytes()):
        record = Record.FromString(piece)
        if record.WhichOneof("record_type") == "history":
            yield {item.key or ".".join(item.nested_key): item.value_json for item in record.history.item}


def _records(log: bytes) -> Iterator[bytes]:
    """The whole records of a log as LevelDB's, behind the header of the file."""
    at, record = _FILE_HEADER, b""
    while at + _HEADER <= len(log):
        if (left := _BLOCK - at % _BLOCK) < _HEADER:  # a block's end is filled up
            at += left
            continue
        _, size, kind = struct.unpack_from("<IHB", log, at)
        at += _HEADER
        if at + size > len(log) or not kind:
            return
        record += log[at : at + size]
        at += size
        if kind in (_FULL, _LAST):
            yield record
            record = b""
