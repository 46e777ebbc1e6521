"""Sinks outside the run directory: what wandb without a network and MLflow in a folder hold of a run."""

import json
import sys
import threading

import pytest
from processes import TINY, env_steps, kill_group, metrics, run, start, tiny_run, wait_until

from seed_matrace.config import load_config
from seed_matrace.inference.groups import plan_groups
from seed_matrace.learner.run_info import read_run_info, run_id, write_run_info
from seed_matrace.training import Callback
from seed_matrace.training.mlflow_sink import MlflowSink
from seed_matrace.training.run import TrainingRun
from seed_matrace.training.sinks import make_sinks, sinks_of
from seed_matrace.training.sources import LockstepSource
from seed_matrace.training.wandb_sink import WandbSink, offline_files, rows_of

TOTAL = 400
EVERY = ("run.report_fraction=0.05", "run.checkpoint_fraction=0.25", "evaluation.every_fraction=0.5")
BATTLES = ("env.backend='skirmish'", "env.map_name='3m'", "learner.unroll_length=10")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "WANDB_PROJECT", "WANDB_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")


class Silent:
    def update(self, metrics):
        pass

    def note(self, text):
        assert not text.startswith("the hook"), text


class Killed(BaseException):
    pass


class KillsAt(Callback):
    def __init__(self, env_steps):
        self.env_steps = env_steps

    def on_report(self, run, report):
        if report["env_steps"] == self.env_steps:
            raise Killed


def train(run_dir, *callbacks):
    config, _, _ = load_config([], [*TINY, *EVERY, f"run.total_env_steps={TOTAL}"])
    if not (run_dir / "run.json").exists():
        write_run_info(run_dir, backend="counting-1", map_name="3m", seed=3, argv=[])
    run = TrainingRun(config, run_dir, 3, Silent(), callbacks=callbacks)
    run.train(LockstepSource(run.acting, plan_groups(config.run.num_envs, 0, 1)), threading.Event())


def wandb_rows(run_dir):
    """What wandb's files hold, with its own additions left out, in the order in which they are sent."""
    rows = [row for path in offline_files(run_dir, run_id(run_dir)) for row in rows_of(path)]
    assert [int(row["_step"]) for row in rows] == list(range(len(rows)))
    return [{tag: json.loads(value) for tag, value in row.items() if not tag.startswith("_")} for row in rows]


def mlflow_run(run_dir):
    from mlflow.tracking import MlflowClient

    client = MlflowClient((run_dir / "mlruns").as_uri())
    (experiment,) = [found for found in client.search_experiments() if found.name == "seed_matrace"]
    (found,) = client.search_runs([experiment.experiment_id])
    return client, found


def mlflow_points(run_dir):
    """Of every tag, in the order in which they are stored."""
    client, found = mlflow_run(run_dir)
    histories = {tag: client.get_metric_history(found.info.run_id, tag) for tag in found.data.metrics}
    return {tag: [(metric.step, metric.value) for metric in history] for tag, history in histories.items()}


def lines(run_dir):
    found = [{tag: v for tag, v in line.items() if v is not None and tag != "perf/crc32"} for line in metrics(run_dir)]
    assert len(found) > 5
    return found


def points(run_dir):
    """Of every tag those of metrics.jsonl; of two lines at one env step the first."""
    found: dict[str, dict[int, float]] = {}
    for line in lines(run_dir):
        for tag in line.keys() - {"env_steps"}:
            found.setdefault(tag, {}).setdefault(line["env_steps"], line[tag])
    return {tag: sorted(steps.items()) for tag, steps in found.items()}


def numbers(row):
    """Without the pictures that are shown with the last one."""
    return {tag: value for tag, value in row.items() if not tag.startswith(("battle.", "learning_curve."))}


def assert_both_hold_the_run(run_dir):
    assert [numbers(row) for row in wandb_rows(run_dir)] == lines(run_dir)
    assert mlflow_points(run_dir) == points(run_dir)


