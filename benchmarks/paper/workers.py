"""Equal env steps with different numbers of actors: win rate against env steps and against seconds.

    python benchmarks/paper/workers.py docs/results/workers SWEEP...

takes one sweep for each number of actors, named after it ("1", "2"), and writes the .json, the .png and, to standard
output, the table.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from finished import SAMPLED, count, grouped, plot_curves, sampled_curves, save_results, solved_text, summary

from seed_matrace.viewer.runs import Curve, Run
from seed_matrace.viewer.style import new_figure, save_figure, style_axes, variant_style

LAG = "perf/policy_lag_mean"


def against_seconds(run: Run) -> Curve:
    """Win rate in training against seconds since the run began, evaluations included."""
    points = [(report["wall_s"], report[SAMPLED]) for report in run.reports if report.get(SAMPLED) is not None]
    return Curve(*np.array(points, np.float64).T)


def plot(groups: dict[str, list[Run]]) -> Any:
    figure = new_figure(8, 3.4)
    by_steps, by_seconds = figure.subplots(1, 2, sharey=True)
    for index, (actors, runs) in enumerate(groups.items()):
        label, style = f"{actors} actor{'s' * (actors != '1')}, {count(runs)}", variant_style(index)
        plot_curves(by_steps, sampled_curves(runs), label, style)
        plot_curves(by_seconds, [against_seconds(run) for run in runs], label, style)
    for axes, unit in ((by_steps, "environment steps"), (by_seconds, "seconds")):
        axes.set(xlabel=unit, ylim=(-0.02, 1.02))
        style_axes(axes)
    by_steps.set(ylabel="win rate of the sampling policy")
    by_steps.legend(frameon=False, fontsize=8)
    run = next(iter(groups.values()))[0]
    figure.suptitle(f"{run.map_name} on {run.backend} with more actors, IQM and 95% interval", fontsize=11)
    return figure


def measure(runs: list[Run]) -> dict[str, Any]:
    ends = [run.reports[-1] for run in runs]
    return {
        **summary(runs),
        "env_steps_per_s": float(np.mean([end["env_steps"] / end["wall_s"] for end in ends])),
        "policy_lag": float(np.mean([run.curve(LAG).values.mean() for run in runs])),
    }


def main(output: str, *sweep_dirs: str) -> None:
    groups = {Path(path).name: next(iter(grouped(path, lambda _: "all").values())) for path in sweep_dirs}
    results = {actors: measure(runs) for actors, runs in groups.items()}
    print("| actors | seeds | sampled | greedy | 80% won in training after | policy lag | env steps/s |")
    print("|" + "---|" * 7)
    for actors, row in results.items():
        scores = f"{row['sampled']['text']} | {row['greedy']['text']} | {solved_text(row)}"
        numbers = f"{row['policy_lag']:.1f} | {row['env_steps_per_s']:,.0f}"
        print(f"| {actors} | {len(row['seeds'])} | {scores} | {numbers} |")
    save_results(results, output)
    save_figure(plot(groups), f"{output}.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
