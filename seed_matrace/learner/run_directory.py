"""The directory of a run: made, locked, and recognised when it is given again."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import fcntl
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import IO, Any

from seed_matrace.config import Config, load_config
from seed_matrace.files import clear, digest, read_checked, write_checked
from seed_matrace.learner.run_info import RUN_FILE, read_run_info, run_id
from seed_matrace.modules import ModuleError, ModuleFile, registry_of
from seed_matrace.registered import Registry
from seed_matrace.sections.env import EnvConfig

OPERATIVE_CONFIG = "operative_config.gin"
CHECKPOINTS_DIR = "checkpoints"
SCENARIO_DIR = "maps"  # of a run on a scenario file: the run's own copy of it
NETWORKS_FILE = "networks.npz"  # of a team of the zoo, in the place of checkpoints
MODULES_DIR = "modules"  # the run's own copies of what --module named
CHECKPOINT_STATE = "state.json"  # of a checkpoint, written last
_OF_A_RUN = (RUN_FILE, "metrics.jsonl", "eval/results.json")
_ADVICE = "put back a copy of it; options of a run are changed by --gin_param"


class RunDirectory:
    """Owns one run directory as long as it is open; no second learner can.

    Raises:
      ValueError: the directory cannot be written, or another learner works in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock: IO[str] = (path / ".lock").open("w")
        except OSError as error:
            raise ValueError(
                f"cannot write to run directory {path}: {error.strerror}; choose another --run_dir"
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"another learner is at work in {path}; stop it or choose another --run_dir") from None
        clear(path)

    def write_config(self, config_text: str, operative_text: str) -> None:
        """Writes down the configuration: as it was given when the run began, and every option as it is now."""
        if not is_run_directory(self.path):
            write_checked(self.path / "config.gin", config_text)
        write_checked(self.path / OPERATIVE_CONFIG, operative_text)

    def keep_scenario(self, config: Config) -> Config:
        """Copies the scenario file that is played, unless the run has it; returns ``config`` with the copy's path."""
        source = config.env.scenario
        if source is None:
            return config
        copy = kept_scenario(self.path)
        if copy is None:
            copy = self.path / SCENARIO_DIR / source.name
            content = source.read_bytes()
            copy.parent.mkdir(exist_ok=True)
            write_checked(copy, content)
        return _playing(config, copy)

    def keep_modules(self, modules: Sequence[ModuleFile]) -> None:
        """Copies the modules that the run goes on with."""
        for module in modules:
            path = self.path / MODULES_DIR / module.name
            path.parent.mkdir(exist_ok=True)
            write_checked(path, module.content)

    def close(self) -> None:
        self._lock.close()


def is_run_directory(path: Path) -> bool:
    """Whether a run was begun in ``path``: it holds anything that a run leaves, whole or not.

    A run that was killed before its run.json was there has left nothing but its configuration, and begins anew.
    """
    return any((path / name).exists() for name in _OF_A_RUN) or any((path / CHECKPOINTS_DIR).glob("[!.]*"))


def is_team(path: Path) -> bool:
    """Whether ``path`` is a team of a zoo: all that is read of a run, with one set of weights, and not trained on."""
    return (path / NETWORKS_FILE).is_file()


def of_team(folder: str, name: str) -> Path:
    """Where a command puts ``name`` of a run by default: into the run; of a team, which stays as it is, into here."""
    return Path(f"{PurePath(folder).name}-{name}") if is_team(Path(folder)) else Path(folder, name)


def load_run_config(
    run_dir: Path, gin_params: Iterable[str] = (), registry: Registry | None = None
) -> tuple[Config, str, str]:
    """The configuration a run was begun with, as ``load_config`` returns it, with the path of its own scenario file.

    Args:
      registry: what there is to choose from; None: what the run's own copies of its modules register.

    Raises:
      ValueError: no run was begun there, or its configuration, its scenario file or a module is missing or not what was
        written.
    """
    path = run_dir / OPERATIVE_CONFIG
    if run_dir.is_file():
        raise ValueError(f"{run_dir} is a file; the folder of a run is expected{near_runs(run_dir)}")
    try:
        read_checked(path, _ADVICE, must_be_noted=bool(run_id(run_dir)))
    except FileNotFoundError:
        if is_run_directory(run_dir):
            raise ValueError(f"{run_dir} holds a run but no {OPERATIVE_CONFIG}; put back a copy of it") from None
        raise ValueError(
            f"{run_dir} is not a run directory: it has no {OPERATIVE_CONFIG}{near_runs(run_dir)}"
        ) from None
    kept_scenario(run_dir)
    registry = registry_of(kept_modules(run_dir)) if registry is None else registry
    # What is newer than the run is off in it, whatever base.gin says of it today.
    return load_config([path], list(gin_params), includes=not is_team(run_dir), base=False, registry=registry)


