"""Variants beside the first one of a sweep over one map.

    python benchmarks/paper/variants.py SWEEP docs/results/variants

writes the .json, the .png (a panel for each variant) and, to standard output, the table.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from finished import SAMPLED, draw_band, finished_runs, summary

from seed_matrace.viewer.runs import Run
from seed_matrace.viewer.style import EVAL_COLOUR, NEUTRAL_COLOUR, new_figure, save_figure, style_axes

COLUMNS = 5
OURS: dict[str, Any] = {"color": EVAL_COLOUR, "linewidth": 1.8, "marker": "o"}
FIRST: dict[str, Any] = {"color": NEUTRAL_COLOUR, "linewidth": 1.0, "linestyle": "--"}


def read_groups(sweep_dir: str) -> dict[str, list[Run]]:
    groups: dict[str, list[Run]] = {}
    for variant, _, run in finished_runs(sweep_dir):
        groups.setdefault(variant, []).append(run)
    return groups


def draw(groups: dict[str, list[Run]]) -> Any:
    first_name, first = next(iter(groups.items()))
    columns = min(COLUMNS, len(groups))
    rows = math.ceil(len(groups) / columns)
    figure = new_figure(max(2.6 * columns, 8), 2.2 * rows + 0.5)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat
    for axes, (name, runs) in zip(panels, groups.items(), strict=False):
        draw_band(axes, runs, SAMPLED, name, OURS)
        if runs is not first:
            draw_band(axes, first, SAMPLED, first_name, FIRST)
        axes.set(title=f"{name}, {len(runs)} seeds", ylim=(-0.02, 1.02))
        style_axes(axes, x_ticks=4)
    for axes in list(figure.axes)[len(groups) :]:
        axes.set_visible(False)
    what = f"{first[0].map_name} on {first[0].backend}: win rate of the sampling policy against env steps"
    figure.suptitle(f"{what}\nIQM and 95% interval; dashed: {first_name}", fontsize=11)
    return figure


def main(sweep_dir: str, output: str) -> None:
    groups = read_groups(sweep_dir)
    if not groups:
        sys.exit(f"{sweep_dir} has no finished run yet")
    results = {name: summary(runs) for name, runs in groups.items()}
    print("| variant | seeds | sampled | greedy | env steps until 80% were won in training, median |")
    print("|---|---|---|---|---|")
    for name, row in results.items():
        solved = float(np.median([math.inf if at is None else at for at in row["solved_at"]]))
        when = f"{solved / 1e6:.2f}M" if math.isfinite(solved) else "not reached"
        print(f"| {name} | {len(row['seeds'])} | {row['sampled']['text']} | {row['greedy']['text']} | {when} |")
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    Path(f"{output}.json").write_text(json.dumps(results, indent=1) + "\n")
    save_figure(draw(groups), f"{output}.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
