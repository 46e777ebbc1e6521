"""A run on a Ray cluster: Ray finds machines for its learner and actors and restarts them, and nothing more.

Steps and actions go between the programs over gRPC as everywhere (docs/remote_actors.md), never through Ray. This is
the only module that imports ray.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import secrets
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, RayActorError, RayTaskError
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from seed_matrace.envs.registry import env_spec
from seed_matrace.inference.groups import plan_groups
from seed_matrace.learner.run_directory import portable_scenario
from seed_matrace.starcraft2.process import PYTHON_VARIABLE
from seed_matrace.training.local import LocalActors
from seed_matrace.training.output import steady_output
from seed_matrace.training.process import import_tensorflow
from seed_matrace.training.start import TrainOptions, plan_start
from seed_matrace.training.topology import Topology
from seed_matrace.training.train import train
from seed_matrace.transport.address import HostPort
from seed_matrace.transport.certificates import make_certificate
from seed_matrace.transport.security import TOKEN_VARIABLE, Security

LEARNER_NAME = "learner"  # in the Ray namespace that each job has of its own
_LEARNER_RESTARTS = 20  # a learner that fails again and again must not do so for ever
_POLL_S = 1.0
_PATIENCE_S = 10.0
_STOP_S = 15.0  # longer than actors are given by their host


@dataclasses.dataclass(frozen=True)
class Contact:
    """How actors find and know a learner. Who can talk to Ray can run programs in its cluster: Ray may know this."""

    address: HostPort
    certificate: bytes
    token: str


@dataclasses.dataclass(frozen=True)
class Played:
    """A configuration, and the scenario file that it names, for nodes that may have neither."""

    config_text: str
    scenario: tuple[str, bytes] | None  # its path beside the configuration, and its contents

    def write(self, folder: Path) -> Path:
        """Writes both; returns the gin file."""
        gin_file = folder / "config.gin"
        gin_file.write_text(self.config_text)
        if self.scenario:
            path, content = self.scenario
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(content)
        return gin_file


class Learner:
    """The learner's process. Born again, maybe on another node, it resumes from the run directory."""

    def __init__(self, options: TrainOptions, played: Played, port: int) -> None:
        host = ray.util.get_node_ip_address()
        self._folder = tempfile.TemporaryDirectory(prefix="seed_matrace-")
        gin_file = played.write(Path(self._folder.name))
        cert, key = (Path(self._folder.name) / name for name in ("learner.pem", "key.pem"))
        make_certificate(host, cert, key)
        self._contact = Contact(HostPort(host, port or _free_port(host)), cert.read_bytes(), secrets.token_hex(32))
        self._options = dataclasses.replace(
            options,
            gin_files=[str(gin_file)],  # those that the user named may be on another machine
            gin_params=(),
            listen_at=[self._contact.address],
            security=Security(tls_cert=str(cert), tls_key=str(key), token=self._contact.token),
        )
        self._stop = threading.Event()

    def contact(self) -> Contact:
        return self._contact

    def train(self) -> str:
        """How the run ended: returned, for Ray forwards what is printed last too late or not at all."""
        import_tensorflow()
        with steady_output():
            return train(self._options, self._stop)

    def stop(self) -> None:
        self._stop.set()


class ActorHost:
    """Keeps some actors running, which end with it."""

    def __init__(self, task_ids: range, played: Played, logs: Path) -> None:
        self._task_ids, self._played, self._logs = task_ids, played, logs
        self._stop = threading.Event()

    def run(self) -> None:
        """Follows the learner from address to address."""
        learner = ray.get_actor(LEARNER_NAME)
        while not self._stop.is_set():
            contact = _contact_of(learner)
            os.environ[TOKEN_VARIABLE] = contact.token
            with _actor_flags(contact, self._played) as flags, self._actors(flags):
                while not self._stop.wait(_POLL_S) and _contact_of(learner) == contact:
                    pass

    def stop(self) -> None:
        self._stop.set()

    def _actors(self, flags: list[str]) -> LocalActors:
        return LocalActors(self._task_ids, flags, self._logs, lambda text: print(text, flush=True))


def train_on_ray(options: TrainOptions, cluster: str, stop: threading.Event) -> None:
    """Begins or resumes a run on a cluster and stays until it is over or ``stop`` is set.

    Args:
      options: paths are those of the learner's node; ``listen_at`` and ``security`` are found by the learner.
      cluster: "auto", "local" or the address of a Ray cluster that this machine belongs to.

    Raises:
      ValueError: what makes the run impossible.
      RuntimeError: there is no such cluster, or the learner died for good.
    """
    start = plan_start(dataclasses.replace(options, init_from=None))  # which the learner's node reads
    config, topology = start.config, start.topology
    env_spec(config.env)
    if not topology.num_actors:
        raise ValueError(f"{start.path} is a run of one process; say how many actors play for it, as --num_actors=2")
    plan_groups(config.run.num_envs, topology.num_actors, config.actor.groups_per_actor)
    run_dir = start.path.absolute()
    init_from = options.init_from and str(Path(options.init_from).absolute())
    of_learner = dataclasses.replace(
        options, run_dir=str(run_dir), init_from=init_from, num_actors=topology.num_actors, modules=start.modules
    )
    if cluster.startswith("ray://"):
        raise ValueError(f"{cluster}: this command runs on a node of the cluster; send it there with: ray job submit")
    with _connected(cluster), _placed(topology, stop) as group:
        if group is None:
            return
        named = {"name": LEARNER_NAME, "max_restarts": _LEARNER_RESTARTS}
        given, operative = (Played(text, portable_scenario(config.env)) for text in start.texts)
        played = operative if start.resuming else given
        learner = _remote(Learner, group, 0, **named).remote(of_learner, played, topology.learner_port)
        done = learner.train.remote()
        hosts = [
            _remote(ActorHost, group, bundle).remote(task_ids, operative, run_dir / "logs")
            for bundle, task_ids in enumerate(topology.actor_hosts, start=1)
        ]
        running = [host.run.remote() for host in hosts]
        try:
            print(_wait(learner, done, stop), flush=True)
        finally:
            for host in hosts:
                host.stop.remote()
            ray.wait(running, num_returns=len(running), timeout=_STOP_S)


