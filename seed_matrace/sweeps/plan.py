"""From the flags of ``sweep`` to the runs it consists of: every combination of its axes, for every seed."""

from __future__ import annotations

import ast
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seed_matrace.config import Config, ConfigError, load_config
from seed_matrace.config_effects import effective
from seed_matrace.envs.registry import env_spec
from seed_matrace.evaluation.sweep_record import PLAIN_VARIANT, SweepRun
from seed_matrace.fields import FieldError, check_literal
from seed_matrace.files import read_checked, write_checked
from seed_matrace.gin_bindings import PACKAGE, bound_here
from seed_matrace.learner.run_directory import MODULES_DIR, portable_scenario, scenario_binding
from seed_matrace.modules import ModuleFile, read_modules
from seed_matrace.registered import BUILT_IN, Registry
from seed_matrace.specs import EnvSpec

PLANS_DIR = "plans"
DEFAULT_GIN_FILES = ("maps/3m.gin",)  # as train has it


@dataclass(frozen=True)
class Choice:
    """One value of an axis: what it adds to the flags of a run, and to its name."""

    label: str
    gin_file: str | None = None
    gin_param: str | None = None
    flag: str = ""  # that says so


@dataclass(frozen=True)
class PlannedRun:
    """A run with its configuration, checked."""

    run: SweepRun
    config: Config
    text: str  # its bindings, with a scenario file at its path beside them


def plan_sweep(
    *,
    gin_files: Sequence[str] = (),
    gin_params: Sequence[str] = (),
    gin_axes: Sequence[str] = (),
    grids: Sequence[str] = (),
    seeds: Sequence[int] = (0,),
    num_actors: int = 0,
    registry: Registry = BUILT_IN,
) -> list[SweepRun]:
    """Every combination of the axes for every seed; each combination's first seed comes before any second one.

    Args:
      gin_files: loaded by every run, first.
      gin_params: bindings of every run.
      gin_axes: each a list of gin files separated by commas, of which a run loads one.
      grids: each a binding with a list of values, "loss.entropy_cost=[0.1, 1.0]", of which a run takes one.
      seeds: of every combination.
      num_actors: of every run.
      registry: what policies, critics and losses there are.

    Raises:
      ValueError: an axis that cannot be read, a configuration that does not load, or two runs of one name.
    """
    axes = [*map(_gin_axis, gin_axes), *_grid_axes(grids, gin_params)]
    combinations, effects = [], {}
    files_of: dict[str, dict[str, None]] = {}
    for choices in itertools.product(*axes):
        files = (*gin_files, *(choice.gin_file for choice in choices if choice.gin_file)) or DEFAULT_GIN_FILES
        params = (*gin_params, *(choice.gin_param for choice in choices if choice.gin_param))
        try:
            config, spec = _load(files, params, registry)
        except ConfigError as error:
            raise ConfigError(_as_said(str(error), choices)) from None
        if "/" in config.env.title or not config.env.title.strip("."):
            raise ValueError(
                f"env.map_name = {config.env.map_name!r} gives no name to the folder of its runs; rename it"
            )
        labels = [choice.label for choice in choices if choice.label != config.env.title]
        combination = (config.env.title, ",".join(labels) or PLAIN_VARIANT, files, params)
        effects[combination] = effective(config, num_actors) | {"env.episode_limit": spec.episode_limit}
        file = config.env.scenario or Path(config.env.map_name)
        files_of.setdefault(config.env.title, {})[str(file.resolve())] = None
        combinations.append(combination)
    runs = [SweepRun(name, variant, seed, *flags) for seed in seeds for name, variant, *flags in combinations]
    for name, count in Counter(run.name for run in runs).items():
        if count > 1 and len(of_title := files_of[name.partition("/")[0]]) > 1:
            raise ValueError(
                f"{' and '.join(of_title)} would both be called {name.partition('/')[0]}; rename one of them"
            )
        if count > 1:
            raise ValueError(f"{count} runs of this sweep would be called {name}; is a value named twice?")
    for (one, options), (other, same) in itertools.combinations(effects.items(), 2):
        if options == same:
            raise ValueError(
                f"{one[0]}/{one[1]} and {other[0]}/{other[1]} would be the same runs, equal in every option that does "
                "something to what is learnt; leave out one, or what makes its value do nothing"
            )
    return runs


def load_planned(run: SweepRun, sweep_dir: Path | None = None, registry: Registry = BUILT_IN) -> PlannedRun:
    """Loads the configuration of a run, as ``train`` will.

    Args:
      sweep_dir: of a resumed sweep, for what it keeps of the run; None goes by the run's flags.
      registry: what policies, critics and losses there are.

    Raises:
      ValueError: it does not load, or its map does not exist.
    """
    files, params = run.gin_files, run.gin_params
    if sweep_dir is not None and (kept := plan_file(sweep_dir, run)).exists():
        read_checked(kept)
        files, params = (str(kept),), ()
    config, _ = _load(files, params, registry)
    if (scenario := config.env.scenario) is not None:
        params = (*params, scenario_binding(scenario.name))
    return PlannedRun(run, config, load_config(files, params, imports=False, registry=registry)[1])


def plan_file(sweep_dir: Path, run: SweepRun) -> Path:
    """Where a sweep keeps the bindings of a run, so that it needs no file outside of it."""
    return sweep_dir / PLANS_DIR / run.map_name / f"{run.variant},seed_{run.seed}.gin"


