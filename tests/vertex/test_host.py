"""What a container does and with which exit code it ends; tests/integration/test_vertex_hosts.py has whole jobs."""

import json
import signal

import pytest
from processes import finish, loaded, start, tiny_run, wait_until

from seed_matrace.cli import main
from seed_matrace.vertex.cluster import JobFolders
from seed_matrace.vertex.evaluator import RESULTS_FILE, evaluate_best
from seed_matrace.vertex.job_spec import packed

POOL = {"workerpool0": ["localhost:2222"]}


@pytest.fixture
def container(tmp_path):
    """Starts the only host of a job, with its bucket under ``tmp_path``."""

    def start_one(*flags, **environment):
        cluster = json.dumps({"cluster": POOL, "task": {"type": "workerpool0", "index": 0}})
        job = {
            "CLUSTER_SPEC": cluster,
            "AIP_CHECKPOINT_DIR": "gs://bucket/job/checkpoints/",
            "AIP_TENSORBOARD_LOG_DIR": "gs://bucket/job/logs/",
            "TF_CONFIG": json.dumps({"cluster": {"chief": ["localhost:2222"]}, "task": {"type": "chief", "index": 0}}),
        }
        folders = [f"--work_dir={tmp_path / 'disk'}", f"--gcs_mount={tmp_path / 'gcs'}"]
        return start("vertex-host", *folders, "--num_actors=0", *flags, **{**job, **environment})

    return start_one


def test_finished_run_ends_with_zero_and_a_trial_leaves_its_metric(container, tmp_path):
    metric = tmp_path / "metric"
    module = b"from seed_matrace import research\nresearch.loss('mine')(lambda batch: research.ma_trace(batch))\n"
    process = container(
        *tiny_run(1000, "loss.function='mine'"),
        f"--module={packed('mine.py', module)}",
        *("--", "--loss__discount=0.9"),
        CLOUD_ML_TRIAL_ID="2",
        CLOUD_ML_HP_METRIC_FILE=str(metric),
    )
    output = finish(process, timeout_s=240)
    assert process.returncode == 0, output
    run = tmp_path / "gcs" / "bucket" / "job" / "checkpoints"
    assert json.loads((run / "run.json").read_text())["finished"] == "budget"
    assert "loss.discount = 0.9\n" in (run / "config.gin").read_text()
    assert json.loads(metric.read_text())["global_step"] == "1000"
    assert (run / "modules" / "mine.py").read_bytes() == module
    stop = _After(1)
    assert evaluate_best(JobFolders(run, run), tmp_path / "evaluator", stop) == 0
    [line] = (run.parent / RESULTS_FILE).read_text().splitlines()
    assert json.loads(line)["checkpoint"].startswith("best-")


class _After:
    """An event that is set after so many waits."""

    def __init__(self, waits):
        self._left = waits

    def wait(self, _):
        self._left -= 1
        return self._left <= 0


def test_preempted_run_ends_with_143(container, tmp_path):
    process = container(*tiny_run(10_000_000), "--sync_s=0.5")
    metrics = tmp_path / "gcs" / "bucket" / "job" / "checkpoints" / "metrics.jsonl"
    wait_until(metrics.exists, "the first copy", timeout_s=240)
    process.send_signal(signal.SIGTERM)
    output = finish(process, timeout_s=120)
    assert process.returncode == 128 + signal.SIGTERM, output


def test_learners_mistake_is_the_containers(container):
    process = container("--gin_param=env.map_name='nowhere'")
    output = finish(process, timeout_s=120)
    assert process.returncode == 2
    assert "nowhere" in output


def test_actors_host_loads_no_tensorflow():
    assert not loaded("import seed_matrace.vertex.host", "tensorflow", "keras", "google.cloud.aiplatform")


def test_outside_of_a_job_it_says_so(capsys, monkeypatch):
    monkeypatch.delenv("CLUSTER_SPEC", raising=False)
    assert main(["vertex-host"]) == 2
    assert "for containers of a Vertex AI job" in capsys.readouterr().err
