"""Draws learning curves from the metrics of one run or of several seeds: the picture behind ``plot``.

Only functions that draw import matplotlib; none touches its global state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seed_matrace.learner.metrics import read_metrics, read_run_info

# Okabe and Ito's colours: apart for the colour-blind, and of different lightness, hence apart in grey.
TRAIN_COLOUR, EVAL_COLOUR, NEUTRAL_COLOUR = "#0072B2", "#E69F00", "#404040"
GROUP_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")


class Curve(NamedTuple):
    """Values of one tag in one run; reports without the tag, or with a null, are left out."""

    env_steps: np.ndarray  # float64 [reports], ascending
    values: np.ndarray  # float64 [reports]


class Band(NamedTuple):
    """Several runs at once, over the env steps that all of them have reached."""

    env_steps: np.ndarray
    low: np.ndarray
    median: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Run:
    """What a plot needs to know of a run."""

    path: Path
    map_name: str
    backend: str
    seed: int
    reports: Sequence[dict[str, Any]]

    def curve(self, tag: str) -> Curve:
        """The values of ``tag`` in the order of env steps."""
        points = [(report["env_steps"], report[tag]) for report in self.reports if report.get(tag) is not None]
        return Curve(*np.array(points, np.float64).reshape(-1, 2).T)

    def throughput(self) -> Curve:
        """Env steps per second over the last 25th of the run, pauses for evaluation and checkpoints included.

        The rate of a single report says little: reports may be a few learner steps apart.
        """
        points = np.array([(report["env_steps"], report["wall_s"]) for report in self.reports], np.float64)
        window = max(1, len(points) // 25)
        steps, seconds = (points[window:] - points[:-window]).T
        measured = seconds > 0
        return Curve(points[window:, 0][measured], steps[measured] / seconds[measured])


def read_run(run_dir: str | Path) -> Run:
    """Reads run.json and metrics.jsonl; a run that has reported nothing yet has no reports.

    Raises:
      ValueError: not a run directory.
    """
    path = Path(run_dir)
    try:
        info = read_run_info(path)
    except FileNotFoundError:
        raise ValueError(f"{path} is not a run directory: it has no run.json") from None
    try:
        reports = read_metrics(path)
    except FileNotFoundError:
        reports = []
    return Run(path, info["map"], info["backend"], info["seed"], reports)


def plot_learning_curve(
    run_dirs: Sequence[str | Path], output: str | Path, *, mix: bool = False, title: str | None = None
) -> Path:
    """Saves the picture that ``learning_curve_figure`` draws of ``run_dirs``.

    Args:
      run_dirs: run directories, finished or not; those without a report are left out.
      output: the picture; its suffix decides the format (.png, .svg, .pdf).
      mix: draw runs of different maps or backends in one picture although their numbers do not compare.
      title: instead of map, backend and seeds.

    Returns:
      ``output``.

    Raises:
      ValueError: not a run directory, nothing to draw yet, or different maps or backends without ``mix``.
    """
    runs = [read_run(path) for path in dict.fromkeys(Path(path).resolve() for path in run_dirs)]
    figure = learning_curve_figure(runs, mix=mix, title=title)
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=130)
    return Path(output)


def learning_curve_figure(runs: Sequence[Run], *, mix: bool = False, title: str | None = None) -> Any:
    """Win rate, return, throughput and policy lag against env steps, as a matplotlib Figure.

    One run: train and evaluation curves, with the 95% interval of the evaluated win rate. Several seeds of one map
    and backend: each seed thin, their median thick, and a band (quartiles from four seeds on, else minimum to
    maximum) as far as all seeds have got. With ``mix``, one median and band per map and backend.

    Raises:
      ValueError: no run has a report, or different maps or backends without ``mix``.
    """
    drawn = [run for run in runs if run.reports]
    if not drawn:
        raise ValueError(f"nothing to draw yet: no reports in {', '.join(str(run.path) for run in runs) or 'no runs'}")
    groups = _group(drawn)
    if len(groups) > 1 and not mix:
        raise ValueError(
            f"these runs do not compare: {'; '.join(groups)}. Plot them apart, or mix them in one picture on purpose"
        )
    return _draw(groups, title or _title(groups))


def band(curves: Sequence[Curve]) -> Band:
    """Median and spread of several runs, interpolated at every env step that one of them reported.

    The spread is quartiles from four runs on, else minimum and maximum. It spans the env steps that every run
    covers: further out, runs that went on would stand for those that stopped.
    """
    first, last = max(c.env_steps[0] for c in curves), min(c.env_steps[-1] for c in curves)
    steps = np.unique(np.concatenate([c.env_steps for c in curves]))
    steps = steps[(steps >= first) & (steps <= last)]
    values = np.stack([np.interp(steps, c.env_steps, c.values) for c in curves])
    low, high = (25, 75) if len(curves) >= 4 else (0, 100)
    return Band(steps, *np.percentile(values, (low, 50, high), axis=0))


def _group(runs: Sequence[Run]) -> dict[str, list[Run]]:
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(f"{run.map_name} on {run.backend}", []).append(run)
    return groups


def _title(groups: dict[str, list[Run]]) -> str:
    names = [f"{name}, {_seeds(runs)}" for name, runs in groups.items()]
    return names[0] if len(names) == 1 else "Different maps or backends: the numbers do not compare"


def _seeds(runs: Sequence[Run]) -> str:
    seeds = sorted(run.seed for run in runs)
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    return f"seeds {', '.join(map(str, seeds))}" if len(seeds) <= 8 else f"{len(seeds)} seeds"


def _draw(groups: dict[str, list[Run]], title: str) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6.2), layout="constrained")
    FigureCanvasAgg(figure)
    (win_rate, returns), (speed, lag) = figure.subplots(2, 2, height_ratios=(1.8, 1), sharex=True)
    if len(groups) == 1:
        (runs,) = groups.values()
        _draw_train_and_eval(win_rate, returns, runs)
    else:
        _draw_groups(win_rate, returns, groups)
    _draw_speed_and_lag(speed, lag, [run for runs in groups.values() for run in runs])
    handles, labels = win_rate.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False, title=title, title_fontsize=13)
    win_rate.set(title="win rate", ylim=(-0.02, 1.02))
    returns.set(title="episode return")
    speed.set(title="env steps per second", xlabel="environment steps")
    lag.set(title="policy lag in learner steps: mean, shaded up to the maximum", xlabel="environment steps")
    for axes in (win_rate, returns, speed, lag):
        _style(axes)
    return figure


def _draw_train_and_eval(win_rate: Any, returns: Any, runs: Sequence[Run]) -> None:
    styles: dict[str, dict[str, Any]] = {
        "train": {"label": "training", "color": TRAIN_COLOUR, "linewidth": 1.1},
        "eval": {"label": "evaluation", "color": EVAL_COLOUR, "linewidth": 2.0, "marker": "o"},
    }
    for source, style in styles.items():
        _draw_tag(win_rate, runs, f"{source}/win_rate", **style)
        _draw_tag(returns, runs, f"{source}/return", **style)
    if len(runs) == 1:
        low, high = (runs[0].curve(f"eval/win_rate_ci95_{end}") for end in ("low", "high"))
        win_rate.fill_between(low.env_steps, low.values, high.values, color=EVAL_COLOUR, alpha=0.2, linewidth=0)


def _draw_groups(win_rate: Any, returns: Any, groups: dict[str, list[Run]]) -> None:
    """Evaluation where every run has it, training otherwise: one kind of number per picture."""
    every_run = [run for runs in groups.values() for run in runs]
    source = "eval" if all(len(run.curve("eval/win_rate").values) for run in every_run) else "train"
    for i, (name, runs) in enumerate(groups.items()):
        label = f"{name}, {_seeds(runs)}, {'evaluation' if source == 'eval' else 'training'}"
        colour = GROUP_COLOURS[i % len(GROUP_COLOURS)]
        for axes, tag in ((win_rate, f"{source}/win_rate"), (returns, f"{source}/return")):
            _draw_tag(axes, runs, tag, label=label, color=colour, marker="os^Dv"[i % 5], linewidth=1.8)


def _draw_tag(axes: Any, runs: Sequence[Run], tag: str, *, label: str, color: str, **style: Any) -> None:
    """One run: its curve. Several: each thin, the median thick, the spread shaded."""
    curves = [curve for run in runs if len((curve := run.curve(tag)).values)]
    if not curves:
        return
    style |= {"markersize": 4, "markevery": max(1, max(len(curve.values) for curve in curves) // 25)}
    if len(curves) == 1:
        style = _visible(curves[0], style)
        axes.plot(*curves[0], label=label, color=color, **style)
        return
    for curve in curves:
        axes.plot(*curve, color=color, linewidth=0.6, alpha=0.45)
    middle = band(curves)
    spread = "quartiles" if len(curves) >= 4 else "range"
    label = label and f"{label}, median and {spread}"
    axes.plot(middle.env_steps, middle.median, label=label, color=color, **style)
    axes.fill_between(middle.env_steps, middle.low, middle.high, color=color, alpha=0.22, linewidth=0)


def _draw_speed_and_lag(speed: Any, lag: Any, runs: Sequence[Run]) -> None:
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
    """A line needs two points to show; a single one is drawn as a dot."""
    return style | {"marker": "o", "markersize": 4} if len(curve.values) == 1 else style


def _style(axes: Any) -> None:
    from matplotlib.ticker import EngFormatter, MaxNLocator

    axes.title.set(fontsize=10.5, color="#202020")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#d8d8d8", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10)))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10)))
    if axes.get_ylim()[1] >= 10_000:
        axes.yaxis.set_major_formatter(EngFormatter(sep=""))