def kept_modules(run_dir: Path, *, given: Sequence[ModuleFile] = ()) -> tuple[ModuleFile, ...]:
    """The modules of a run: those that are given, and of the others its own copies.

    Raises:
      ModuleError: a copy is missing or is not what the run was begun with, and is not given; a team names modules,
        which are never run.
    """
    modules = {module.name: module for module in given}
    noted_ones = noted_modules(run_dir)
    if noted_ones and is_team(run_dir):
        raise ModuleError(f"{run_dir / RUN_FILE} names modules; a team is data alone, and no code of it is run")
    for noted in noted_ones:
        if noted["file"] in modules:
            continue
        copy = run_dir / MODULES_DIR / noted["file"]
        advice = f"the run has {noted['file']} of SHA-256 {noted['sha256']}...; give a file of that name by --module"
        try:
            content = read_checked(copy, advice)
        except FileNotFoundError:
            raise ModuleError(f"{copy} is missing; {advice}") from None
        except ValueError as error:
            raise ModuleError(str(error)) from None
        module = ModuleFile(copy.name, content, str(copy.absolute()))
        if module.sha256 != noted["sha256"]:
            raise ModuleError(f"{copy} is another module; {advice}")
        modules[copy.name] = module
    return tuple(modules.values())


def noted_modules(run_dir: Path) -> list[dict[str, str]]:
    """What run.json says of a run's modules, as ``modules_info``; none without run.json."""
    try:
        known = read_run_info(run_dir).get("modules", [])
    except FileNotFoundError:
        return []
    names = ("file", "sha256", "source")
    for noted in known if isinstance(known, list) else [known]:
        texts = isinstance(noted, dict) and all(isinstance(noted.get(name), str) for name in names)
        if not texts or Path(noted["file"]).name != noted["file"]:
            raise ValueError(f"{run_dir / RUN_FILE}: a module is {noted!r}; {', '.join(names)} expected")
    return list(known)


def modules_info(modules: Iterable[ModuleFile]) -> list[dict[str, Any]]:
    """What run.json says of modules: names, what tells each from others of its name, where they were read."""
    return [{"file": module.name, "sha256": module.sha256, "source": module.source} for module in modules]


def kept_scenario(run_dir: Path) -> Path | None:
    """A run's own copy of the scenario file that it plays; None: it plays none, or is of an older version.

    Raises:
      ValueError: the copy is missing or is not what the run was begun with.
    """
    try:
        known = read_run_info(run_dir).get("scenario")
    except FileNotFoundError:  # a run that has not begun; a copy of its configuration
        return None
    if known is None:
        return None
    if not isinstance(known, dict) or not all(isinstance(known.get(name), str) for name in ("file", "sha256")):
        raise ValueError(f"{run_dir / RUN_FILE}: scenario is {known!r}, a file's name and SHA-256 expected")
    copy = run_dir / SCENARIO_DIR / Path(known["file"]).name
    advice = f"the run was begun with {known['file']} of SHA-256 {known['sha256']}...; put that file back"
    try:
        content = read_checked(copy, advice)
    except FileNotFoundError:
        raise ValueError(f"{copy} is missing; {advice}") from None
    if digest(content) != known["sha256"]:
        raise ValueError(f"{copy} is another scenario; {advice}")
    return copy


def scenario_info(config: Config) -> dict[str, str] | None:
    """What run.json says of the scenario file that is played: its name, and what tells it from others of that name."""
    path = config.env.scenario
    return None if path is None else {"file": path.name, "sha256": digest(path.read_bytes())}


def kept_env(run_dir: Path, config: Config) -> Config:
    """``config`` for a resumed run: of a scenario file that is gone the run has its own copy."""
    copy, named = kept_scenario(run_dir), config.env.scenario
    if copy is None or named is None or named.is_file() or named.name != copy.name:
        return config
    return _playing(config, copy)


def scenario_binding(file: str) -> str:
    """What names a scenario file by its path beside a configuration, wherever both are moved to."""
    return f"env.map_name = {f'{SCENARIO_DIR}/{file}'!r}"


def portable_scenario(env: EnvConfig) -> tuple[str, bytes] | None:
    """The scenario file that is played: its path beside a run's configuration, and its contents."""
    path = env.scenario
    return None if path is None else (f"{SCENARIO_DIR}/{path.name}", path.read_bytes())


def _playing(config: Config, scenario: Path) -> Config:
    return dataclasses.replace(config, env=dataclasses.replace(config.env, map_name=str(scenario)))


def run_around(path: Path) -> Path | None:
    """The run directory that ``path`` lies in; None: in none."""
    return next((p for p in path.resolve().parents if is_run_directory(p) and (p / OPERATIVE_CONFIG).exists()), None)


def runs_within(path: Path) -> list[Path]:
    """Run directories below ``path``, as deep as those of a sweep."""
    return [file.parent for depth in ("*", "*/*", "*/*/*") for file in path.glob(f"{depth}/{RUN_FILE}")]


def backend_of(run_dir: Path) -> str:
    """What played the battles of a run, with its version; "" of a run that wrote nothing of it down."""
    with contextlib.suppress(FileNotFoundError):
        return str(read_run_info(run_dir)["backend"])
    return ""


def near_runs(path: Path) -> str:
    """Run directories that ``path`` may have meant, as the end of a sentence; or nothing."""
    folders = [parent for parent in path.parents if parent.is_dir()] or [Path()]
    near = [str(folder) for folder in folders[:3] if is_run_directory(folder)]
    near += sorted(map(str, runs_within(path)))[:3]
    if not near:
        around = [str(file.parent) for depth in ("*", "*/*") for file in folders[0].glob(f"{depth}/{RUN_FILE}")]
        near = difflib.get_close_matches(str(path), around, n=3, cutoff=0.6) or sorted(around)[-3:]
    return f"; near: {', '.join(near[:3])}" if near else ""
