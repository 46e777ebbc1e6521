"""What a command begins or resumes: which run directory, which configuration, how many actors."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seed_matrace.config import Config, bound_options, decides_learning, load_config
from seed_matrace.files import check_utf8
from seed_matrace.learner.run_directory import (
    CHECKPOINT_STATE,
    CHECKPOINTS_DIR,
    MODULES_DIR,
    OPERATIVE_CONFIG,
    is_run_directory,
    is_team,
    kept_env,
    kept_modules,
    kept_scenario,
    load_run_config,
    near_runs,
    noted_modules,
    run_around,
    runs_within,
    scenario_binding,
)
from seed_matrace.learner.run_info import RUN_FILE, read_run_info, run_id
from seed_matrace.modules import ModuleError, ModuleFile, registry_of, told
from seed_matrace.registered import OPEN, Registry
from seed_matrace.training.sinks import sinks_of
from seed_matrace.training.topology import Topology, plan_topology
from seed_matrace.transport.address import Address
from seed_matrace.transport.security import NO_SECURITY, Security

DEFAULT_GIN_FILES = ("maps/3m.gin",)


@dataclass(frozen=True)
class TrainOptions:
    """The flags of ``train`` and ``learner``."""

    gin_files: Sequence[str] = ()
    gin_params: Sequence[str] = ()
    run_dir: str | None = None
    seed: int | None = None
    init_from: str | None = None
    sinks: Sequence[str] = ()  # as of ``sinks.sinks_of``; none: those that the run has
    num_actors: int | None = None  # 0: none, environments step in this process; None: the run's, topology.num_actors
    listen_at: Sequence[Address] = ()  # for actors that others start; none: they are started here
    security: Security = NO_SECURITY  # of those that are ports
    modules: Sequence[ModuleFile] = ()  # of one's own


@dataclass(frozen=True)
class Start:
    """A run as it is about to begin or to be resumed.

    Attributes:
      path: its directory, which need not exist yet.
      config: with the path of the scenario file that is played, if one is; a resumed run's own copy of it.
      texts: config.gin and operative_config.gin, in which a scenario is the copy that the run directory holds.
      seed: of everything random.
      init_from: the run directory from whose weights it begins, also if it was killed before it had a checkpoint.
      topology: its processes.
      sinks: where reports go besides its files, of ``sinks.SINKS``.
      notes: what a person should know of it, a sentence each.
      modules: of one's own, those of a resumed run among them.
    """

    path: Path
    resuming: bool
    config: Config
    texts: tuple[str, str]
    seed: int
    init_from: str | None
    topology: Topology
    notes: Sequence[str]
    modules: Sequence[ModuleFile] = ()
    sinks: Sequence[str] = ()


def plan_start(options: TrainOptions, default_actors: int | Callable[[Config], int] = 1) -> Start:
    """Finds out what ``options`` ask for; nothing is written.

    Args:
      default_actors: for a new run that says nothing of them; or what says so for its configuration.

    Raises:
      ValueError: the options cannot be meant; what the run directory holds does not go together with them.
    """
    if options.run_dir == "":
        raise ValueError("--run_dir is empty; name a folder, or leave it out to begin a run in runs/")
    check_utf8("--run_dir", options.run_dir)
    check_utf8("--init_from", options.init_from)
    path = Path(options.run_dir) if options.run_dir else None
    if path is not None and is_team(path):
        raise ValueError(
            f"--run_dir={path} is a team of a zoo, which is not trained on; --init_from={path} begins a run from its "
            "weights, in another --run_dir"
        )
    resuming = path is not None and is_run_directory(path)
    modules, of_modules = _modules(options, path if resuming else None)
    registry = registry_of(modules)
    if path is not None and not resuming:
        _check_can_begin(path, options, registry)
    config, texts, notes = _load(options, path if resuming else None, registry)
    notes += of_modules
    path = path or Path(f"runs/{config.env.title}-{time.strftime('%Y%m%d-%H%M%S')}")
    if not resuming and (around := run_around(path)) is not None:
        raise ValueError(f"{path} lies inside the run {around}: name that, or a folder elsewhere, by --run_dir")
    info = _run_info(path) if resuming else {}
    num_actors, of_actors = _num_actors(options, config, path, info)
    notes += of_actors
    if not resuming and not options.gin_files and (config.env.map_name != "3m" or options.run_dir):
        notes.append(f"settings of {DEFAULT_GIN_FILES[0]}, as no gin file is named")
    default = default_actors(config) if callable(default_actors) else default_actors
    topology = plan_topology(config, num_actors, default=default)
    seed, init_from = _seed(options, path, info), _init_from(options, path, info)
    sinks = sinks_of(options.sinks, info.get("sinks", []))
    return Start(path, resuming, config, texts, seed, init_from, topology, notes, modules, sinks)


def _check_can_begin(path: Path, options: TrainOptions, registry: Registry) -> None:
    """Raises ValueError if ``path``, which holds no run, is likely not what was meant."""
    begins = bool(options.gin_files) or any(map(decides_learning, bound_options(options.gin_params, registry)))
    to_begin = f"to begin a run there, say what is to be trained, such as {DEFAULT_GIN_FILES[0]}"
    if path.exists() and not path.is_dir():
        raise ValueError(f"--run_dir={path} is a file; a folder is expected{near_runs(path)}")
    if (path / "sweep.json").exists() or runs_within(path):
        raise ValueError(
            f"--run_dir={path} is no run, it holds runs: name one of them, or a new folder{near_runs(path)}"
        )
    if not begins:
        what = "holds no run" if path.is_dir() else "does not exist"
        raise ValueError(f"--run_dir={path} {what}{near_runs(path)}; {to_begin}")


def _modules(options: TrainOptions, run_dir: Path | None) -> tuple[tuple[ModuleFile, ...], list[str]]:
    """The modules that are asked for, of a resumed run its own if they are what they were; and what to say of them.

    Raises:
      ModuleError: a module of the run is missing or has changed, and is not given again.
    """
    if run_dir is None:
        return tuple(options.modules), list(map(told, options.modules))
    noted = {module["file"]: module for module in noted_modules(run_dir)}
    given = {module.name for module in options.modules}
    for name in noted.keys() - given:
        source = Path(noted[name]["source"])
        try:
            changed = "" if source.read_bytes() == (run_dir / MODULES_DIR / name).read_bytes() else "has changed since"
        except OSError:
            changed = "" if source.is_file() else "is gone"
        if changed:
            there = f"go on with it as it is by --module={source}" if source.is_file() else "put it back"
            raise ModuleError(
                f"{source}, which the run began with, {changed}: {there}, or go on with the run's own copy by "
                f"--module={run_dir / MODULES_DIR / name}"
            )
    modules = kept_modules(run_dir, given=options.modules)
    notes = [
        f"{module.name} was SHA-256 {noted[module.name]['sha256']}... when the run began: what it learnt before, it "
        "learnt with another module"
        for module in modules
        if module.name in noted and noted[module.name]["sha256"] != module.sha256
    ]
    return modules, [*map(told, modules), *notes]


def _load(options: TrainOptions, run_dir: Path | None, registry: Registry) -> tuple[Config, tuple[str, str], list[str]]:
    """The configuration asked for, of a resumed run its own unless gin files are named; and what to say of it."""
    notes = []
    if run_dir is not None and not options.gin_files:
        files: Sequence[str] = [str(run_dir / OPERATIVE_CONFIG)]
        config, *texts = load_run_config(run_dir, options.gin_params, registry)
    else:
        files = options.gin_files or DEFAULT_GIN_FILES
        config, *texts = load_config(files, options.gin_params, registry=registry)
    own = kept_scenario(run_dir) if run_dir is not None else None
    if run_dir is not None:
        named, config = config.env.map_name, kept_env(run_dir, config)
        if named != config.env.map_name:
            notes.append(f"there is no file {named}; the run goes on with its own copy, {config.env.map_name}")
    if (scenario := config.env.scenario) is not None:
        binding = scenario_binding((own or scenario).name)
        _, *texts = load_config(files, [*options.gin_params, binding], registry=registry)
    return config, (texts[0], texts[1]), notes


def _seed(options: TrainOptions, path: Path, info: dict[str, Any]) -> int:
    if not info:
        return options.seed or 0
    begun_with = int(info["seed"])
    if options.seed not in (None, begun_with):
        raise ValueError(f"{path} holds a run of seed {begun_with}, not {options.seed}; choose another --run_dir")
    return begun_with


def _init_from(options: TrainOptions, path: Path, info: dict[str, Any]) -> str | None:
    """The run that weights are taken from, where it is now."""
    if options.init_from == "":
        raise ValueError("--init_from is empty; name a run directory, or leave it out")
    given = None if options.init_from is None else Path(options.init_from)
    begun_from = info.get("init_from")
    if given and "init_from" in info and not (begun_from and _is_source(given, Path(begun_from), info)):
        raise ValueError(  # older versions did not write it down
            f"{path} holds a run that began from {begun_from or 'fresh weights'}, not from {given}; leave out "
            "--init_from, or choose another --run_dir"
        )
    source = given or (begun_from and Path(begun_from))
    if not source:
        return None
    if not info.get("checkpointed"):
        _check_source(source, "" if given else f"{path} has no checkpoint yet and begins from another run's weights: ")
    return str(source.resolve())


def _is_source(given: Path, begun_from: Path, info: dict[str, Any]) -> bool:
    """Whether ``given`` is the run that this one began from, wherever both have been moved to."""
    known, found = info.get("init_from_id") or _id_of(begun_from), _id_of(given)
    return known == found if known and found else given.resolve() == begun_from.resolve()


def _id_of(run_dir: Path) -> str:
    try:
        return run_id(run_dir)
    except (OSError, ValueError):  # damaged; whoever needs more of it than this says so
        return ""


def _check_source(source: Path, of_whom: str) -> None:
    """Raises ValueError if no weights can be taken from ``source``, as far as that is seen without networks."""
    advice = "" if not of_whom else "; if it was moved, say where to by --init_from"
    try:
        load_run_config(source, registry=OPEN)
    except (OSError, ValueError) as error:
        raise ValueError(f"{of_whom}--init_from={source}: {error}{advice}") from None
    if not is_team(source) and not any((source / CHECKPOINTS_DIR).glob(f"best-*/{CHECKPOINT_STATE}")):
        raise ValueError(f"{of_whom}--init_from={source} has no best checkpoint to start from yet")


def _run_info(path: Path) -> dict[str, Any]:
    try:
        return read_run_info(path)
    except FileNotFoundError:
        raise ValueError(f"{path} holds a run but no {RUN_FILE}; put back a copy of it") from None


def _num_actors(
    options: TrainOptions, config: Config, path: Path, info: dict[str, Any]
) -> tuple[int | None, list[str]]:
    """How many actors are asked for, or those that the run had; None: neither. And what changing them means."""
    before = info.get("num_actors")
    asked = options.num_actors
    if (
        asked is None
        and info
        and config.topology.num_actors != load_run_config(path, registry=OPEN)[0].topology.num_actors
    ):
        asked = config.topology.num_actors
    number = before if asked is None else asked
    if options.listen_at and number == 0:
        raise ValueError(f"{path} is a run of one process; say how many actors will connect to it, as --num_actors=2")
    if before == 0 and number:
        return number, [
            f"this run had no actors (--num_actors=0), which repeats exactly; with {_actors(number)} it does so no more"
        ]
    if before and number == 0:
        return number, [
            f"this run had {_actors(before)}: what it learnt with them does not repeat exactly, though one process does"
        ]
    return number, []


def _actors(number: int) -> str:
    return f"{number} actor{'s' if number > 1 else ''}"
