"""Learner and actors on two hosts, which are network namespaces of this one, over TLS; the cable is cut."""

import json
import os
import shutil
import signal
import subprocess
import time

import pytest
from ends import make_certificates
from processes import ROOT, actors_alive, command, env_steps, finish, kill_group, reports, tiny_run, wait_until

LEARNER, ACTORS = "10.77.0.1", "10.77.0.2"
PORT = 5555


def ip(*words: object) -> None:
    subprocess.run(["ip", *map(str, words)], check=True, capture_output=True)


class TwoHosts:
    """Namespaces "learner" and "actors" of this process, and the cable between them."""

    def __init__(self) -> None:
        self.names = {host: f"sm-{os.getpid()}-{host}" for host in ("learner", "actors")}

    def open(self) -> None:
        """OSError or CalledProcessError where that is not allowed; ``close`` in any case."""
        for name in self.names.values():
            ip("netns", "add", name)
        here, there = self.names["learner"], self.names["actors"]
        ip("-n", here, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", there)
        for name, address in ((here, LEARNER), (there, ACTORS)):
            ip("-n", name, "address", "add", f"{address}/24", "dev", "cable")
            for device in ("lo", "cable"):
                ip("-n", name, "link", "set", device, "up")

    def cut(self) -> None:
        ip("-n", self.names["actors"], "link", "set", "cable", "down")

    def heal(self) -> None:
        ip("-n", self.names["actors"], "link", "set", "cable", "up")

    def start(self, host: str, *args: object) -> subprocess.Popen:
        return subprocess.Popen(
            ["ip", "netns", "exec", self.names[host], *command(*args)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def close(self) -> None:
        for name in self.names.values():
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)


pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("ip") is None, reason="needs ip, of iproute2")]


@pytest.fixture
def hosts():
    hosts = TwoHosts()
    try:
        hosts.open()
    except (OSError, subprocess.CalledProcessError) as error:
        hosts.close()
        pytest.skip(f"needs the right to make network namespaces ({error})")
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
    hosts.cut()
    time.sleep(2.0)  # shorter than it takes to notice
    steps = env_steps(run_dir)
    hosts.heal()
    wait_until(lambda: env_steps(run_dir) > steps + 1000, "training after a short cut")
    last = reports(run_dir)[-1]
    assert [last[f"actors/{number}/connections"] for number in ("000", "001")] == [1, 1]
    hosts.cut()
    log = run_dir / "logs" / "learner.log"
    wait_until(lambda: log.read_text().count(" left: connection ") == 2, "the loss of both actors")
    time.sleep(15.0)  # the actors find out too, and ask in vain
    steps = env_steps(run_dir)
    hosts.heal()
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
    assert [actor.poll() for actor in actors] == [None, None]  # waiting for the next learner
