"""Plots learning curves from the metrics of one run or of several seeds: the picture behind ``plot``.

Only functions that plot import matplotlib; none touches its global state.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seed_matrace.viewer.runs import (
    Curve,
    Run,
    band,
    by_variant,
    each_run,
    read_run,
    seeds_text,
    spread_name,
    spreads_named,
    tell_maps_apart,
)
from seed_matrace.viewer.style import (
    EVAL_COLOUR,
    NEUTRAL_COLOUR,
    TRAIN_COLOUR,
    new_figure,
    save_figure,
    style_axes,
    variant_style,
)


def plot_learning_curve(
    run_dirs: Sequence[str | Path], output: str | Path, *, mix: bool = False, title: str | None = None
) -> Path:
    """Saves the picture that ``learning_curve_figure`` makes of ``run_dirs``.

    Args:
      run_dirs: run directories, finished or not; those without a report are left out.
      output: the picture; its suffix decides the format (.png, .svg, .pdf).
      mix: plot runs of different maps or backends in one picture although their numbers do not compare.
      title: instead of map, backend and seeds.

    Returns:
      ``output``.

    Raises:
      ValueError: not a run directory, nothing to plot yet, or different maps or backends without ``mix``.
    """
    runs = tell_maps_apart([read_run(path) for path in dict.fromkeys(Path(path).resolve() for path in run_dirs)])
    return save_figure(learning_curve_figure(runs, mix=mix, title=title), output)


def learning_curve_figure(
    runs: Sequence[Run], *, mix: bool = False, title: str | None = None, statistic: str = "median"
) -> Any:
    """Win rate, return, throughput and policy lag against env steps, as a matplotlib Figure.

    One run: train and evaluation curves, with the 95% interval of the evaluated win rate. Several seeds of one
    configuration: each seed thin, their middle thick, and a band (see ``runs.band``) as far as all seeds have got.
    Several configurations, or with ``mix`` several maps or backends: one middle and band for each.

    Raises:
      ValueError: no run has a report, or different maps or backends without ``mix``.
    """
    plotted = [run for run in runs if run.reports]
    if not plotted:
        raise ValueError(f"nothing to plot yet: no reports in {', '.join(str(run.path) for run in runs) or 'no runs'}")
    kinds = dict.fromkeys(f"{run.map_name} on {run.backend}" for run in plotted)
    if len(kinds) > 1 and not mix:
        raise ValueError(
            f"these runs do not compare: {'; '.join(kinds)}. Plot them apart, or mix them in one picture on purpose"
        )
    groups = _groups(plotted, several_kinds=len(kinds) > 1)
    return _plot(groups, title or _title(groups, list(kinds), statistic), statistic)


def _groups(runs: Sequence[Run], *, several_kinds: bool) -> dict[str, list[Run]]:
    """Runs whose curves make one band, under what sets them apart."""
    groups: dict[str, list[Run]] = {}  # each seed once
    variants = by_variant(runs)
    for variant, of_variant in variants.items():
        for run in of_variant:
            kind = [f"{run.map_name} on {run.backend}"] if several_kinds else []
            name = [variant] if len(variants) > 1 or not several_kinds else []
            groups.setdefault(", ".join(kind + name), []).append(run)
    return groups


def _title(groups: dict[str, list[Run]], kinds: Sequence[str], statistic: str) -> str:
    if len(kinds) > 1:
        return "Different maps or backends: the numbers do not compare"
    if len(groups) == 1:
        return f"{kinds[0]}, {seeds_text(next(iter(groups.values())))}"
    return ", ".join([kinds[0], *spreads_named(list(groups.values()), statistic)])


def _plot(groups: dict[str, list[Run]], title: str, statistic: str) -> Any:
    figure = new_figure(10, 6.2)
    (win_rate, returns), (speed, lag) = figure.subplots(2, 2, height_ratios=(1.8, 1), sharex=True)
    if len(groups) == 1:
        (runs,) = groups.values()
        _plot_train_and_eval(win_rate, returns, runs, statistic)
    else:
        _plot_groups(win_rate, returns, groups, statistic)
    _plot_speed_and_lag(speed, lag, [run for runs in groups.values() for run in each_run(runs)])
    handles, labels = returns.get_legend_handles_labels()
    columns = max(1, min(3, 120 // (8 + max(map(len, labels), default=0))))
    figure.legend(
        handles, labels, loc="outside upper center", ncols=columns, frameon=False, title=title, title_fontsize=13
    )
    win_rate.set(title="win rate", ylim=(-0.02, 1.02))
    if not win_rate.lines:
        win_rate.text(0.5, 0.5, "no win rates", ha="center", transform=win_rate.transAxes)
    returns.set(title="episode return")
    speed.set(title="env steps per second", xlabel="environment steps")
    lag.set(title="policy lag in learner steps: mean, shaded up to the maximum", xlabel="environment steps")
    for axes in (win_rate, returns, speed, lag):
        style_axes(axes)
    return figure


def _plot_train_and_eval(win_rate: Any, returns: Any, runs: Sequence[Run], statistic: str) -> None:
    styles: dict[str, dict[str, Any]] = {
        "train": {"label": "training", "color": TRAIN_COLOUR, "linewidth": 1.1},
        "eval": {"label": "evaluation", "color": EVAL_COLOUR, "linewidth": 2.0, "marker": "o"},
    }
    for source, style in styles.items():
        _plot_tag(win_rate, runs, f"{source}/win_rate", statistic, **style)
        _plot_tag(returns, runs, f"{source}/return", statistic, **style)
    if len(each_run(runs)) == 1:
        low, high = (runs[0].curve(f"eval/win_rate_ci95_{end}") for end in ("low", "high"))
        win_rate.fill_between(low.env_steps, low.values, high.values, color=EVAL_COLOUR, alpha=0.2, linewidth=0)


def _plot_groups(win_rate: Any, returns: Any, groups: dict[str, list[Run]], statistic: str) -> None:
    """Evaluation where every run has it, training otherwise: one kind of number per picture."""
    source = _common_source(groups)
    for i, (name, runs) in enumerate(groups.items()):
        label = f"{name}, {seeds_text(runs)}, {'evaluation' if source == 'eval' else 'training'}"
        for axes, tag in ((win_rate, f"{source}/win_rate"), (returns, f"{source}/return")):
            _plot_tag(axes, runs, tag, statistic, each=False, label=label, linewidth=1.8, **variant_style(i))


def _common_source(groups: dict[str, list[Run]]) -> str:
    every_run = [run for runs in groups.values() for run in runs]
    return "eval" if all(len(run.curve("eval/return").values) for run in every_run) else "train"


def _plot_tag(
    axes: Any,
    runs: Sequence[Run],
    tag: str,
    statistic: str,
    *,
    label: str,
    color: str,
    each: bool = True,
    **style: Any,
) -> None:
    """One run: its curve. Several: the seeds' middle thick, their spread shaded, and with ``each`` each run thin."""
    thin = [curve for run in each_run(runs) if len((curve := run.curve(tag)).values)]
    if not thin:
        return
    curves = [run.curve(tag) for run in runs if any(len(part.curve(tag).values) for part in each_run([run]))]
    style |= {"markersize": 4, "markevery": max(1, max(len(curve.values) for curve in curves) // 25)}
    if len(thin) == 1:
        style = _visible(curves[0], style)
        axes.plot(*curves[0], label=label, color=color, **style)
        return
    if each:
        label = f"{label}, {spread_name(len(curves), statistic) if len(curves) > 1 else 'mean'}"
        for curve in thin:
            axes.plot(*curve, color=color, linewidth=0.6, alpha=0.45)
    spread = band(curves, statistic)
    axes.plot(spread.env_steps, spread.middle, label=label, color=color, **style)
    axes.fill_between(spread.env_steps, spread.low, spread.high, color=color, alpha=0.22, linewidth=0)


def _plot_speed_and_lag(speed: Any, lag: Any, runs: Sequence[Run]) -> None:
    """Every run on its own: these say how the machine did, not how the algorithm does."""
    line: dict[str, Any] = {"color": NEUTRAL_COLOUR, "linewidth": 1.1 if len(runs) == 1 else 0.6}
    shade = {"color": NEUTRAL_COLOUR, "linewidth": 0, "alpha": 0.2 / len(runs)}
    for run in runs:
        rate, mean, largest = run.throughput(), run.curve("perf/policy_lag_mean"), run.curve("perf/policy_lag_max")
        speed.plot(*rate, **_visible(rate, line))
        lag.plot(*mean, **_visible(mean, line))
        if len(mean.values):
            upper = np.interp(mean.env_steps, *largest) if len(largest.values) else mean.values
            lag.fill_between(mean.env_steps, mean.values, upper, **shade)
    for axes in (speed, lag):
        axes.set_ylim(0, 1.08 * axes.dataLim.y1 if axes.dataLim.y1 > 0 else 1)


def _visible(curve: Curve, style: dict[str, Any]) -> dict[str, Any]:
    """A line needs two points to show; a single one is plotted as a dot."""
    return style | {"marker": "o", "markersize": 4} if len(curve.values) == 1 else style
