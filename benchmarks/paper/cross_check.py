"""Holds the numbers of a tasks.json against what marl-eval and rliable make of the same sweep's report/results.json.

    seed-matrace report SWEEP && python benchmarks/paper/tasks.py SWEEP docs/results/tasks
    python -m venv TOOL && TOOL/bin/pip install rliable==1.2.0 'pandas<3'
    TOOL/bin/python benchmarks/paper/cross_check.py rliable SWEEP/report/results.json docs/results/tasks.json

and with marl-eval in an environment of its own; its release 0.0.4 pins a pandas older than Python 3.11, so:

    TOOL/bin/pip install rliable==1.2.0 'pandas<3' colorama tqdm colorcet && TOOL/bin/pip install --no-deps id-marl-eval

Needs nothing of seed_matrace.
"""

import json
import sys
from pathlib import Path

import numpy as np


def ours(tasks):
    """Win rates of the best weights by map and variant: of each seed, and their interquartile mean."""
    return {
        (task, variant.lower()): (np.array(row["best"]["scores"]), row["best"]["iqm"])
        for task, variants in tasks.items()
        for variant, row in variants.items()
    }


def check_rliable(results, expected):
    from rliable import metrics

    for (task, variant), (_, iqm) in expected.items():
        runs = {name.lower(): runs for name, runs in results[task].items()}[variant]
        scores = np.array([[np.mean(run["absolute_metrics"]["win_rate"])] for run in runs.values()])
        np.testing.assert_allclose(metrics.aggregate_iqm(scores), iqm, atol=1e-12)


def check_marl_eval(environment, results, expected):
    from marl_eval.utils.data_processing_utils import create_matrices_for_rliable, data_process_pipeline

    for (task, variant), (scores, _) in expected.items():
        named = {name: runs for name, runs in results[task].items() if name.lower() == variant}
        processed = data_process_pipeline({environment: {task: named}}, ["win_rate"])
        assert "extra" in processed, f"marl-eval refuses the results of {variant} on {task}"
        final, by_step = create_matrices_for_rliable(processed, environment, ["win_rate"])
        runs = named[next(iter(named))]
        bounds = [metrics["win_rate"] for run in runs.values() for metrics in run.values()]
        low, high = min(map(min, bounds)), max(map(max, bounds))  # marl-eval scales by what was seen
        theirs = low + final["mean_norm_win_rate"][variant][:, 0] * (high - low + 1e-6)
        np.testing.assert_allclose(theirs, scores, atol=1e-9)
        assert by_step["mean_norm_win_rate"][variant].shape[0] == len(scores)


def main(tool, results_file, tasks_file):
    ((environment, results),) = json.loads(Path(results_file).read_text()).items()
    expected = ours(json.loads(Path(tasks_file).read_text())["tasks"])
    if tool == "rliable":
        check_rliable(results, expected)
    else:
        check_marl_eval(environment, results, expected)
    print(f"{tool}: {len(expected)} combinations of map and variant agree")


if __name__ == "__main__":
    main(*sys.argv[1:])
