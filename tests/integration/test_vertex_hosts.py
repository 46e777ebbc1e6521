"""The containers of a Vertex AI job, as the service starts them: on hosts of their own, with a bucket between them."""

import json
import os
import shutil
import signal

import pytest
from namespaces import Hosts, needs_ip
from processes import actors_alive, actors_of, env_steps, finish, kill_group, reports, wait_until

pytestmark = [pytest.mark.slow, needs_ip, pytest.mark.timeout(1800)]

NAMES = {
    "workerpool0": ["cmle-training-workerpool0-5b3d2f-0:2222"],
    "workerpool1": ["cmle-training-workerpool1-5b3d2f-0:2222", "cmle-training-workerpool1-5b3d2f-1:2222"],
}
LEARNER = NAMES["workerpool0"][0].split(":")[0]
HOSTS = {"learner": ("workerpool0", 0), "actors0": ("workerpool1", 0), "actors1": ("workerpool1", 1)}


def environment(host: str) -> dict[str, str]:
    """What Vertex AI sets in the container of a host, TF_CONFIG with its trap too."""
    pool, index = HOSTS[host]
    spec = {"cluster": NAMES, "environment": "cloud", "task": {"type": pool, "index": index}, "job": "{}"}
    roles = {"chief": NAMES["workerpool0"], "worker": NAMES["workerpool1"]}
    task = {"type": "chief" if host == "learner" else "worker", "index": index}
    return {
        "CLUSTER_SPEC": json.dumps(spec),
        "TF_CONFIG": json.dumps({"cluster": roles, "task": task, "environment": "cloud"}),
        "AIP_CHECKPOINT_DIR": "gs://bucket/job/checkpoints/",
        "AIP_TENSORBOARD_LOG_DIR": "gs://bucket/job/logs/",
        "AIP_MODEL_DIR": "gs://bucket/job/model/",
    }


@pytest.fixture
def start(tmp_path):
    """Starts a container: its process, which is killed after the test."""
    hosts = Hosts(*HOSTS)
    processes = []

    def start_one(host, *flags):
        folders = [f"--work_dir={tmp_path / host}", f"--gcs_mount={tmp_path / 'gcs'}", "--sync_s=1"]
        words = ["vertex-host", *folders, *flags]
        processes.append(hosts.start(host, *words, **environment(host)))
        return processes[-1]

    hosts.open()
    try:
        hosts.call_centre(LEARNER)
        yield start_one
    finally:
        for process in processes:
            kill_group(process)
        hosts.close()


def test_job_trains_through_loss_of_an_actor_and_of_its_learner(start, tmp_path):
    run = tmp_path / "gcs" / "bucket" / "job" / "checkpoints"
    flags = ["--gin_file=maps/3m.gin", "--num_actors=4", "--gin_param=topology.actors_per_host=2"]
    flags += ["--gin_param=run.stop_win_rate=0"]
    budget = "--gin_param=run.total_env_steps={}".format  # far away, until it is said how much is left to do
    ample = budget(3_000_000)
    actors = [start(host, *flags, ample) for host in ("actors0", "actors1")]  # before there is a learner, as may be
    learner = start("learner", *flags, ample)
    wait_until(lambda: actors_alive(run) == 4, "all actors at work", timeout_s=240)

    victim = next(pid for pid in actors_of(f"{LEARNER}:2222") if "--task_id=3" in _words(pid))
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: _dropped(run) and actors_alive(run) == 4, "the lost actor's successor", timeout_s=120)

    learner.send_signal(signal.SIGTERM)
    output = finish(learner, timeout_s=120)
    assert learner.returncode == 128 + signal.SIGTERM, output
    steps = env_steps(run)
    assert list(run.glob("checkpoints/step-*/state.json")), "no checkpoint in the bucket"
    shutil.rmtree(tmp_path / "learner")  # another machine takes its place

    learner = start("learner", *flags, budget(steps + 100_000))
    output = finish(learner, timeout_s=900)
    assert learner.returncode == 0, output
    assert f"going on with the run in {run}" in output
    assert "resumed at " in output and "resumed at 0 " not in output
    assert env_steps(run) >= steps + 100_000
    assert json.loads((run / "run.json").read_text())["finished"] == "budget"
    assert list((tmp_path / "gcs" / "bucket" / "job" / "logs").glob("events.out.tfevents.*"))
    for process in actors:
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        output = finish(process, timeout_s=60)
        assert process.returncode == 0, output
    assert "signal 9" in output, "the lost actor is not in its host's log"


def _words(pid: int) -> list[str]:
    try:
        with open(f"/proc/{pid}/cmdline") as file:
            return file.read().split("\0")
    except OSError:
        return []


def _dropped(run) -> bool:
    lines = reports(run)  # once: the copy may be under way
    return bool(lines) and lines[-1]["dropped_env_steps"] > 0
