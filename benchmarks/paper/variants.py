"""Variants beside the first one of a sweep, map by map.

    python benchmarks/paper/variants.py SWEEP docs/results/variants

writes the .json, for each map a picture variants-MAP.png and, to standard output, the tables.
"""

from __future__ import annotations

import math
import sys
from typing import Any

from finished import SOLVED, count, grouped, plot_curves, sampled_curves, save_results, solved_text, summary

from seed_matrace.viewer.runs import Run
from seed_matrace.viewer.style import EVAL_COLOUR, NEUTRAL_COLOUR, new_figure, save_figure, style_axes

COLUMNS = 5
WON = 0.95  # a map that every seed of every variant wins this often does not tell them apart
OURS: dict[str, Any] = {"color": EVAL_COLOUR, "linewidth": 1.8, "marker": "o"}
FIRST: dict[str, Any] = {"color": NEUTRAL_COLOUR, "linewidth": 1.0, "linestyle": "--"}


def plot(groups: dict[str, list[Run]]) -> Any:
    first_name, first = next(iter(groups.items()))
    columns = min(COLUMNS, len(groups))
    rows = math.ceil(len(groups) / columns)
    figure = new_figure(max(2.6 * columns, 8), 2.2 * rows + 0.5)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat
    for axes, (name, runs) in zip(panels, groups.items(), strict=False):
        plot_curves(axes, sampled_curves(runs), name, OURS)
        if runs is not first:
            plot_curves(axes, sampled_curves(first), first_name, FIRST)
        axes.set_title(f"{name}\n{count(runs)}", fontsize=9)
        axes.set(ylim=(-0.02, 1.02))
        style_axes(axes, x_ticks=4)
    for axes in list(figure.axes)[len(groups) :]:
        axes.set_visible(False)
    what = f"{first[0].map_name} on {first[0].backend}: win rate of the sampling policy against env steps"
    figure.suptitle(f"{what}\nIQM and 95% interval; dashed: {first_name}", fontsize=11)
    return figure


def print_table(results: dict[str, dict[str, Any]]) -> None:
    print(f"| variant | seeds | sampled | greedy | env steps until {SOLVED:.0%} were won in training, median |")
    print("|---|---|---|---|---|")
    for name, row in results.items():
        scores = f"{row['sampled']['text']} | {row['greedy']['text']}"
        print(f"| {name} | {len(row['seeds'])} | {scores} | {solved_text(row)} |")
    if all(score >= WON for row in results.values() for score in row["greedy"]["scores"]):
        print(f"\n**Not separated by this map**: every seed of every variant wins at least {WON:.0%}, greedily.")


def main(sweep_dir: str, output: str) -> None:
    groups = grouped(sweep_dir, lambda finished: (finished.run.map_name, finished.variant))
    results: dict[str, dict[str, Any]] = {}
    for map_name in dict.fromkeys(of for of, _ in groups):
        here = {variant: runs for (of, variant), runs in groups.items() if of == map_name}
        results[map_name] = {variant: summary(runs) for variant, runs in here.items()}
        save_figure(plot(here), f"{output}-{map_name}.png")
        print(f"\n### {map_name}\n")
        print_table(results[map_name])
    save_results(results, output)


if __name__ == "__main__":
    main(*sys.argv[1:])
