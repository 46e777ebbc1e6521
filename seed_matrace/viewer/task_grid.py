"""One panel per map: evaluated win rate of every variant, and beside it what is published for StarCraft II."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from seed_matrace.evaluation.statistics import span
from seed_matrace.viewer.published import Published, in_paper_order, published_results
from seed_matrace.viewer.runs import Run, band, spreads_named
from seed_matrace.viewer.style import new_figure, style_axes, variant_style

TAG = "eval/win_rate"
_COLUMNS = 5
_PUBLISHED_MARKERS = ("D", "o", "s", "^", "v", "x")  # by row of the table; greys do the rest
_PUBLISHED_GREYS = ("#000000", "#585858", "#585858", "#909090", "#909090", "#585858")
_STRIP_COLOUR = "#f0f0f0"


def task_grid_figure(
    variants: Mapping[str, Sequence[Run]],
    *,
    statistic: str = "median",
    published: bool = True,
    whole_paper: bool = False,
) -> Any:
    """Evaluated win rate against env steps, a panel for each map in the order of the paper's Figure 1.

    Args:
      variants: runs of each variant, on any maps of one backend.
      statistic: "median" or "iqm", of seeds.
      published: plots the published results of StarCraft II in a strip of their own beside each panel.
      whole_paper: plots all 14 tasks of the paper, also those without a run.

    Raises:
      ValueError: no run was evaluated yet, nobody wins, or runs of several backends.
    """
    plotted = {name: [run for run in runs if len(run.curve(TAG).values)] for name, runs in variants.items()}
    every_run = [run for runs in plotted.values() for run in runs]
    if not every_run:
        unwon = {run.map_name for runs in variants.values() for run in runs if len(run.curve("eval/return").values)}
        if unwon:
            raise ValueError(
                f"nothing to plot: panels of maps show win rates, and nobody wins in {', '.join(sorted(unwon))}; "
                "--kind=curves plots the returns of one map"
            )
        raise ValueError("nothing to plot yet: no run was evaluated")
    backends = sorted({run.backend for run in every_run})
    if len(backends) > 1:
        raise ValueError(f"runs of different backends do not compare: {', '.join(backends)}. Plot them apart")
    paper = published_results()
    tasks = in_paper_order([run.map_name for run in every_run] + (list(paper.tasks) if whole_paper else []))
    beside = paper if published and any(task in paper.tasks for task in tasks) else None
    return _plot(plotted, tasks, beside, backends[0], statistic)


def _plot(
    variants: Mapping[str, Sequence[Run]], tasks: Sequence[str], beside: Published | None, backend: str, statistic: str
) -> Any:
    columns = min(_COLUMNS, len(tasks) + (len(tasks) < _COLUMNS))
    rows = math.ceil((len(tasks) + 1) / columns)  # one cell more, for the legend
    figure = new_figure(max(2.7 * columns, 6), 2.25 * rows + 0.5)
    grid = figure.add_gridspec(rows, columns)
    handles: dict[str, Any] = {}
    for index, task in enumerate(tasks):
        with_strip = beside is not None and task in beside.tasks
        cell = grid[index // columns, index % columns].subgridspec(1, 2, width_ratios=(4, 1), wspace=0.0)
        panel = figure.add_subplot(cell[0, 0] if with_strip else cell[0, :])
        on_task = {name: [run for run in runs if run.map_name == task] for name, runs in variants.items()}
        handles |= _plot_panel(panel, task, on_task, statistic)
        if with_strip and beside is not None:
            strip = figure.add_subplot(cell[0, 1], sharey=panel)
            _plot_strip(strip, beside, task)
    _plot_legend(figure.add_subplot(grid[len(tasks) // columns, len(tasks) % columns]), handles, beside)
    of_one_map = [[run for run in runs if run.map_name == task] for runs in variants.values() for task in tasks]
    title = ["evaluated win rate against env steps", *spreads_named(of_one_map, statistic), backend]
    figure.suptitle(", ".join(title), fontsize=12)
    return figure


def _plot_panel(axes: Any, task: str, variants: Mapping[str, Sequence[Run]], statistic: str) -> dict[str, Any]:
    """Plots a map; returns the lines by variant, for the legend."""
    handles, counts = {}, []
    for i, (name, runs) in enumerate(variants.items()):
        if not runs:
            continue
        counts.append(len(runs))
        style = variant_style(i) | {"linewidth": 1.6, "markersize": 4}
        curves = [run.curve(TAG) for run in runs]
        spread = band(curves, statistic)
        style["markevery"] = max(1, len(spread.env_steps) // 6)
        (handles["\n".join(textwrap.wrap(name, 30))],) = axes.plot(spread.env_steps, spread.middle, **style)
        axes.fill_between(spread.env_steps, spread.low, spread.high, color=style["color"], alpha=0.2, linewidth=0)
    style_axes(axes, x_ticks=3)
    axes.set(ylim=(-0.04, 1.04), yticks=[0, 0.5, 1])
    axes.tick_params(labelsize=8)
    axes.set_title(task, loc="left", fontsize=10)
    if counts:
        text = f"{span((min(counts), max(counts)))} seed{'s' if max(counts) > 1 else ''}"
        axes.set_title(text, loc="right", fontsize=7.5, color="#606060")
    else:
        axes.text(0.5, 0.5, "no run", transform=axes.transAxes, ha="center", va="center", color="#808080", fontsize=8)
        axes.set_xticks([])
    return handles


def _plot_strip(axes: Any, published: Published, task: str) -> None:
    axes.set_facecolor(_STRIP_COLOUR)
    results = published.tasks[task]
    for i, result in enumerate(results):
        x = 0.5 if i == 0 else 0.9 + 0.35 * i
        if result.interval:
            axes.plot([x, x], result.interval, color=_PUBLISHED_GREYS[i], linewidth=1.2, clip_on=False)
        axes.plot(x, result.win_rate, **_published_style(i), clip_on=False, zorder=3)
    axes.set_xlim(0, 1.2 + 0.35 * len(results))
    axes.set_xticks([])
    axes.tick_params(left=False, labelleft=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _published_style(index: int) -> dict[str, Any]:
    grey = _PUBLISHED_GREYS[index % len(_PUBLISHED_GREYS)]
    marker = _PUBLISHED_MARKERS[index % len(_PUBLISHED_MARKERS)]
    filled = {} if index == 0 or marker == "x" else {"markerfacecolor": "white"}
    return {"marker": marker, "color": grey, "markersize": 4.5 if index else 5.5, "linestyle": "none", **filled}


def _plot_legend(axes: Any, handles: Mapping[str, Any], published: Published | None) -> None:
    from matplotlib.lines import Line2D

    axes.axis("off")
    ours = axes.legend(
        handles.values(),
        handles.keys(),
        loc="upper left",
        frameon=False,
        fontsize=7.5,
        borderaxespad=0,
        handlelength=2.6,
    )
    if published is None:
        return
    axes.add_artist(ours)
    names = [result.algorithm for result in next(iter(published.tasks.values()))]
    axes.legend(
        [Line2D([], [], **_published_style(i)) for i in range(len(names))],
        names,
        loc="lower left",
        ncols=2,
        frameon=True,
        facecolor=_STRIP_COLOUR,
        edgecolor="none",
        fontsize=7,
        title=f"published, {published.backend}:\nanother backend, compare no digits",
        title_fontsize=7.5,
        columnspacing=0.8,
        handletextpad=0.2,
    )
