"""From the flags of ``bench time_to_win`` to the runs of its sweep: every setting on every map, for every seed."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seed_matrace.bench.marks import Marks
from seed_matrace.bench.peer import PEER
from seed_matrace.config import Config, bound_options, load_config
from seed_matrace.envs.registry import backend_name, has_winner
from seed_matrace.evaluation.sweep_record import SweepRun
from seed_matrace.modules import ModuleFile, registry_of
from seed_matrace.registered import Registry
from seed_matrace.sweeps.plan import in_a_path, plan_sweep, sweep_modules
from seed_matrace.viewer.published import in_paper_order, published_results

DEFAULTS = "defaults"
_SET_HERE = {  # what says it instead
    "env.map_name": "maps as gin files",
    "run.report_fraction": "--window",
    "evaluation.every_env_steps": "--evaluate_every",
    "evaluation.every_fraction": "--evaluate_every",
    "evaluation.absolute_episodes": "nothing, no battles are played after the end",
    "evaluation.replays": "nothing, no replays are kept",
}
_OF_ALL = {  # the first setting's are those of the others
    "run.total_env_steps": "--budget",
    "run.stop_win_rate": "--gin_param, which is every setting's target",
    "run.stop_episodes": "--gin_param, which is every setting's target",
    "evaluation.episodes": "--gin_param, which is every setting's",
}


@dataclass(frozen=True)
class WinOptions:
    """The flags of ``bench time_to_win``.

    Attributes:
      gin_files: maps, and what all of them are to be played with beside ``gin_params``: the first setting.
      against: other settings, each gin files and bindings separated by semicolons; "base.gin" is the defaults.
      marks: fractions of the training battles, and "target".
      budget: env steps after which a run ends; None is the map's own.
      window: env steps over which training battles are counted.
      evaluate_every: env steps between evaluations.
    """

    sweep_dir: Path
    gin_files: Sequence[str] = ()
    gin_params: Sequence[str] = ()
    against: Sequence[str] = ()
    marks: Sequence[str] = ("0.8", "0.95", "target")
    seeds: int = 5
    first_seed: int = 0
    budget: int | None = None
    window: int = 20_000
    evaluate_every: int = 50_000
    num_actors: int = 0
    parallel: int = 1
    peer: str | None = None
    modules: Sequence[ModuleFile] = ()  # of one's own; those that the sweep keeps besides


@dataclass(frozen=True)
class Setting:
    """What the runs of a map may differ in but for the seed."""

    label: str
    gin_files: tuple[str, ...]
    gin_params: tuple[str, ...]


@dataclass(frozen=True)
class Wins:
    """What is to be run: settings, and of each run what it is to reach within how much."""

    options: WinOptions
    settings: Sequence[Setting]
    runs: Sequence[SweepRun]
    configs: Mapping[str, Config]  # of the first setting, by map
    marks: Mapping[str, Marks]  # by map
    backends: Mapping[str, str]

    def run_dir(self, run: SweepRun) -> Path:
        return self.options.sweep_dir / run.name

    def budget(self, map_name: str) -> int:
        return self.configs[map_name].run.total_env_steps


def plan_wins(options: WinOptions) -> Wins:
    """Loads every configuration.

    Raises:
      ValueError: what cannot be meant.
    """
    registry = registry_of(sweep_modules(options.sweep_dir, options.modules))
    maps, files = _maps_and_settings(options.gin_files, registry)
    budget = {"run.total_env_steps": "--budget alone"} if options.budget else {}
    ours = _setting([*files, *options.gin_params], _SET_HERE | budget, registry)
    settings = [ours, *(_setting(_words(text), _SET_HERE | _OF_ALL, registry) for text in options.against)]
    for label, count in Counter([PEER, *(setting.label for setting in settings)]).items():
        if count > 1:
            raise ValueError(f"{count} settings would be called {label}; leave one out, or rename its file")
    planned = [run for setting in settings for run in _runs_of(setting, maps, options, registry)]
    configs: dict[str, Config] = {}
    for run in planned:  # the first setting's come first: their budget and target are those of all
        config = load_config(run.gin_files, run.gin_params, imports=False, registry=registry)[0]
        configs.setdefault(run.map_name, config)
    for name, count in Counter(run.name for run in planned).items():
        if count > 1:
            raise ValueError(f"{count} runs would be called {name}; name each map once, and maps of your own apart")
    order = in_paper_order(list(configs))
    runs = [_with_fixed(run, options, configs[run.map_name]) for run in planned]
    runs.sort(key=lambda run: (run.seed, order.index(run.map_name)))  # settings stay in their order
    marks = {name: _marks(options, config) for name, config in configs.items()}
    backends = {name: backend_name(config.env) for name, config in configs.items()}
    return Wins(options, settings, runs, configs, marks, backends)


def _maps_and_settings(gin_files: Sequence[str], registry: Registry) -> tuple[list[str], list[str]]:
    """Files that bind a map, and the others; without any map, the paper's tasks."""
    maps: list[str] = []
    others: list[str] = []
    for path in gin_files:
        bound = bound_options((), registry, gin_files=[path])
        (maps if "env.map_name" in bound else others).append(path)
    return maps or [f"maps/{name}.gin" for name in published_results().tasks], others


