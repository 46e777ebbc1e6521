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

from seed_matrace.config import Config, load_config
from seed_matrace.config_effects import effective
from seed_matrace.envs.registry import env_spec
from seed_matrace.evaluation.sweep_record import PLAIN_VARIANT, SweepRun

DEFAULT_GIN_FILES = ("maps/3m.gin",)  # as train has it


@dataclass(frozen=True)
class Choice:
    """One value of an axis: what it adds to the flags of a run, and to its name."""

    label: str
    gin_file: str | None = None
    gin_param: str | None = None


@dataclass(frozen=True)
class PlannedRun:
    """A run with its configuration, checked."""

    run: SweepRun
    config: Config


def plan_sweep(
    *,
    gin_files: Sequence[str] = (),
    gin_params: Sequence[str] = (),
    gin_axes: Sequence[str] = (),
    grids: Sequence[str] = (),
    seeds: Sequence[int] = (0,),
) -> list[SweepRun]:
    """Every combination of the axes for every seed; each combination's first seed comes before any second one.

    Args:
      gin_files: loaded by every run, first.
      gin_params: bindings of every run.
      gin_axes: each a list of gin files separated by commas, of which a run loads one.
      grids: each a binding with a list of values, "loss.entropy_cost=[0.1, 1.0]", of which a run takes one.
      seeds: of every combination.

    Raises:
      ValueError: an axis that cannot be read, a configuration that does not load, or two runs of one name.
    """
    axes = [*map(_gin_axis, gin_axes), *_grid_axes(grids)]
    combinations, effects = [], {}
    for choices in itertools.product(*axes):
        files = (*gin_files, *(choice.gin_file for choice in choices if choice.gin_file)) or DEFAULT_GIN_FILES
        params = (*gin_params, *(choice.gin_param for choice in choices if choice.gin_param))
        config = _load(files, params)
        labels = [choice.label for choice in choices if choice.label != config.env.map_name]
        combination = (config.env.map_name, ",".join(labels) or PLAIN_VARIANT, files, params)
        effects[combination] = effective(config)
        combinations.append(combination)
    runs = [SweepRun(name, variant, seed, *flags) for seed in seeds for name, variant, *flags in combinations]
    for name, count in Counter(run.name for run in runs).items():
        if count > 1:
            raise ValueError(f"{count} runs of this sweep would be called {name}; is a value named twice?")
    for (one, options), (other, same) in itertools.combinations(effects.items(), 2):
        if options == same:
            raise ValueError(
                f"{one[0]}/{one[1]} and {other[0]}/{other[1]} would be the same runs, equal in every option that does "
                "something; leave out one, or what makes its value do nothing"
            )
    return runs


def load_planned(run: SweepRun) -> PlannedRun:
    """Loads the configuration of a run, as ``train`` will.

    Raises:
      ValueError: it does not load, or its map does not exist.
    """
    return PlannedRun(run, _load(run.gin_files, run.gin_params))


def _load(gin_files: Sequence[str], gin_params: Sequence[str]) -> Config:
    config = load_config(gin_files, gin_params, imports=False)[0]  # sweep.json holds the bindings of later commands
    env_spec(config.env)
    return config


def _gin_axis(text: str) -> list[Choice]:
    files = [name.strip() for name in text.split(",") if name.strip()]
    if not files:
        raise ValueError(f"--gin_axis={text!r} names no gin file; expected as in --gin_axis=maps/3m.gin,maps/8m.gin")
    stems = [Path(name).stem for name in files]
    apart = len(set(stems)) == len(stems)
    labels = stems if apart else [str(Path(name).with_suffix("")) for name in files]
    return [Choice(_in_a_path(label), gin_file=name) for label, name in zip(labels, files, strict=True)]


def _grid_axes(grids: Sequence[str]) -> list[list[Choice]]:
    parsed = [_parse_grid(text) for text in grids]
    last_parts = Counter(name.rpartition(".")[2] for name, _ in parsed)
    axes = []
    for name, values in parsed:
        last = name.rpartition(".")[2]
        shown = last if last_parts[last] == 1 else name
        axes.append([Choice(_label(name, shown, value), gin_param=f"{name} = {value!r}") for value in values])
    return axes


def _parse_grid(text: str) -> tuple[str, list[Any]]:
    name, _, listed = text.partition("=")
    try:
        values = ast.literal_eval(listed.strip())
    except (ValueError, SyntaxError):
        values = None
    if not re.fullmatch(r"\s*[\w.]+\s*", name) or not isinstance(values, list) or not values:
        raise ValueError(f"--grid={text!r} is not a name with a list of values, as in 'loss.entropy_cost=[0.1, 1.0]'")
    return name.strip(), values


def _label(name: str, shown: str, value: Any) -> str:
    if name == "env.map_name":
        return str(value)
    if isinstance(value, (list, tuple)):
        value = "x".join(map(str, value))
    return _in_a_path(f"{shown}={value}")


def _in_a_path(label: str) -> str:
    """Only what needs no quotes in a shell and means nothing in a path."""
    return re.sub(r"[^\w.+=-]+", "-", label).strip("-.") or "-"