def bundles(topology: Topology, cluster_gpus: float) -> list[dict[str, float]]:
    """What is reserved for the learner, and for each actor host."""
    gpus = topology.learner_gpus
    if gpus is None:
        gpus = int(cluster_gpus > 0)
    learner = {"CPU": topology.learner_cpus, **({"GPU": float(gpus)} if gpus else {})}
    return [learner, *({"CPU": topology.cpus_per_actor * len(task_ids)} for task_ids in topology.actor_hosts)]


def _remote(kind: type, group: Any, bundle: int, **more: Any) -> Any:
    """A restartable Ray actor in a bundle of the placement group, all of which it takes."""
    resources = group.bundle_specs[bundle]
    placing = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=bundle)
    threads = {"max_concurrency": 4}  # one works, others answer
    given = {"max_restarts": -1, "max_task_retries": -1, "scheduling_strategy": placing, **threads, **more}
    return ray.remote(kind).options(num_cpus=resources["CPU"], num_gpus=resources.get("GPU", 0), **given)


def _wait(learner: Any, done: Any, stop: threading.Event) -> str:
    """How the run ended, once it is over; asks the learner to stop, again if it was born again meanwhile."""
    try:
        while not ray.wait([done], timeout=_POLL_S)[0]:
            if stop.is_set():
                learner.stop.remote()
        return str(ray.get(done))
    except RayTaskError as error:
        raise error.cause from None
    except RayActorError as error:
        raise RuntimeError(f"the learner died and could not be restarted: {error}") from None


@contextlib.contextmanager
def _connected(cluster: str) -> Iterator[None]:
    os.environ.setdefault("RAY_worker_niceness", "0")  # of a cluster that is started here
    python = os.environ.get(PYTHON_VARIABLE)
    environment = {"env_vars": {PYTHON_VARIABLE: python}} if python else None
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        ray.init(address=cluster, runtime_env=environment, logging_level=logging.WARNING)
    except (ConnectionError, RuntimeError) as error:
        raise RuntimeError(
            f"cannot connect to Ray at {cluster!r} ({error}); start one with: ray start --head, or say --address=local"
        ) from None
    for number, handler in handlers.items():
        signal.signal(number, handler)  # Ray has set its own, which would end this process at once
    try:
        yield
    finally:
        ray.shutdown()


@contextlib.contextmanager
def _placed(topology: Topology, stop: threading.Event) -> Iterator[Any]:
    """A placement group, the learner's bundle first; None if ``stop`` was set before there was room."""
    wanted = bundles(topology, ray.cluster_resources().get("GPU", 0))
    group = placement_group(wanted, strategy="SPREAD")
    asked = time.monotonic()
    told = False
    try:
        while not group.wait(_POLL_S) and not stop.is_set():
            if not told and time.monotonic() - asked > _PATIENCE_S:
                told = True
                print(_waiting_for(wanted), flush=True)
        yield None if stop.is_set() else group
    finally:
        remove_placement_group(group)


def _waiting_for(wanted: list[dict[str, float]]) -> str:
    learner, *hosts = wanted
    nodes = [{name: node["Resources"].get(name, 0) for name in ("CPU", "GPU")} for node in ray.nodes() if node["Alive"]]
    return (
        f"waiting for nodes with room for a learner ({learner}) and {len(hosts)} hosts of actors (up to {hosts[-1]} "
        f"each); the cluster's nodes have {nodes}, some of it taken. Smaller pieces: topology.actors_per_host, "
        "topology.cpus_per_actor, topology.learner_cpus"
    )


def _contact_of(learner: Any) -> Contact:
    while True:
        with contextlib.suppress(ActorUnavailableError):  # it is being restarted
            return ray.get(learner.contact.remote())
        time.sleep(_POLL_S)


@contextlib.contextmanager
def _actor_flags(contact: Contact, played: Played) -> Iterator[list[str]]:
    """What actors of this node are started with, and the files that it names."""
    with tempfile.TemporaryDirectory(prefix="seed_matrace-") as folder:
        gin_file, ca = played.write(Path(folder)), Path(folder) / "learner.pem"
        ca.write_bytes(contact.certificate)
        yield [f"--server_address={contact.address}", f"--gin_file={gin_file}", f"--tls_ca={ca}"]


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as server:
        return int(server.getsockname()[1])