def keep_plan(sweep_dir: Path, plan: PlannedRun) -> None:
    """Writes what ``load_planned`` finds again."""
    path = plan_file(sweep_dir, plan.run)
    if (scenario := portable_scenario(plan.config.env)) is not None:
        _write(path.parent / scenario[0], scenario[1])
    _write(path, plan.text.encode())


def keep_modules(sweep_dir: Path, modules: Sequence[ModuleFile]) -> None:
    """Writes what ``sweep_modules`` finds again."""
    for module in modules:
        _write(sweep_dir / MODULES_DIR / module.name, module.content)


def sweep_modules(sweep_dir: Path, given: Sequence[ModuleFile]) -> tuple[ModuleFile, ...]:
    """The modules of a sweep: those that it keeps, and those that are given.

    Raises:
      ValueError: one that is given is not what the sweep keeps under its name, or that is damaged.
    """
    kept = read_modules(sorted((sweep_dir / MODULES_DIR).glob("*.py")))
    for module in kept:
        read_checked(module.source)
    known = {module.name: module for module in kept}
    for module in given:
        if known.setdefault(module.name, module).content != module.content:
            raise ValueError(
                f"{module.source} has changed since the sweep began, whose copy is {known[module.name].source}; choose "
                f"another --sweep_dir, or go on with the copy by --sweep_dir={sweep_dir} alone"
            )
    return tuple(known.values())


def check_scenario(sweep_dir: Path, plan: PlannedRun) -> None:
    """Raises ValueError if the scenario file of a run is not what the sweep began with."""
    scenario = portable_scenario(plan.config.env)
    copy = plan_file(sweep_dir, plan.run).parent / scenario[0] if scenario else None
    if scenario and copy and copy.exists() and read_checked(copy) != scenario[1]:
        raise ValueError(
            f"{plan.config.env.scenario} has changed since the sweep began, whose copy is {copy}; choose another "
            f"--sweep_dir, or go on with the copy by --sweep_dir={sweep_dir} alone"
        )


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_checked(path, content)


def _load(gin_files: Sequence[str], gin_params: Sequence[str], registry: Registry) -> tuple[Config, EnvSpec]:
    # sweep.json holds the bindings of later commands
    config = load_config(gin_files, gin_params, imports=False, registry=registry)[0]
    return config, env_spec(config.env)


def _as_said(error: str, choices: Sequence[Choice]) -> str:
    """What is wrong with a value of an axis, by the flag that a person wrote."""
    for choice in choices:
        error = error.replace(f"--gin_param {choice.gin_param!r}", choice.flag) if choice.gin_param else error
    return error


def _gin_axis(text: str) -> list[Choice]:
    files = [name.strip() for name in text.split(",") if name.strip()]
    if not files:
        raise ValueError(f"--gin_axis={text!r} names no gin file; expected as in --gin_axis=maps/3m.gin,maps/8m.gin")
    stems = [Path(name).stem for name in files]
    apart = len(set(stems)) == len(stems)
    labels = stems if apart else [str(Path(name).with_suffix("")) for name in files]
    return [Choice(in_a_path(label), gin_file=name) for label, name in zip(labels, files, strict=True)]


def _grid_axes(grids: Sequence[str], gin_params: Sequence[str]) -> list[list[Choice]]:
    parsed = [_parse_grid(text) for text in grids]
    for name, count in Counter(_plain(name) for name, _ in parsed).items():
        if count > 1:
            raise ValueError(f"{count} --grid flags are of {name}; write all of its values into one")
        for text in gin_params:
            if name in map(_plain, bound_here(text)):
                raise ValueError(f"--gin_param {text!r} and a --grid are both of {name}; leave one of them out")
    last_parts = Counter(name.rpartition(".")[2] for name, _ in parsed)
    axes = []
    for text, (name, values) in zip(grids, parsed, strict=True):
        last = name.rpartition(".")[2]
        shown = last if last_parts[last] == 1 else name
        axes.append(
            [Choice(_label(name, shown, value), None, f"{name} = {value!r}", f"--grid={text!r}") for value in values]
        )
    return axes


def _plain(name: str) -> str:
    return name.removeprefix(f"{PACKAGE}.")


def _parse_grid(text: str) -> tuple[str, list[Any]]:
    name, _, listed = text.partition("=")
    name, title = name.strip(), f"--grid={text!r}"
    try:
        values = ast.literal_eval(listed.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        values = None
    if not re.fullmatch(r"[\w.]+", name) or not isinstance(values, list) or not values:
        raise ValueError(f"{title} is not a name with a list of values, as in 'loss.entropy_cost=[0.1, 1.0]'")
    bound_here(f"{name} = {listed}", title)  # what gin's parser, unlike Python's, does not take
    try:
        for value in values:
            check_literal(name, value)
    except FieldError as error:
        raise ConfigError(f"{title}: {error}") from None
    return name, values


def _label(name: str, shown: str, value: Any) -> str:
    if name == "env.map_name":
        return Path(value).stem if str(value).endswith(".json") else str(value)
    if isinstance(value, (list, tuple)):
        value = "x".join(map(str, value))
    return in_a_path(f"{shown}={value}")


def in_a_path(label: str) -> str:
    """Only what needs no quotes in a shell and means nothing in a path."""
    return re.sub(r"[^\w.+=-]+", "-", label).strip("-.") or "-"
