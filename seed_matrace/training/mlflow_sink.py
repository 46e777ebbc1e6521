"""MLflow as a sink: a metric of each tag over env steps."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seed_matrace.training.callback import RunHandle
from seed_matrace.training.mirror_sink import PROJECT, MirrorSink, Report, files_of, options_of

_MOST_PARAMS, _MOST_METRICS = 100, 1000  # that a store takes at once
_ID = "seed_matrace.run_id"
_STATUS = {"failed": "FAILED", "stopped": "KILLED"}  # else FINISHED


class MlflowSink(MirrorSink):
    """One run of MLflow's for all sessions, found again by a tag; in ``mlruns`` of the run unless a server is named."""

    def open(self, run: RunHandle) -> list[Report]:
        from mlflow.tracking import MlflowClient

        store = os.environ.get("MLFLOW_TRACKING_URI")
        if not store:
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # a folder needs no database and no server
            store = (run.run_dir / "mlruns").absolute().as_uri()
        self._client = MlflowClient(store)
        self._id = self._found(run) or self._begun(run)
        self._client.update_run(self._id, status="RUNNING")
        self._stored: dict[str, set[int]] = {}
        known = self._client.get_run(self._id).data.params
        self._keep_options({name: str(value) for name, value in options_of(run).items() if name not in known})
        for path in files_of(run):
            self._client.log_artifact(self._id, str(path))
        return list(run.reports)  # what there is of them is left out

    def send(self, reports: Sequence[Report]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        new = [
            Metric(tag, float(value), now, report["env_steps"])
            for report in reports
            for tag, value in report.items()
            if tag != "env_steps" and value is not None and self._is_new(tag, report["env_steps"])
        ]
        try:
            for start in range(0, len(new), _MOST_METRICS):
                self._client.log_batch(self._id, metrics=new[start : start + _MOST_METRICS])
        except Exception:
            self._stored.clear()  # who knows how much of it there is
            raise

    def finish(self, reports: Sequence[Report], pictures: Mapping[str, Path], files: Sequence[Path]) -> None:
        self.send(reports)
        for path in (*pictures.values(), *files):
            self._client.log_artifact(self._id, str(path))

    def close(self, why: str) -> None:
        self._client.set_terminated(self._id, _STATUS.get(why, "FINISHED"))

    def _is_new(self, tag: str, env_steps: int) -> bool:
        """Whether the store has no such point yet; from now on it counts as one that it has."""
        if tag not in self._stored:
            self._stored[tag] = {metric.step for metric in self._client.get_metric_history(self._id, tag)}
        is_new = env_steps not in self._stored[tag]
        self._stored[tag].add(env_steps)
        return is_new

    def _experiment(self) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        found = self._client.get_experiment_by_name(name)
        return found.experiment_id if found else self._client.create_experiment(name)

    def _found(self, run: RunHandle) -> str | None:
        found = self._client.search_runs([self._experiment()], f"tags.`{_ID}` = '{run.run_id}'")
        return found[0].info.run_id if found and run.run_id else None

    def _begun(self, run: RunHandle) -> str:
        begun = self._client.create_run(self._experiment(), tags={_ID: run.run_id}, run_name=run.run_dir.name)
        return str(begun.info.run_id)

    def _keep_options(self, options: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        params = [Param(name, value) for name, value in options.items()]
        for start in range(0, len(params), _MOST_PARAMS):
            self._client.log_batch(self._id, params=params[start : start + _MOST_PARAMS])
