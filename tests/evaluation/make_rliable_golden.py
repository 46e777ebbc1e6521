"""Writes rliable_golden.json: what rliable says of fixed win rates. Run by hand, outside the program's environment.

python -m venv /tmp/rliable && /tmp/rliable/bin/pip install 'rliable==1.2.0' 'pandas<3'
/tmp/rliable/bin/python tests/evaluation/make_rliable_golden.py
"""

import json
from pathlib import Path

import numpy as np
from rliable import library, metrics

REPS = 50_000
THRESHOLDS = np.linspace(0.0, 1.0, 9)


def win_rates(shape, strength, seed):
    """[runs, tasks] shares of 32 battles, some tasks solved and some hopeless."""
    rng = np.random.default_rng(seed)
    return rng.binomial(32, np.clip(rng.beta(strength, 1.0, shape), 0, 1)) / 32


def estimates(scores, functions):
    points, intervals = library.get_interval_estimates(
        {"it": scores},
        lambda x: np.array([function(x) for function in functions.values()]),
        reps=REPS,
        random_state=np.random.RandomState(1),
    )
    return {
        name: {"point": float(points["it"][i]), "interval": intervals["it"][:, i].tolist()}
        for i, name in enumerate(functions)
    }


def case(runs, tasks, seed):
    ours, theirs = win_rates((runs, tasks), 2.0, seed), win_rates((runs + 2, tasks), 1.0, seed + 1)
    measures = {
        "mean": metrics.aggregate_mean,
        "median_of_tasks": metrics.aggregate_median,
        "iqm": metrics.aggregate_iqm,
        "optimality_gap": metrics.aggregate_optimality_gap,
    }
    improvement, between = library.get_interval_estimates(
        {"pair": (ours, theirs)},
        metrics.probability_of_improvement,
        reps=2000,
        random_state=np.random.RandomState(1),
    )
    profile, bands = library.create_performance_profile({"it": ours}, THRESHOLDS, reps=2000)
    return {
        "ours": ours.tolist(),
        "theirs": theirs.tolist(),
        "measures": estimates(ours, measures),
        "probability_of_improvement": {
            "point": float(improvement["pair"]),
            "interval": np.ravel(between["pair"]).tolist(),
        },
        "profile": {"thresholds": THRESHOLDS.tolist(), "shares": profile["it"].tolist(), "band": bands["it"].tolist()},
    }


if __name__ == "__main__":
    cases = {f"{runs} runs, {tasks} tasks": case(runs, tasks, 10 * runs) for runs, tasks in ((5, 14), (10, 3), (6, 1))}
    Path(__file__).with_name("rliable_golden.json").write_text(
        json.dumps({"rliable": "1.2.0", "cases": cases}, separators=(",", ":")) + "\n"
    )
