"""Jobs of Vertex AI as plain values, field by field as REST and gcloud take them; nothing is sent here."""

from __future__ import annotations

import base64
import json
import math
import re
import shlex
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seed_matrace.config import Config, ConfigError, load_config
from seed_matrace.config import options as options_of
from seed_matrace.gin_files import is_shipped
from seed_matrace.modules import ModuleFile, registry_of
from seed_matrace.training.topology import Topology, plan_topology
from seed_matrace.vertex.cluster import ACTORS, EVALUATOR, LEARNER, POOLS
from seed_matrace.vertex.machines import cores
from seed_matrace.vertex.options import VertexOptions

COMMAND = ["seed-matrace", "vertex-host"]  # the images have it


@dataclass(frozen=True)
class Run:
    """What is to be trained, as flags of the programs in the containers."""

    config: Config
    topology: Topology
    flags: Sequence[str]


def plan_run(
    gin_files: Sequence[str],
    gin_params: Sequence[str],
    *,
    num_actors: int | None = None,
    seed: int | None = None,
    modules: Sequence[ModuleFile] = (),
) -> Run:
    """Loads the configuration and says it again in flags that need no files of this machine.

    Files of the program are named; what other files and ``gin_params`` say beyond them becomes --gin_param, a scenario
    file --scenario, modules of one's own --module.
    """
    registry = registry_of(modules)
    config = load_config(gin_files, gin_params, imports=False, registry=registry)[0]
    shipped = [file for file in gin_files if is_shipped(file)]
    before, wanted = options_of(load_config(shipped, registry=registry)[0]), options_of(config)
    changed = [f"--gin_param={name}={wanted[name]!r}" for name in wanted if wanted[name] != before[name]]
    if config.env.scenario is not None:
        changed = [flag for flag in changed if not flag.startswith("--gin_param=env.map_name=")]
        changed.append(f"--scenario={packed(config.env.scenario.name, config.env.scenario.read_bytes())}")
    changed += [f"--module={packed(module.name, module.content)}" for module in modules]
    topology = plan_topology(config, num_actors)
    flags = [f"--gin_file={file}" for file in shipped] + changed + [f"--num_actors={topology.num_actors}"]
    return Run(config, topology, flags if seed is None else [*flags, f"--seed={seed}"])


def packed(name: str, content: bytes) -> str:
    """A file as a word of a command line."""
    return f"{name}:{base64.b64encode(zlib.compress(content, 9)).decode()}"


def unpacked(word: str, folder: Path) -> Path:
    """Writes what ``packed`` took; returns the file."""
    name, _, content = word.rpartition(":")
    path = folder / Path(name).name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(zlib.decompress(base64.b64decode(content)))
    return path


def custom_job_spec(options: VertexOptions, run: Run, output_dir: str, arguments: Sequence[str] = ()) -> dict[str, Any]:
    """A CustomJobSpec: the learner's pool, and those of actors and evaluator where there are any.

    Args:
      output_dir: gs:// folder of the job; a run that it holds is resumed.
      arguments: of every container, behind its flags.

    Raises:
      ConfigError: actors that their machines have too few cores for.
    """
    disk = {"bootDiskType": "pd-ssd", "bootDiskSizeGb": options.boot_disk_gb}
    flags = [*run.flags, *arguments]

    def pool(replicas: int, machine: Mapping[str, Any], image: str) -> dict[str, Any]:
        container = {"imageUri": image, "command": COMMAND, "args": flags}
        return {"machineSpec": machine, "replicaCount": replicas, "diskSpec": disk, "containerSpec": container}

    learner: dict[str, Any] = {"machineType": options.learner_machine_type}
    if options.accelerator:
        learner |= {"acceleratorType": options.accelerator, "acceleratorCount": options.accelerator_count}
    pools = {LEARNER: pool(1, learner, options.learner_image)}
    if options.actor_machine and run.topology.actor_hosts:
        _check_cores(options, run.topology)
        machine = {"machineType": options.actor_machine}
        pools[ACTORS] = pool(len(run.topology.actor_hosts), machine, options.actor_image)
    if options.evaluator_machine:
        pools[EVALUATOR] = pool(1, {"machineType": options.evaluator_machine}, options.learner_image)
    by_number = {POOLS[role]: spec for role, spec in pools.items()}
    scheduling = {"timeout": f"{options.timeout_s}s", "strategy": options.strategy}
    if options.max_wait_s:
        scheduling["maxWaitDuration"] = f"{options.max_wait_s}s"
    spec = {
        "workerPoolSpecs": [by_number.get(number, {}) for number in range(max(by_number) + 1)],
        "scheduling": scheduling,
        "baseOutputDirectory": {"outputUriPrefix": output_dir},
        "serviceAccount": options.service_account,
        "network": options.network,
        "tensorboard": options.tensorboard,
        "enableWebAccess": options.web_access,
    }
    return {name: value for name, value in spec.items() if value}


