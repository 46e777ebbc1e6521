"""Several hosts, all of them this machine: one run, which the first of them writes down."""

import os
import signal

from processes import finish, kill_group, metrics, start, tasks, tiny_run, wait_until


def _start_hosts(run_dir, *args):
    """Of two kinds of machines."""
    command = ["train", "--num_actors=0", f"--run_dir={run_dir}", *args]
    own = [f"--gin_param=learner.inter_op_threads={threads}" for threads in (2, 1)]
    return [start(*command, threads, TF_CONFIG=task) for threads, task in zip(own, tasks(2), strict=True)]


def _train_steps(run_dir):
    return [line["env_steps"] for line in metrics(run_dir) if "losses/total" in line]


def test_hosts_stop_together_and_go_on_together(tmp_path):
    hosts = _start_hosts(tmp_path, *tiny_run(100_000, "run.report_fraction=0.0004"))
    try:
        wait_until(lambda: len(_train_steps(tmp_path)) > 2, "three reports")
        os.kill(hosts[1].pid, signal.SIGTERM)
        outputs = [finish(host) for host in hosts]
    finally:
        for host in hosts:
            kill_group(host)
    assert [host.returncode for host in hosts] == [0, 0], outputs
    assert "host 1 of 2" in outputs[1]
    (newest,) = (path.name for path in (tmp_path / "checkpoints").glob("step-*"))
    stopped = int(newest.removeprefix("step-"))
    assert not [path for name in ("metrics.jsonl", "checkpoints") for path in (tmp_path / "host_001").glob(name)]

    hosts = _start_hosts(tmp_path, f"--gin_param=run.total_env_steps={stopped + 100}")
    outputs = [finish(host) for host in hosts]
    assert [host.returncode for host in hosts] == [0, 0], outputs
    assert f"resumed at {stopped:,} env steps" in outputs[0]
    last = metrics(tmp_path)[-1]
    assert last["env_steps"] == stopped + 100
    assert last["learner_steps"] == 16 * last["env_steps"] / 20  # 4 columns of 5 steps, of both hosts together


def test_hosts_that_were_started_differently_are_refused(tmp_path):
    first, second = tasks(2)
    args = ["train", "--num_actors=0", f"--run_dir={tmp_path}"]
    hosts = [
        start(*args, *tiny_run(100), TF_CONFIG=first),
        start(*args, *tiny_run(100, "loss.discount=0.5"), TF_CONFIG=second),
    ]
    outputs = [finish(host) for host in hosts]
    assert [host.returncode for host in hosts] == [2, 2]
    assert all("the hosts were not started with the same configuration" in output for output in outputs)
