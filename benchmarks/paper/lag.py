"""Importance weights under lag: what a sweep over learner.policy_lag and loss.importance_weights has shown.

    python benchmarks/paper/lag.py SWEEP docs/results/lag

writes the .json, the .png and, to standard output, the table.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from finished import SAMPLED, draw_band, finished_runs, summary

from seed_matrace.viewer.runs import Run
from seed_matrace.viewer.style import new_figure, save_figure, style_axes, variant_style

MEANS = ("perf/policy_lag_mean", "policy/kl", "IS/c_mean", "IS/rho_max", "IS/trace_length")

Groups = dict[tuple[int, str], list[Run]]  # by policy lag and importance weights


def read_groups(sweep_dir: str) -> Groups:
    groups: Groups = {}
    for _, config, run in finished_runs(sweep_dir):
        groups.setdefault((config.learner.policy_lag, config.loss.importance_weights), []).append(run)
    return dict(sorted(groups.items()))


def draw(groups: Groups) -> Any:
    """A panel for each lag: win rate in training of each kind of weights against env steps."""
    lags = sorted({lag for lag, _ in groups})
    figure = new_figure(3.1 * len(lags), 3.4)
    panels = figure.subplots(1, len(lags), sharey=True, squeeze=False)[0]
    for axes, lag in zip(panels, lags, strict=True):
        of_lag = [(weights, runs) for (of, weights), runs in groups.items() if of == lag]
        for place, (weights, runs) in enumerate(of_lag):
            draw_band(axes, runs, SAMPLED, f"{weights}, {len(runs)} seeds", variant_style(place))
        axes.set(title=f"acting {lag} learner steps behind", xlabel="environment steps", ylim=(-0.02, 1.02))
        axes.legend(frameon=False, fontsize=8)
        style_axes(axes, x_ticks=4)
    panels[0].set(ylabel="win rate of the sampling policy")
    run = next(iter(groups.values()))[0]
    figure.suptitle(f"{run.map_name} on {run.backend}: importance weights under lag, IQM and 95% interval", fontsize=11)
    return figure


def main(sweep_dir: str, output: str) -> None:
    groups = read_groups(sweep_dir)
    if not groups:
        sys.exit(f"{sweep_dir} has no finished run yet")
    results = [
        {"policy_lag": lag, "weights": weights, **summary(runs)}
        | {tag: float(np.mean([run.curve(tag).values.mean() for run in runs])) for tag in MEANS}
        for (lag, weights), runs in groups.items()
    ]
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    Path(f"{output}.json").write_text(json.dumps(results, indent=1) + "\n")
    save_figure(draw(groups), f"{output}.png")
    print("| held lag | weights | seeds | sampled | greedy | lag | KL(μ‖π) | mean c | largest ratio | trace length |")
    print("|" + "---|" * 10)
    for row in results:
        numbers = " | ".join(f"{row[tag]:.3g}" for tag in MEANS)
        scores = f"{row['sampled']['text']} | {row['greedy']['text']}"
        print(f"| {row['policy_lag']} | {row['weights']} | {len(row['seeds'])} | {scores} | {numbers} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
