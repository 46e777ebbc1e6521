"""What a job of Vertex AI is given: project, region, machines, images; from a gin file, then from flags.

These options never reach a run: they say where it is done, not what is learnt.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seed_matrace.fields import FieldError, check_fields, option
from seed_matrace.gin_bindings import Bindings, arguments_of, options_of, with_source
from seed_matrace.gin_files import ConfigError
from seed_matrace.vertex.machines import has_accelerator, machine_with

_STRATEGIES = ("STANDARD", "SPOT", "FLEX_START")
_NEEDED = ("project", "region", "bucket", "learner_image")


@dataclass(frozen=True)
class VertexOptions:
    """Every field is an option ``vertex.NAME`` of a gin file and a flag ``--NAME``; "" and 0 leave it to Vertex AI."""

    project: str = option("", "Google Cloud project, by its id")
    region: str = option("", "region of the job, such as europe-west4")
    bucket: str = option("", "Cloud Storage bucket in that region, or a folder of one: gs://BUCKET/FOLDER")
    learner_image: str = option("", "container image of the learner: REGION-docker.pkg.dev/PROJECT/REPOSITORY/NAME:TAG")
    actor_image: str = option("", "container image of the actors")
    learner_machine: str = option(
        "", "machine type of the learner; none: one that has the accelerator, or n2-standard-16"
    )
    accelerator: str = option("", "GPU of the learner, such as NVIDIA_L4; none: it trains on CPUs")
    accelerator_count: int = option(1, "GPUs of the learner, if any", low=1)
    actor_machine: str = option("n2-highcpu-16", "machine type of actors' hosts; none: actors run on the learner's")
    evaluator_machine: str = option("", "machine type of a host that plays the best weights; none: no such host")
    boot_disk_gb: int = option(100, "boot disk of every host; images and the run directory must fit", low=100)
    strategy: str = option("STANDARD", "SPOT is cheaper and may be preempted; FLEX_START waits", choices=_STRATEGIES)
    timeout_s: int = option(7 * 24 * 3600, "the job is ended after so many seconds", low=60)
    max_wait_s: int = option(0, "SPOT, FLEX_START: the job fails if it could not be started by then; 0 waits", low=0)
    service_account: str = option("", "e-mail of the account that containers act as; it must be able to use the bucket")
    network: str = option("", "VPC network, peered: projects/NUMBER/global/networks/NAME")
    tensorboard: str = option("", "Vertex AI TensorBoard: projects/NUMBER/locations/REGION/tensorboards/ID")
    labels: str = option("", "labels of the job: team=marl,paper=yes")
    web_access: bool = option(False, "allows shells in the containers, for debugging")

    def __post_init__(self) -> None:
        try:
            check_fields(self)
        except FieldError as error:
            raise ConfigError(f"vertex.{error}") from None
        if self.bucket and not re.fullmatch(r"gs://[^/]+(/[^/]+)*/?", self.bucket):
            raise ConfigError(f"vertex.bucket must look like gs://BUCKET or gs://BUCKET/FOLDER, not {self.bucket!r}")
        if self.max_wait_s and self.strategy == "STANDARD":
            raise ConfigError("vertex.max_wait_s is for vertex.strategy = 'SPOT' or 'FLEX_START'; STANDARD only queues")
        if self.tensorboard and not self.service_account:
            raise ConfigError("vertex.tensorboard needs vertex.service_account, which Vertex AI writes to it with")
        machine, accelerator, count = self.learner_machine, self.accelerator, self.accelerator_count
        if machine and accelerator and not has_accelerator(machine, accelerator, count):
            raise ConfigError(
                f"vertex.learner_machine {machine!r} has no {count} x {accelerator}; leave it out to get one that has"
            )

    @property
    def learner_machine_type(self) -> str:
        """The learner's machine: the one that was asked for, or else one with its accelerator."""
        if self.learner_machine or not self.accelerator:
            return self.learner_machine or "n2-standard-16"
        try:
            return machine_with(self.accelerator, self.accelerator_count)
        except ValueError as error:
            raise ConfigError(f"vertex.accelerator: {error}; or name one as vertex.learner_machine") from None

    def check_complete(self) -> None:
        """Raises ConfigError if something is missing that no job can do without."""
        needed = [*_NEEDED, *(["actor_image"] if self.actor_machine else [])]
        missing = [name for name in needed if not getattr(self, name)]
        if missing:
            flags = ", ".join(f"--{name}" for name in missing)
            raise ConfigError(f"{flags}: needed for a job; or set vertex.{missing[0]} and so on in a --vertex_file")


def load_options(file: str | None, flags: Mapping[str, Any]) -> VertexOptions:
    """The options in a gin file, overridden by those of ``flags`` that are not None.

    Raises:
      ConfigError: no such file, an unknown option, or a value that cannot be.
    """
    bindings = Bindings(options_of({"vertex": VertexOptions}))
    if file is not None:
        if not Path(file).is_file():
            raise ConfigError(f"cannot read --vertex_file {file} (no such file)")
        bindings.add_file(file)
    bound = bindings.resolved()
    try:
        loaded = VertexOptions(**arguments_of("vertex", bound))
    except ConfigError as error:
        raise with_source(error, bound) from None
    return dataclasses.replace(loaded, **{name: value for name, value in flags.items() if value is not None})
