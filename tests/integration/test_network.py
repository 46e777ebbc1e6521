"""Learner and actors on two hosts, which are network namespaces of this one, over TLS; the cable is cut."""

import json
import signal
import time

import pytest
from ends import make_certificates
from namespaces import Hosts, needs_ip
from processes import actors_alive, env_steps, finish, kill_group, reports, tiny_run, wait_until

LEARNER = "10.77.0.1"
PORT = 5555

pytestmark = [pytest.mark.slow, needs_ip]


@pytest.fixture
def hosts():
    hosts = Hosts("learner", "actors")
    hosts.open()
    yield hosts
    hosts.close()


@pytest.fixture
def run(hosts, tmp_path):
    """Starts a learner and two actors with given flags: their processes, which are killed after the test."""
    files = make_certificates(tmp_path, LEARNER)
    (tmp_path / "token").write_text("a secret of learner and actors\n")
    common = [f"--server_address={LEARNER}:{PORT}", f"--token_file={tmp_path}/token"]
    processes = []

    def start(*flags):
        keys = [f"--{name}={files[name]}" for name in ("tls_cert", "tls_key")]
        learner = [*keys, "--num_actors=2", f"--run_dir={tmp_path}/run"]
        processes.append(hosts.start("learner", "learner", *common, *learner, *flags))
        for task_id in (0, 1):
            actor = [f"--tls_ca={files['tls_ca']}", f"--task_id={task_id}"]
            processes.append(hosts.start("actors", "actor", *common, *actor, *flags))
        return processes

    yield start
    for process in processes:
        kill_group(process)


def test_network_that_is_cut_and_healed_goes_on_by_itself(hosts, run, tmp_path):
    run_dir = tmp_path / "run"
    learner, *actors = run(*tiny_run(10_000_000, "run.report_fraction=1e-5"))
    wait_until(lambda: actors_alive(run_dir) == 2, "both actors at work")
    hosts.cut("actors")
    time.sleep(2.0)  # shorter than it takes to notice
    steps = env_steps(run_dir)
    hosts.heal("actors")
    wait_until(lambda: env_steps(run_dir) > steps + 1000, "training after a short cut")
    last = reports(run_dir)[-1]
    assert [last[f"actors/{number}/connections"] for number in ("000", "001")] == [1, 1]
    hosts.cut("actors")
    log = run_dir / "logs" / "learner.log"
    wait_until(lambda: log.read_text().count(" left: connection ") == 2, "the loss of both actors")
    time.sleep(15.0)  # the actors find out too, and ask in vain
    steps = env_steps(run_dir)
    hosts.heal("actors")
    wait_until(lambda: env_steps(run_dir) > steps + 1000 and actors_alive(run_dir) == 2, "training after a long cut")
    assert [process.poll() for process in (learner, *actors)] == [None, None, None]
    assert reports(run_dir)[-1]["dropped_env_steps"] > 0
    learner.send_signal(signal.SIGINT)
    output = finish(learner)
    assert learner.returncode == 0, output
    assert "actor 0 is back" in output


@pytest.mark.timeout(1800)
def test_two_hosts_learn_3m(run, tmp_path):
    learner, *actors = run("--gin_file=maps/3m.gin")
    output = finish(learner, timeout_s=1700)
    print(output)
    assert learner.returncode == 0, output
    assert "target win rate reached" in output
    assert json.loads((tmp_path / "run" / "run.json").read_text())["finished"] == "target"
    for actor in actors:
        assert "is over: done" in finish(actor)
        assert actor.returncode == 0
