"""The paper's tasks: win rates of every variant, published ones beside, and how alike they rank the maps.

    python benchmarks/paper/tasks.py SWEEP docs/results/tasks

writes the .json, the learning curves as .png and, to standard output, the table.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from finished import aggregate, grouped, save_results, solved_text, summary

from seed_matrace.evaluation.scores import read_scores
from seed_matrace.viewer.published import in_paper_order, published_results
from seed_matrace.viewer.runs import Run
from seed_matrace.viewer.style import save_figure
from seed_matrace.viewer.task_grid import task_grid_figure

Results = dict[str, dict[str, dict[str, Any]]]  # by map and variant


def results_of(groups: Mapping[tuple[str, str], Sequence[Run]]) -> Results:
    results: Results = {task: {} for task in in_paper_order([task for task, _ in groups])}
    for (task, variant), runs in groups.items():
        best = [read_scores(run.path, variant)["absolute"].win_rate for run in runs]
        results[task][variant] = {**summary(runs), "best": aggregate(best)}
    return results


def rank_correlation(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Spearman's: the correlation of the ranks, equal values sharing the mean of theirs."""
    return float(np.corrcoef([_ranks(np.array(values)) for values in (ours, theirs)])[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    return (values[:, None] > values).sum(axis=1) + (values[:, None] == values).sum(axis=1) / 2


def published_win_rates(tasks: Sequence[str]) -> list[float]:
    """MA-Trace (obs) in StarCraft II."""
    return [published_results().tasks[task][0].win_rate for task in tasks]


def print_table(results: Results, variants: Sequence[str]) -> None:
    of_each = [f"{variant}{what}" for variant in variants for what in ("", ", sampled", ", 80% after")]
    print(f"| map | env steps | seeds | {' | '.join(of_each)} | StarCraft II, published |")
    print("|" + "---|" * (4 + len(of_each)))
    for task, published in zip(results, published_win_rates(list(results)), strict=True):
        cells = []
        for row in (results[task].get(variant) for variant in variants):
            cells += [row["best"]["text"], row["sampled"]["text"], solved_text(row)] if row else ["-"] * 3
        rows = results[task].values()
        steps = f"{max(row['env_steps'] for row in rows) / 1e6:.0f}M"
        seeds = "/".join(str(len(row["seeds"])) for row in rows)
        print(f"| {task} | {steps} | {seeds} | {' | '.join(cells)} | {published:.2f} |")


def main(sweep_dir: str, output: str) -> None:
    groups = grouped(sweep_dir, lambda finished: (finished.run.map_name, finished.variant))
    results = results_of(groups)
    variants = list(dict.fromkeys(variant for _, variant in groups))
    print_table(results, variants)
    correlations = {}
    for variant in variants:
        tasks = [task for task in results if variant in results[task]]
        ours = [results[task][variant]["best"]["iqm"] for task in tasks]
        correlations[variant] = rank_correlation(ours, published_win_rates(tasks))
        print(f"\n{variant}: rank correlation with what is published, {len(tasks)} maps: {correlations[variant]:.2f}")
    save_results({"tasks": results, "rank_correlation": correlations}, output)
    curves = {
        variant: [run for key, runs in groups.items() if key[1] == variant for run in runs] for variant in variants
    }
    save_figure(task_grid_figure(curves, statistic="iqm", whole_paper=True), f"{output}.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