@pytest.mark.timeout(900)
def test_killed_and_resumed_run_has_no_doubled_points(tmp_path):
    run_dir = tmp_path / "run"
    flags = ["--num_actors=0", f"--run_dir={run_dir}", "--sink=wandb", "--sink=mlflow"]
    process = start("train", *flags, *tiny_run(2400, *EVERY, *BATTLES))
    try:
        wait_until(lambda: env_steps(run_dir) > 800, "reports behind a checkpoint", timeout_s=400)
    finally:
        kill_group(process)
    before = mlflow_points(run_dir)["losses/V"]
    assert len(before) > 0 and before[-1][0] <= 600  # what no checkpoint holds is not there
    resumed = run(
        "train", f"--run_dir={run_dir}", "--gin_param=run.total_env_steps=1200", timeout_s=400
    )  # its sinks are known
    assert resumed.returncode == 0, resumed.stderr
    assert "hook" not in resumed.stdout + resumed.stderr
    assert_both_hold_the_run(run_dir)
    assert read_run_info(run_dir)["sinks"] == ["wandb", "mlflow"]
    assert_shows_configuration_and_pictures(run_dir)


def assert_shows_configuration_and_pictures(run_dir):
    client, found = mlflow_run(run_dir)
    assert found.info.status == "FINISHED" and found.data.params["learner.unroll_length"] == "10"
    stored = {file.path for file in client.list_artifacts(found.info.run_id)}
    assert stored >= {"operative_config.gin", "run.json", "learning_curve.png", "battle.gif", "results.json"}
    *_, last = wandb_rows(run_dir)
    folder = offline_files(run_dir, run_id(run_dir))[-1].parent / "files"
    for name, start_of_file in (("learning_curve", b"\x89PNG"), ("battle", b"GIF8")):
        assert (folder / last[f"{name}.path"]).read_bytes().startswith(start_of_file)
    assert (folder / "operative_config.gin").exists() and (folder / "eval" / "results.json").exists()


def test_rows_that_were_written_before_a_kill_are_not_written_again(tmp_path):
    first = WandbSink()
    with pytest.raises(Killed):
        train(tmp_path, first, MlflowSink(), KillsAt(280))  # checkpoints at 100 and 200
    first.close("stopped")  # a process that is killed may have written all of it
    assert [row["env_steps"] for row in wandb_rows(tmp_path)] == [0, *range(20, 201, 20)]  # of two reports at 200 one
    train(tmp_path, WandbSink(), MlflowSink())
    assert len(offline_files(tmp_path, run_id(tmp_path))) == 2
    assert_both_hold_the_run(tmp_path)


def test_sink_that_joins_late_has_the_whole_run(tmp_path):
    with pytest.raises(Killed):
        train(tmp_path, KillsAt(280))
    train(tmp_path, WandbSink(), MlflowSink())
    assert_both_hold_the_run(tmp_path)


def test_log_that_a_kill_tore_is_read_to_its_last_whole_record(tmp_path):
    train(tmp_path, WandbSink())
    (path,) = offline_files(tmp_path, run_id(tmp_path))
    whole = len(list(rows_of(path)))
    counts = set()
    for size in (7, 20, 40_000, path.stat().st_size // 2, path.stat().st_size - 3):
        torn = tmp_path / "torn.wandb"
        torn.write_bytes(path.read_bytes()[:size])
        counts.add(len(list(rows_of(torn))))
    assert whole in counts and 0 in counts and max(counts) == whole


@pytest.mark.parametrize(
    ("asked", "noted", "sinks"),
    [
        ([], [], []),
        ([], ["wandb"], ["wandb"]),
        (["mlflow", "mlflow"], ["wandb"], ["mlflow"]),
        (["none"], ["wandb"], []),
    ],
)
def test_sinks_are_those_asked_for_or_those_the_run_has(asked, noted, sinks):
    assert sinks_of(asked, noted) == sinks


@pytest.mark.parametrize(
    ("asked", "noted", "said"),
    [
        (["none", "wandb"], [], "--sink=none excludes other sinks; leave it or wandb out"),
        ([], ["neptune"], r"the run's sinks are \['neptune'\]; a list of wandb, mlflow expected"),
        ([], "wandb", "the run's sinks are 'wandb'"),
    ],
)
def test_sinks_that_cannot_be_meant_are_one_sentence(asked, noted, said):
    with pytest.raises(ValueError, match=said):
        sinks_of(asked, noted)


def test_missing_library_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(
        ValueError, match=r"--sink=wandb needs what is not installed \(.*pip install 'seed_matrace\[wandb"
    ):
        make_sinks(["wandb"])
