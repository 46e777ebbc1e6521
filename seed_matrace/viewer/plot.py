"""``seed-matrace plot``: finds the runs, and the picture that suits them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seed_matrace.evaluation.scores import ScoreTable, one_score_per_seed, read_scores
from seed_matrace.learner.run_directory import of_team
from seed_matrace.learner.run_info import RUN_FILE
from seed_matrace.viewer.curves import learning_curve_figure
from seed_matrace.viewer.profiles import profile_figure
from seed_matrace.viewer.runs import Run, averages_said, by_variant, each_run, read_run, tell_maps_apart
from seed_matrace.viewer.style import save_figure
from seed_matrace.viewer.task_grid import task_grid_figure


@dataclass(frozen=True)
class PlotOptions:
    """What to plot.

    Attributes:
      kind: "curves" of one map, "maps" with a panel for each, "profile", or "auto": curves or maps by their number.
      statistic: "median" or "iqm", of seeds.
      published: maps: published results of StarCraft II beside the curves.
      whole_paper: maps: all 14 of the paper.
    """

    kind: str = "auto"
    statistic: str = "median"
    published: bool = True
    whole_paper: bool = False


def plot(
    paths: Sequence[str | Path],
    output: str | Path | None,
    options: PlotOptions,
    say: Callable[[str], None] = lambda _: None,
) -> Path:
    """Plots the runs in ``paths``, each a run directory or a directory that holds some.

    Args:
      output: the picture; None puts ``learning_curve.png`` (or ``maps.png``, ``profile.png``) into the first path;
        of a team of a zoo, 8m-learning_curve.png here.
      say: told which runs are of one seed and count as one.

    Raises:
      ValueError: no run there, nothing to plot yet, or runs that do not compare.
    """
    runs = tell_maps_apart([read_run(run_dir) for run_dir in find_runs(paths)])
    kind = options.kind
    if kind == "auto":
        kind = "maps" if options.whole_paper or len({run.map_name for run in runs}) > 1 else "curves"
    name = {"curves": "learning_curve", "maps": "maps", "profile": "profile"}[kind]
    figure = _figure(kind, runs, options)
    for sentence in averages_said(by_variant(runs)):
        say(sentence)
    return save_figure(figure, output or of_team(str(paths[0]), f"{name}.png"))


def find_runs(paths: Sequence[str | Path]) -> list[Path]:
    """Run directories among ``paths`` and below those that are none; each once.

    Raises:
      ValueError: a path with no run in it.
    """
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        within = [path] if (path / RUN_FILE).exists() else sorted(file.parent for file in path.rglob(RUN_FILE))
        if not within:
            raise ValueError(f"{path} is not a run directory and holds none: there is no {RUN_FILE}")
        found |= dict.fromkeys(run_dir.resolve() for run_dir in within)
    return list(found)


def _figure(kind: str, runs: Sequence[Run], options: PlotOptions) -> Any:
    if kind == "curves":
        return learning_curve_figure(runs, statistic=options.statistic)
    variants = by_variant(runs)
    if kind == "maps":
        return task_grid_figure(
            variants, statistic=options.statistic, published=options.published, whole_paper=options.whole_paper
        )
    scores = [
        replace(score, task=run.map_name)
        for name, of_variant in variants.items()
        for run in each_run(of_variant)
        for kind, score in read_scores(run.path, name).items()
        if kind == "final"
    ]
    return profile_figure(ScoreTable(one_score_per_seed(scores)))
