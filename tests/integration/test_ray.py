"""A Ray cluster on this machine: a run learns on it and outlives its actor hosts, a node and its learner."""

import json
import os
import signal

import pytest
from processes import actors_alive, actors_of, env_steps, finish, kill_group, metrics, start, tiny_run, wait_until
from ray_nodes import Nodes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

FOREVER = 10_000_000
PATIENCE_S = 300
ONE_PROGRAM_ON_A_NODE = [
    f"--gin_param=topology.{param}" for param in ("actors_per_host=1", "learner_cpus=2", "cpus_per_actor=2")
]


@pytest.fixture(params=["disabled", "token"])
def cluster(request, tmp_path, monkeypatch):
    """A head and two nodes, one with what Ray takes for a GPU; with Ray's own token, or without."""
    (tmp_path / "ray_token").write_text("0123456789abcdef" * 4)
    monkeypatch.setenv("RAY_AUTH_MODE", request.param)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "ray_token"))
    nodes = Nodes(RAY_worker_niceness="0", TMPDIR=str(tmp_path))  # a folder by which actors of this test are known
    try:
        nodes.gpu_node, nodes.other_node = nodes.add(num_gpus=1), nodes.add()
        yield nodes
    finally:
        nodes.close()


@pytest.fixture
def train(cluster, tmp_path):
    """Starts the command for two actors, and waits until both are at work."""
    processes = []

    def start_one(*flags):
        run_dir = tmp_path / "run"
        steps = env_steps(run_dir)
        flags = [f"--address={cluster.address}", "--num_actors=2", f"--run_dir={run_dir}", *flags]
        processes.append(start("ray", *flags, *ONE_PROGRAM_ON_A_NODE))
        wait_until(lambda: env_steps(run_dir) > steps and actors_alive(run_dir) == 2, "both at work", PATIENCE_S)
        return processes[-1]

    yield start_one
    for process in processes:
        kill_group(process)


def goes_on(run_dir):
    steps = env_steps(run_dir)
    wait_until(
        lambda: env_steps(run_dir) > steps + 200 and actors_alive(run_dir) == 2, "training with both actors", PATIENCE_S
    )


def learner_of(run_dir):
    """Process id of who holds the run directory's lock, if anybody does."""
    inode = (run_dir / ".lock").stat().st_ino
    with open("/proc/locks") as file:
        return next((int(line.split()[4]) for line in file if line.split()[5].endswith(f":{inode}")), None)


def parent_of(pid):
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rsplit(")", 1)[1].split()[1])


def is_on(node, pid):
    """Whether a process was started on a node."""
    while pid not in (1, node):
        pid = parent_of(pid)
    return pid == node


def nothing_is_left(cluster, run_dir):
    """Waits until the cluster runs nothing and has all its resources back."""
    wait_until(lambda: learner_of(run_dir) is None and not actors_of(str(run_dir.parent)), "learner and actors to end")
    wait_until(cluster.is_idle, "free resources")


def test_three_nodes_learn_3m(train, cluster, tmp_path):
    run_dir = tmp_path / "run"
    driver = train("maps/3m.gin")
    assert is_on(cluster.gpu_node, learner_of(run_dir))
    assert sum(is_on(cluster.gpu_node, actor) for actor in actors_of(str(tmp_path))) == 0
    output = finish(driver, timeout_s=1500)
    print(output)
    assert driver.returncode == 0, output
    assert "target win rate reached" in output
    assert json.loads((run_dir / "run.json").read_text())["finished"] == "target"
    assert [line["eval/win_rate"] for line in metrics(run_dir) if "eval/win_rate" in line][-1] >= 0.95
    nothing_is_left(cluster, run_dir)


def test_run_outlives_actor_host_and_learner_and_ends_in_order(train, cluster, tmp_path):
    run_dir = tmp_path / "run"
    driver = train(*tiny_run(FOREVER, "run.report_fraction=1e-5", "run.checkpoint_fraction=1e-4"))
    victim = actors_of(str(tmp_path))[0]
    os.kill(parent_of(victim), signal.SIGKILL)  # its host
    wait_until(lambda: victim not in actors_of(str(tmp_path)), "its actor to end with it")
    wait_until(lambda: len(actors_of(str(tmp_path))) == 2, "another one", timeout_s=30)
    goes_on(run_dir)
    wait_until(lambda: list((run_dir / "checkpoints").glob("step-*")), "a checkpoint", PATIENCE_S)
    old_actors = actors_of(str(tmp_path))
    os.kill(learner_of(run_dir), signal.SIGKILL)
    wait_until(lambda: not set(old_actors) & set(actors_of(str(tmp_path))), "the hosts to follow it", PATIENCE_S)
    goes_on(run_dir)
    driver.send_signal(signal.SIGINT)
    output = finish(driver, PATIENCE_S)
    assert driver.returncode == 0, output
    assert "resumed at" in output
    assert "stopped before the end" in output
    nothing_is_left(cluster, run_dir)

    driver = train()  # goes on with what is in the run directory
    driver.send_signal(signal.SIGTERM)
    output = finish(driver, PATIENCE_S)
    assert driver.returncode == 0, output
    assert "stopped before the end" in output
    nothing_is_left(cluster, run_dir)


def test_actors_of_a_removed_node_move_and_end_with_a_killed_command(train, cluster, tmp_path):
    run_dir = tmp_path / "run"
    driver = train(*tiny_run(FOREVER, "run.report_fraction=1e-5"))
    before = set(actors_of(str(tmp_path)))
    spare, lost = cluster.add(), cluster.other_node
    assert sum(is_on(lost, actor) for actor in before) == 1
    cluster.remove(lost)
    wait_until(lambda: len(set(actors_of(str(tmp_path))) - before) == 1, "the actor on another node", PATIENCE_S)
    [moved] = set(actors_of(str(tmp_path))) - before
    assert is_on(spare, moved)
    goes_on(run_dir)
    driver.kill()
    nothing_is_left(cluster, run_dir)
