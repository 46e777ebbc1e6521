"""Importance weights under lag: what a sweep over learner.policy_lag and loss.importance_weights has shown.

    python benchmarks/paper/lag.py SWEEP docs/results/lag

writes the .json, for each map a picture lag-MAP.png and, to standard output, the tables.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from finished import FinishedRun, count, grouped, plot_curves, sampled_curves, save_results, summary

from seed_matrace.viewer.runs import Run
from seed_matrace.viewer.style import new_figure, save_figure, style_axes, variant_style

MEANS = ("perf/policy_lag_mean", "policy/kl", "IS/c_mean", "IS/rho_max", "IS/trace_length")
Setting = tuple[str, int, str]  # map, policy lag, importance weights


def setting(finished: FinishedRun) -> Setting:
    return finished.run.map_name, finished.config.learner.policy_lag, finished.config.loss.importance_weights


def plot(groups: dict[Setting, list[Run]]) -> Any:
    """One map, a panel for each lag: win rate in training of each kind of weights against env steps."""
    lags = sorted({lag for _, lag, _ in groups})
    figure = new_figure(3.1 * len(lags), 3.4)
    panels = figure.subplots(1, len(lags), sharey=True, squeeze=False)[0]
    for axes, lag in zip(panels, lags, strict=True):
        of_lag = [(weights, runs) for (_, of, weights), runs in groups.items() if of == lag]
        for index, (weights, runs) in enumerate(of_lag):
            plot_curves(axes, sampled_curves(runs), f"{weights}, {count(runs)}", variant_style(index))
        axes.set(title=f"acting {lag} learner steps behind", xlabel="environment steps", ylim=(-0.02, 1.02))
        axes.legend(frameon=False, fontsize=8)
        style_axes(axes, x_ticks=4)
    panels[0].set(ylabel="win rate of the sampling policy")
    run = next(iter(groups.values()))[0]
    figure.suptitle(f"{run.map_name} on {run.backend}: importance weights under lag, IQM and 95% interval", fontsize=11)
    return figure


def print_table(results: list[dict[str, Any]]) -> None:
    print("| held lag | weights | seeds | sampled | greedy | lag | KL(μ‖π) | mean c | largest ratio | trace length |")
    print("|" + "---|" * 10)
    for row in results:
        scores = f"{row['sampled']['text']} | {row['greedy']['text']}"
        numbers = " | ".join(f"{row[tag]:.3g}" for tag in MEANS)
        print(f"| {row['policy_lag']} | {row['weights']} | {len(row['seeds'])} | {scores} | {numbers} |")


def main(sweep_dir: str, output: str) -> None:
    groups = grouped(sweep_dir, setting)
    results: dict[str, list[dict[str, Any]]] = {}
    for map_name in dict.fromkeys(of for of, _, _ in groups):
        here = {key: groups[key] for key in sorted(groups) if key[0] == map_name}
        results[map_name] = [
            {"policy_lag": lag, "weights": weights, **summary(runs)}
            | {tag: float(np.mean([run.curve(tag).values.mean() for run in runs])) for tag in MEANS}
            for (_, lag, weights), runs in here.items()
        ]
        save_figure(plot(here), f"{output}-{map_name}.png")
        print(f"\n### {map_name}\n")
        print_table(results[map_name])
    save_results(results, output)


if __name__ == "__main__":
    main(*sys.argv[1:])
