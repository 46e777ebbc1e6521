"""Performance profiles: which fraction of the runs scores above each win rate (Agarwal et al. 2021)."""

from __future__ import annotations

from typing import Any

import numpy as np

from seed_matrace.evaluation.scores import ScoreTable
from seed_matrace.evaluation.statistics import MIN_RUNS, bootstrap_interval, performance_profile, span
from seed_matrace.viewer.style import new_figure, style_axes, variant_style

_THRESHOLDS = np.linspace(0.0, 1.0, 101)


def profile_figure(table: ScoreTable) -> Any:
    """A curve for each variant over the maps that all of them share; the higher, the better.

    The band is the 95% bootstrap interval, where every map has enough seeds for one.

    Raises:
      ValueError: the variants share no map.
    """
    tasks = table.common_tasks()
    if not tasks:
        raise ValueError(f"no map on which each of {', '.join(table.variants)} has a score")
    figure = new_figure(6.4, 4.2)
    axes = figure.subplots()
    for i, variant in enumerate(table.variants):
        sample = table.sample(variant, tasks)
        counts = [len(task) for task in sample]
        style = variant_style(i)
        axes.plot(
            _THRESHOLDS,
            performance_profile(sample, _THRESHOLDS),
            label=f"{variant}, {span((min(counts), max(counts)))} seeds a map",
            linewidth=1.8,
            markersize=4,
            markevery=(4 * i % 10, 10),
            **style,
        )
        if min(counts) >= MIN_RUNS:
            low, high = bootstrap_interval(lambda resampled: performance_profile(resampled, _THRESHOLDS), sample)
            axes.fill_between(_THRESHOLDS, low, high, color=style["color"], alpha=0.2, linewidth=0)
    style_axes(axes)
    axes.xaxis.set_major_formatter("{x:.1f}")
    axes.set(xlim=(0, 1), ylim=(-0.02, 1.02), xlabel="win rate τ", ylabel="fraction of runs with a win rate above τ")
    maps = f"{len(tasks)} maps" if len(tasks) > 1 else tasks[0]
    axes.set_title(f"performance profile, {maps}, {table.backend}", fontsize=11)
    axes.legend(frameon=False, fontsize=8.5)
    return figure
