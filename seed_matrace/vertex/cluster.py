"""What Vertex AI tells a container about its job, in environment variables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seed_matrace.transport.address import HostPort, parse_address

LEARNER, ACTORS, EVALUATOR = "learner", "actors", "evaluator"
# Pools have fixed numbers; 2 is that of parameter servers, which nobody has here.
POOLS = {LEARNER: 0, ACTORS: 1, EVALUATOR: 3}
_ROLES = {f"workerpool{number}": role for role, number in POOLS.items()}


@dataclass(frozen=True)
class Cluster:
    """A job's hosts as one of them sees them.

    Attributes:
      role: LEARNER, ACTORS or EVALUATOR: what this host does.
      index: number of this host among those that do the same.
      learner: where all find the learner.
      actor_hosts: how many hosts run actors; with 0 the learner's host runs them too.
    """

    role: str
    index: int
    learner: HostPort
    actor_hosts: int


@dataclass(frozen=True)
class JobFolders:
    """Where a job's files stay when its hosts are gone, in the mounted bucket."""

    run: Path  # becomes the run directory; AIP_CHECKPOINT_DIR
    tensorboard: Path  # AIP_TENSORBOARD_LOG_DIR

    @property
    def credentials(self) -> Path:
        """Beside the run, whose directory others may copy."""
        return self.run.parent / "credentials"


def read_cluster(environment: Mapping[str, str]) -> Cluster:
    """The cluster that CLUSTER_SPEC describes.

    Raises:
      ValueError: it is missing or of another form.
    """
    text = environment.get("CLUSTER_SPEC")
    if not text:
        raise ValueError("CLUSTER_SPEC is not set: this command is for containers of a Vertex AI job")
    try:
        spec = json.loads(text)
        pools = {_ROLES[name]: hosts for name, hosts in spec["cluster"].items() if hosts}
        learner = parse_address(pools[LEARNER][0])
        role, index = _ROLES[spec["task"]["type"]], int(spec["task"]["index"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"CLUSTER_SPEC is not that of a job of this program ({type(error).__name__}: {error}): {text}"
        ) from None
    if not isinstance(learner, HostPort):
        raise ValueError(f"CLUSTER_SPEC names no host and port of a learner: {text}")
    return Cluster(role, index, learner, len(pools.get(ACTORS, [])))


def read_folders(environment: Mapping[str, str], mount: Path) -> JobFolders:
    """The job's folders under ``mount``, where Cloud Storage FUSE shows buckets.

    Raises:
      ValueError: the job has no base output directory, or one that is not in Cloud Storage.
    """
    return JobFolders(
        _mounted(environment, "AIP_CHECKPOINT_DIR", mount), _mounted(environment, "AIP_TENSORBOARD_LOG_DIR", mount)
    )


def _mounted(environment: Mapping[str, str], variable: str, mount: Path) -> Path:
    uri = environment.get(variable, "")
    scheme, _, path = uri.partition("://")
    if scheme != "gs" or not path.strip("/"):
        raise ValueError(f"{variable} = {uri!r}: the job needs a baseOutputDirectory such as gs://bucket/folder")
    return mount / path.strip("/")