def _words(text: str) -> list[str]:
    words = [word.strip() for word in text.split(";") if word.strip()]
    if not words:
        raise ValueError(
            f"--against={text!r} names no setting; expected as in --against=paper.gin, "
            "--against='learner.updates_per_batch=1; loss.entropy_cost=0.1' or, for the defaults, --against=base.gin"
        )
    return words


def _setting(words: Sequence[str], refused: Mapping[str, str], registry: Registry) -> Setting:
    files = tuple(word for word in words if word.endswith(".gin") and "=" not in word)
    params = tuple(word for word in words if word not in files)
    files = tuple(path for path in files if path != "base.gin")  # which every run loads
    for name in bound_options(params, registry):
        if name in refused:
            raise ValueError(f"{name} is no part of such a setting of bench time_to_win; say {refused[name]}")
    labels = [*(Path(path).stem for path in files), *map(_label, params)]
    return Setting(",".join(map(in_a_path, labels)) or DEFAULTS, files, params)


def _label(binding: str) -> str:
    name, _, value = binding.partition("=")
    return "=".join([name.strip().rpartition(".")[2], value.strip("'\" ")])


def _with_fixed(run: SweepRun, options: WinOptions, config: Config) -> SweepRun:
    """The run with what is the same for all of its map."""
    if not has_winner(config.env):
        raise ValueError(f"nobody wins on {run.map_name}; bench time_to_win needs battles that are won or lost")
    budget = config.run.total_env_steps
    if options.window > budget:
        raise ValueError(f"--window={options.window} is more than the budget of {run.map_name}, {budget} env steps")
    fixed = {
        "run.total_env_steps": budget,
        "run.report_fraction": options.window / budget,
        "run.stop_win_rate": 0.0,  # it ends when every mark is reached
        "evaluation.every_env_steps": options.evaluate_every,
        "evaluation.episodes": config.evaluation.episodes,
        "evaluation.absolute_episodes": 0,
        "evaluation.replays": False,
    }
    if options.parallel > 1:
        fixed["learner.intra_op_threads"] = 1
    return dataclasses.replace(run, gin_params=(*run.gin_params, *(f"{name} = {fixed[name]}" for name in fixed)))


def _marks(options: WinOptions, config: Config) -> Marks:
    training, target = [], None
    for mark in options.marks:
        if mark == "target":
            target = config.run.stop_win_rate, config.run.stop_episodes
            if not target[0]:
                raise ValueError("run.stop_win_rate = 0 is no target; bind another, or leave target out of --marks")
            continue
        try:
            fraction = float(mark)
        except ValueError:
            fraction = -1.0
        if not 0 < fraction <= 1:
            raise ValueError(f"--marks={mark!r}: fractions above 0, at most 1, or target expected")
        training.append(fraction)
    if not options.marks or len(set(options.marks)) < len(options.marks):
        raise ValueError(f"--marks={','.join(options.marks)!r}: at least one mark, each once, expected")
    return Marks(tuple(sorted(set(training))), target)


def _runs_of(setting: Setting, maps: Sequence[str], options: WinOptions, registry: Registry) -> list[SweepRun]:
    budget = [f"run.total_env_steps = {options.budget}"] if options.budget else []
    runs = []
    for path in maps:
        runs += plan_sweep(
            gin_files=(*setting.gin_files, path),
            gin_params=(*setting.gin_params, *budget),
            seeds=range(options.first_seed, options.first_seed + options.seeds),
            num_actors=options.num_actors,
            registry=registry,
        )
    return [dataclasses.replace(run, variant=setting.label) for run in runs]
