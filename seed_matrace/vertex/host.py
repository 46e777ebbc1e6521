"""What a container of a Vertex AI job does: finds out which host it is, and runs the programs that all hosts run.

The learner's host keeps a copy of the run in the job's bucket and resumes from it when it is started again. Its exit
code is 0 only once the run is over: with any other one Vertex AI starts the container again.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from absl import logging

from seed_matrace.config import Config, load_config
from seed_matrace.interpreter import start
from seed_matrace.learner.run_info import why_finished
from seed_matrace.registered import OPEN
from seed_matrace.training.local import LocalActors
from seed_matrace.training.topology import plan_topology
from seed_matrace.vertex.cluster import ACTORS, EVALUATOR, Cluster, JobFolders, read_cluster, read_folders
from seed_matrace.vertex.credentials import make_credentials, wait_for_credentials
from seed_matrace.vertex.mirror import Mirror
from seed_matrace.vertex.tuning import report_metric

_POLL_S = 0.5
_RETRY_S = 5.0
_LAST_TRIES = 12
PREEMPTED = 128 + signal.SIGTERM


@dataclass(frozen=True)
class HostOptions:
    """The flags of ``vertex-host``."""

    gin_files: Sequence[str]
    gin_params: Sequence[str]
    modules: Sequence[Path]  # which the learner alone runs
    num_actors: int | None
    seed: int | None
    work_dir: Path  # on this host's own disk
    mount: Path  # where Cloud Storage FUSE shows buckets
    sync_s: float  # between two copies of the run to the bucket
    reconnect_timeout_s: float

    @property
    def gin_flags(self) -> list[str]:
        """What is learnt, for every program of the job."""
        return [
            *(f"--gin_file={file}" for file in self.gin_files),
            *(f"--gin_param={param}" for param in self.gin_params),
        ]


def run_host(options: HostOptions, stop: threading.Event) -> int:
    """Does this host's part of the job until that is over or ``stop`` is set; returns the exit code.

    Raises:
      ValueError: this is not a container of such a job.
    """
    cluster, folders = read_cluster(os.environ), read_folders(os.environ, options.mount)
    # A strategy would take it for a cluster of learners.
    os.environ.pop("TF_CONFIG", None)
    config = load_config(options.gin_files, options.gin_params, registry=OPEN)[0]
    print(f"{cluster.role} {cluster.index} of a job with {cluster.actor_hosts} actor hosts", flush=True)
    if cluster.role == ACTORS:
        return _act(cluster, folders, config, options, stop)
    if cluster.role == EVALUATOR:
        from seed_matrace.vertex.evaluator import evaluate_best

        return evaluate_best(folders, options.work_dir, stop)
    return _learn(cluster, folders, options, stop)


def _learn(cluster: Cluster, folders: JobFolders, options: HostOptions, stop: threading.Event) -> int:
    run_dir = options.work_dir / "run"
    mirror = Mirror(run_dir, folders)
    if mirror.restore():
        print(f"going on with the run in {folders.run}", flush=True)
    program, flags = "train", [*options.gin_flags, f"--run_dir={run_dir}"]
    flags += [f"--module={path}" for path in options.modules]
    if options.num_actors is not None:
        flags.append(f"--num_actors={options.num_actors}")
    if options.seed is not None:
        flags.append(f"--seed={options.seed}")
    if cluster.actor_hosts:
        program = "learner"
        flags += [f"--server_address=0.0.0.0:{cluster.learner.port}"]
        flags += make_credentials(folders.credentials, cluster.learner)
    learner = subprocess.Popen([*start(), program, *flags])
    _keep_copying(learner, mirror, run_dir, options.sync_s, stop)
    for _ in range(_LAST_TRIES):
        if _copied(mirror, run_dir):
            break
        stop.wait(_RETRY_S)
    else:
        raise RuntimeError(f"what the run has come to cannot be copied to {folders.run}")
    if learner.returncode:
        return learner.returncode if learner.returncode > 0 else 128 - learner.returncode
    return 0 if why_finished(run_dir) else PREEMPTED


def _keep_copying(
    learner: subprocess.Popen[bytes], mirror: Mirror, run_dir: Path, sync_s: float, stop: threading.Event
) -> None:
    """Until the learner has ended, which it is asked to once ``stop`` is set."""
    copied_at = time.monotonic()
    while not stop.wait(_POLL_S) and learner.poll() is None:
        if time.monotonic() - copied_at > sync_s:
            _copied(mirror, run_dir)
            copied_at = time.monotonic()
    if learner.poll() is None:
        learner.terminate()
    learner.wait()


def _copied(mirror: Mirror, run_dir: Path) -> bool:
    try:
        mirror.save()
    except OSError as error:
        logging.warning("cannot copy the run to the bucket (%s); trying again", error)
        return False
    report_metric(run_dir)
    return True


def _act(cluster: Cluster, folders: JobFolders, config: Config, options: HostOptions, stop: threading.Event) -> int:
    hosts = plan_topology(config, options.num_actors).actor_hosts
    if cluster.actor_hosts != len(hosts):
        raise ValueError(f"the job has {cluster.actor_hosts} hosts for actors, and its flags speak of {len(hosts)}")
    flags = wait_for_credentials(folders.credentials, cluster.learner, options.reconnect_timeout_s, stop)
    if flags is None:
        return 0
    flags += [*options.gin_flags, f"--server_address={cluster.learner}"]
    flags += [f"--reconnect_timeout_s={options.reconnect_timeout_s:g}"]
    task_ids = hosts[cluster.index]
    logs = options.work_dir / "logs"
    _log_to_stdout(logs, task_ids)
    with LocalActors(task_ids, flags, logs, lambda text: print(text, flush=True)):
        stop.wait()
    return 0  # the job has ended, or this machine is taken away, which Vertex AI knows


def _log_to_stdout(logs: Path, task_ids: range) -> None:
    """A container's disk is out of reach: what actors log goes where Cloud Logging reads."""
    logs.mkdir(parents=True, exist_ok=True)
    for task_id in task_ids:
        log = logs / f"actor_{task_id:03d}.log"
        log.unlink(missing_ok=True)
        log.symlink_to("/dev/stdout")