def custom_job(name: str, labels: Mapping[str, str], spec: Mapping[str, Any]) -> dict[str, Any]:
    """A CustomJob: what is sent."""
    return {"displayName": name, "jobSpec": spec, **({"labels": labels} if labels else {})}


def tuning_job(
    name: str,
    labels: Mapping[str, str],
    spec: Mapping[str, Any],
    *,
    parameters: Sequence[Mapping[str, Any]],
    metric: str,
    trials: int,
    parallel_trials: int,
) -> dict[str, Any]:
    """A HyperparameterTuningJob whose trials are jobs of ``spec``, with ``metric`` as large as possible."""
    study = {"metrics": [{"metricId": metric, "goal": "MAXIMIZE"}], "parameters": list(parameters)}
    counts = {"maxTrialCount": trials, "parallelTrialCount": parallel_trials}
    job = {"displayName": name, "studySpec": study, **counts, "trialJobSpec": spec}
    return {**job, **({"labels": labels} if labels else {})}


def parse_labels(text: str) -> dict[str, str]:
    """Labels in "team=marl,paper=yes"; ConfigError if Google Cloud would not take them."""
    labels = dict(item.partition("=")[::2] for item in text.split(",") if item)
    for key, value in labels.items():
        if not (re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key) and re.fullmatch(r"[a-z0-9_-]{0,63}", value)):
            raise ConfigError(
                f"label {key}={value} cannot be: lower-case letters, digits, - and _, at most 63, a letter first"
            )
    return labels


def dry_run(options: VertexOptions, job: Mapping[str, Any]) -> str:
    """What gcloud takes as job.yaml to submit the same job without this program, and in its first line how.

    Raises:
      ImportError: PyYAML is not installed.
    """
    try:
        import yaml
    except ImportError as error:
        raise ImportError(f"{error}; jobs are printed with: pip install 'seed_matrace[vertex]'") from None
    labels = ",".join(f"{key}={value}" for key, value in job.get("labels", {}).items())
    words = [f"--project={options.project}", f"--region={options.region}", f"--display-name={job['displayName']}"]
    words += [f"--labels={labels}"] if labels else []
    kind, config = "custom-jobs", job.get("jobSpec")
    if config is None:
        kind, config = "hp-tuning-jobs", {name: job[name] for name in ("studySpec", "trialJobSpec")}
        words += [f"--max-trial-count={job['maxTrialCount']}", f"--parallel-trial-count={job['parallelTrialCount']}"]
    plain = json.loads(json.dumps(config))  # what pools share is written out, without YAML's references
    text = yaml.safe_dump(plain, sort_keys=False, width=math.inf)
    return f"# gcloud ai {kind} create {shlex.join(words)} --config=job.yaml\n{text}"


def _check_cores(options: VertexOptions, topology: Topology) -> None:
    there, wanted = cores(options.actor_machine), topology.cpus_per_actor_host
    if there is not None and there < wanted:
        raise ConfigError(
            f"--actor_machine={options.actor_machine} has {there} cores, and its actors want {wanted:g} "
            "(topology.actors_per_host x topology.cpus_per_actor): take a larger machine or fewer actors for each"
        )
