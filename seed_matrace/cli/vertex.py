"""``vertex`` and ``vertex-host``: training as a job of Vertex AI (docs/google_cloud.md)."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from seed_matrace.cli.command import Command, define_gin_flags, define_module_flag, refuse_word
from seed_matrace.training.process import stop_on_signals

if TYPE_CHECKING:
    from seed_matrace.vertex.job_spec import Run
    from seed_matrace.vertex.options import VertexOptions

_TRANSPORTS = ["grpc", "rest"]


def _define_flags(values: flags.FlagValues) -> None:
    from seed_matrace.vertex.options import VertexOptions

    define_gin_flags(values)
    define_module_flag(values)
    flags.DEFINE_integer("num_actors", None, "actors on all hosts together", lower_bound=0, flag_values=values)
    flags.DEFINE_integer("seed", None, "seed of everything random (default: 0)", lower_bound=0, flag_values=values)
    flags.DEFINE_string("vertex_file", None, "gin file with vertex.project and so on", flag_values=values)
    flags.DEFINE_string("name", None, "name of the job (default: map and time)", flag_values=values)
    flags.DEFINE_string(
        "output_dir", None, "gs:// folder; the run that is there goes on (default: BUCKET/NAME)", flag_values=values
    )
    flags.DEFINE_bool("dry_run", False, "prints the job for gcloud instead of submitting it", flag_values=values)
    flags.DEFINE_bool("estimate", False, "says how many actors the learner can feed on instead", flag_values=values)
    flags.DEFINE_float(
        "env_step_ms", None, "estimate: of one environment's step (default: measured)", 0.0, flag_values=values
    )
    flags.DEFINE_integer(
        "learner_cores", None, "estimate: of learner_machine (default: by its name)", 1, flag_values=values
    )
    flags.DEFINE_bool("wait", False, "stays and says each new state until the job is over", flag_values=values)
    flags.DEFINE_float("poll_s", 30.0, "between two looks at the job's state", 0.01, flag_values=values)
    flags.DEFINE_multi_string(
        "tune", [], "option to be tuned: 'optimizer.learning_rate=log(1e-4, 1e-2)'; may be repeated", flag_values=values
    )
    flags.DEFINE_integer("trials", 16, "tune: trials in all", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("parallel_trials", 4, "tune: trials at a time", lower_bound=1, flag_values=values)
    flags.DEFINE_string(
        "api_endpoint", "", "another endpoint of Vertex AI; http://localhost:PORT is a stand-in", flag_values=values
    )
    flags.DEFINE_enum("api_transport", "grpc", _TRANSPORTS, "how Vertex AI is spoken to", flag_values=values)
    define: dict[type, Any] = {int: flags.DEFINE_integer, bool: flags.DEFINE_bool, str: flags.DEFINE_string}
    for item in dataclasses.fields(VertexOptions):
        text = item.metadata["doc"] + (f" (default: {item.default})" if item.default else "")
        define[type(item.default)](item.name, None, text, flag_values=values)


def _vertex(values: flags.FlagValues, arguments: list[str]) -> int:
    from seed_matrace.vertex.options import VertexOptions, load_options

    given = {item.name: values[item.name].value for item in dataclasses.fields(VertexOptions)}
    options = load_options(values.vertex_file, given)
    if arguments[:1] in (["cancel"], ["watch"]):
        if len(arguments) != 2:
            raise flags.Error(f"name one job: {arguments[0]} projects/.../locations/.../customJobs/NUMBER")
        return _existing(values, options, *arguments)
    if arguments:
        refuse_word(arguments[0], "vertex")
    return _new(values, options)


def _existing(values: flags.FlagValues, options: VertexOptions, action: str, job: str) -> int:
    from seed_matrace.vertex.service import JobService, parse_job_name

    name = parse_job_name(job, options.project, options.region)
    service = JobService(name.region, values.api_endpoint, values.api_transport)
    if action == "watch":
        return _watch(values, service, name)
    service.cancel(name)
    print(f"asked for the end of {name}; its learner leaves a checkpoint in the bucket")
    return 0


def _new(values: flags.FlagValues, options: VertexOptions) -> int:
    from seed_matrace.modules import read_modules
    from seed_matrace.vertex.job_spec import dry_run, plan_run

    run = plan_run(
        values.gin_file,
        values.gin_param,
        num_actors=values.num_actors,
        seed=values.seed,
        modules=read_modules(values.module),
    )
    if values.estimate:
        return _estimate(values, options, run)
    options.check_complete()
    job = _job(values, options, run)
    if values.dry_run:
        print(dry_run(options, job), end="")
        return 0
    from seed_matrace.vertex.service import JobService

    service = JobService(options.region, values.api_endpoint, values.api_transport)
    name = service.submit(options.project, options.region, job)
    print(f"submitted {name}\n{name.console}", flush=True)
    if values.wait:
        return _watch(values, service, name)
    print(f"watch it: gcp/submit.py watch {name}\nend it:   gcp/submit.py cancel {name}")
    return 0


def _job(values: flags.FlagValues, options: VertexOptions, run: Run) -> dict[str, Any]:
    from seed_matrace.vertex import job_spec, tuning

    map_name = run.config.env.title.replace("_", "-")
    name = values.name or f"seed-matrace-{map_name}-{time.strftime('%Y%m%d-%H%M%S')}"
    output_dir = values.output_dir or f"{options.bucket.rstrip('/')}/{name}"
    labels = job_spec.parse_labels(options.labels)
    if not values.tune:
        return job_spec.custom_job(name, labels, job_spec.custom_job_spec(options, run, output_dir))
    return job_spec.tuning_job(
        name,
        labels,
        job_spec.custom_job_spec(options, run, output_dir, ["--"]),  # behind it Vertex AI adds a trial's parameters
        parameters=[tuning.study_parameter(text) for text in values.tune],
        metric=tuning.METRIC,
        trials=values.trials,
        parallel_trials=min(values.parallel_trials, values.trials),
    )


def _estimate(values: flags.FlagValues, options: VertexOptions, run: Run) -> int:
    from seed_matrace.vertex.estimate import describe, estimate
    from seed_matrace.vertex.machines import cores

    there = values.learner_cores or cores(options.learner_machine_type)
    if there is None:
        raise flags.Error(f"how many cores {options.learner_machine_type} has is not in its name: give --learner_cores")
    step_s = None if values.env_step_ms is None else values.env_step_ms / 1000
    result = estimate(run.config, run.topology, cores=there, env_step_s=step_s)
    print(describe(run.config, run.topology, result, options.learner_machine_type))
    return 0


def _watch(values: flags.FlagValues, service: Any, name: Any) -> int:
    from seed_matrace.vertex.service import watch

    succeeded = watch(service, name, lambda text: print(text, flush=True), poll_s=values.poll_s, stop=stop_on_signals())
    return 0 if succeeded else 1


VERTEX = Command(
    "Submits a training job to Vertex AI of Google Cloud; cancel JOB and watch JOB are for one that is there.",
    "seed-matrace vertex maps/2s3z.gin --vertex_file=my_project.gin --num_actors=64 --accelerator=NVIDIA_L4 --wait",
    _define_flags,
    _vertex,
    arguments="cancel JOB | watch JOB | ",
)


def _define_host_flags(values: flags.FlagValues) -> None:
    define_gin_flags(values)
    flags.DEFINE_integer("num_actors", None, "actors on all hosts together", lower_bound=0, flag_values=values)
    flags.DEFINE_integer("seed", None, "seed of everything random (default: 0)", lower_bound=0, flag_values=values)
    flags.DEFINE_string("scenario", None, "scenario file that is played, as NAME:CONTENTS", flag_values=values)
    flags.DEFINE_multi_string(
        "module", [], "Python file that registers what is learnt with, as NAME:CONTENTS", flag_values=values
    )
    flags.DEFINE_string("work_dir", "/tmp/seed_matrace", "folder on this host's own disk", flag_values=values)
    flags.DEFINE_string("gcs_mount", "/gcs", "where Cloud Storage FUSE shows buckets", flag_values=values)
    flags.DEFINE_float("sync_s", 60.0, "between two copies of the run to its bucket", 0.0, flag_values=values)
    flags.DEFINE_float(
        "reconnect_timeout_s", 600.0, "actors: give up when no learner was there this long", 0.0, flag_values=values
    )


def _vertex_host(values: flags.FlagValues, parameters: list[str]) -> int:
    from seed_matrace.vertex.host import HostOptions, run_host
    from seed_matrace.vertex.job_spec import unpacked
    from seed_matrace.vertex.tuning import trial_bindings

    played = []
    if values.scenario:
        played = [f"env.map_name = {str(unpacked(values.scenario, Path(values.work_dir, 'scenario')))!r}"]
    options = HostOptions(
        gin_files=values.gin_file,
        gin_params=[*values.gin_param, *played, *trial_bindings(parameters)],
        modules=[unpacked(word, Path(values.work_dir, "modules")) for word in values.module],
        num_actors=values.num_actors,
        seed=values.seed,
        work_dir=Path(values.work_dir),
        mount=Path(values.gcs_mount),
        sync_s=values.sync_s,
        reconnect_timeout_s=values.reconnect_timeout_s,
    )
    return run_host(options, stop_on_signals())


VERTEX_HOST = Command(
    "What a container of a Vertex AI job runs: this host's part, as CLUSTER_SPEC has it.",
    "seed-matrace vertex-host maps/2s3z.gin --num_actors=64",
    _define_host_flags,
    _vertex_host,
    arguments="[-- TRIAL PARAMETERS] ",
    hands_on=True,
    keeps_going=True,
)
