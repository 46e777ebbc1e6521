"""Results as marl-eval's reader takes them: every rule it was seen to have, and the reader itself where it is."""

from __future__ import annotations

import copy
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from processes import run

from seed_matrace.evaluation.marl_eval import of_equal_length, what_is_missing
from seed_matrace.evaluation.results import ResultsWriter, merge_results, read_results
from seed_matrace.learner.run_info import write_finished, write_run_info
from seed_matrace.skirmish.vector_env import BACKEND
from seed_matrace.types import EpisodeStats

PYTHON = "MARL_EVAL_PYTHON"
READER = """
import json, sys
from marl_eval.plotting_tools.plotting import (
    aggregate_scores, performance_profiles, plot_single_task, sample_efficiency_curves,
)
from marl_eval.utils.data_processing_utils import create_matrices_for_rliable, data_process_pipeline
for environment in json.load(open(sys.argv[1])):
    raw = json.load(open(sys.argv[1]))
    data = data_process_pipeline(raw, ["return"])
    task = next(iter(raw[environment]))
    matrices, curves = create_matrices_for_rliable(data, environment, ["return"])
    for metric in sys.argv[3:]:
        performance_profiles(matrices, metric, ["return"])
        aggregate_scores(matrices, metric, ["return"], tabular_results_file_path=sys.argv[2])
        sample_efficiency_curves(curves, metric, ["return"])
        plot_single_task(data, environment, task, metric, ["return"])
    print("read", environment)
"""


def matrices(results):
    """What marl-eval makes of results, or the KeyError that it ends with: [runs, tasks] and [runs, tasks, steps]."""
    read = {}
    for environment, as_written in results.items():
        tasks = {task.lower(): {name.lower(): runs for name, runs in of.items()} for task, of in as_written.items()}
        first = next(iter(tasks.values()))
        assert not any("," in name for name in first)
        runs = next(iter(first.values()))
        steps = dict(next(iter(runs.values())))
        metrics = list(steps.pop("absolute_metrics"))

        def mean(task, algorithm, run, step, metric, tasks=tasks):
            return np.mean(tasks[task][algorithm][run][step][metric])

        for metric in metrics:
            for algorithm in first:
                of = [[mean(task, algorithm, run, "absolute_metrics", metric) for task in tasks] for run in runs]
                over = [[[mean(t, algorithm, run, step, metric) for step in steps] for t in tasks] for run in runs]
                read[environment, metric, algorithm] = np.array(of), np.array(over)
    return read


def battles(won, count):
    zeros = np.zeros(count, np.int32)
    return EpisodeStats(np.zeros(count, np.float32), zeros, np.arange(count) < won, zeros, zeros)


def write(path, task, seed, evaluations=4, absolute=True, every=1000, finished="target"):
    about = {"backend": "skirmish-1", "map_name": task, "seed": seed}
    write_run_info(path, **about, argv=[])
    writer = ResultsWriter(path, **about)
    for number in range(evaluations):
        writer.append(number * every, 0.0, battles(number, 4))
    if absolute:
        writer.set_absolute(battles(seed, 40))
    write_finished(path, finished)


@pytest.fixture
def merged(tmp_path):
    """Merges runs called "map/variant/seed_N"; of those that are named something is other than of the rest."""

    def merge(runs, **others):
        for name in runs:
            task, _, seed = name.split("/")
            write(tmp_path / name, task, int(seed.removeprefix("seed_")), **others.get(name, {}))
        return merge_results((name.split("/")[1], tmp_path / name) for name in runs)

    return merge


EVERY = [f"{task}/{variant}/seed_{seed}" for seed in (0, 1) for task in ("3m", "8m") for variant in ("a", "b")]


def missing(results, folder):
    return what_is_missing(results, lambda name: folder / name, folder)


def test_what_lacks_nothing_is_read_as_it_is(merged, tmp_path):
    results = merged(EVERY)
    assert missing(results, tmp_path) == []
    assert of_equal_length(results) == results
    absolute, curve = matrices(results)["smac-skirmish-1", "win_rate", "b"]
    assert absolute.shape == (2, 2) and curve.shape == (2, 2, 4)
    np.testing.assert_allclose(curve[0, 0], [0, 0.25, 0.5, 0.75])


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("finished", ["target", "budget"])
def test_runs_of_other_lengths_are_cut_to_the_shortest_which_is_said(merged, tmp_path, name, finished):
    results = merged(EVERY, **{name: {"evaluations": 3, "finished": finished}})
    with pytest.raises(KeyError) if name != EVERY[0] else pytest.raises(AssertionError):
        assert matrices(results)["smac-skirmish-1", "win_rate", "a"][1].shape[2] == 4
    whole = copy.deepcopy(results)
    equal = of_equal_length(results)
    assert results == whole
    assert {curve.shape for _, curve in matrices(equal).values()} == {(2, 2, 3)}
    [sentence] = missing(results, tmp_path)
    assert f"the first 3 evaluations of each, all that there are of {name}, where others have up to 4: " in sentence
    command = f"seed-matrace train --run_dir={tmp_path / name} --gin_param=run.stop_win_rate=0"
    assert (command in sentence) == (finished == "target")


@pytest.mark.parametrize("name", EVERY)
def test_a_missing_absolute_metric_is_said_with_what_plays_it(merged, tmp_path, name):
    results = merged(EVERY, **{name: {"absolute": False}})
    with pytest.raises(KeyError, match="absolute_metrics"):
        matrices(of_equal_length(results))
    [sentence] = missing(results, tmp_path)
    assert f"there is none of {name}: seed-matrace train --run_dir={tmp_path / name} " in sentence
    assert "--gin_param=evaluation.absolute_episodes=320" in sentence


@pytest.mark.parametrize("name", EVERY)
def test_a_missing_run_is_said(merged, tmp_path, name):
    results = merged([other for other in EVERY if other != name])
    [sentence] = missing(results, tmp_path)
    assert f"there is no finished {name}: seed-matrace sweep --sweep_dir={tmp_path} goes on" in sentence


def test_evaluations_at_other_env_steps_are_said(merged, tmp_path):
    [sentence] = missing(merged(EVERY, **{EVERY[4]: {"every": 2000}}), tmp_path)
    assert "number 4 of 3m came after 3,000 to 6,000 env steps" in sentence
    shifted = {EVERY[4]: {"every": 1020}}  # a learner step further
    assert missing(merged(EVERY, **shifted), tmp_path) == []


def test_names_that_are_one_in_lower_case_are_said(merged, tmp_path):
    sentences = missing(merged(["3m/a/seed_0", "3m/A/seed_0"]), tmp_path)
    assert any("takes a and A for one" in sentence for sentence in sentences)


def test_many_runs_are_counted_not_listed(merged, tmp_path):
    [sentence] = missing(merged(EVERY, **{name: {"absolute": False} for name in EVERY}), tmp_path)
    assert "3m/a/seed_0, 3m/a/seed_1, 3m/b/seed_0 and 5 more" in sentence


@pytest.mark.marl_eval
def test_marl_evals_reader_takes_runs_of_default_settings(tmp_path):
    """In a Python that has it, for it wants a pandas that newer ones have not (docs/evaluation.md)."""
    python = os.environ.get(PYTHON)
    if not python:
        pytest.skip(f"{PYTHON} does not name a Python with marl-eval")
    sweep = ["sweep", f"--sweep_dir={tmp_path}", "--gin_axis=maps/3m.gin,maps/2s3z.gin", "--seeds=2"]
    budgets = ["--grid=run.total_env_steps=[15000]", "--gin_param=run.num_envs=32"]
    result = run(*sweep, *budgets, timeout_s=600)
    assert result.returncode == 0, result.stdout + result.stderr
    assert run("report", tmp_path).returncode == 0
    single = next(tmp_path.glob("3m/*/seed_0"))
    assert len(read_results(single)[f"smac-{BACKEND}"]["3m"]["matrace"]["seed_0"]["absolute_metrics"]["return"]) == 320
    for file in (tmp_path / "report/results.json", single / "eval/results.json"):
        assert f"read smac-{BACKEND}" in _read_by_marl_eval(python, file, tmp_path, "win_rate")


@pytest.mark.marl_eval
@pytest.mark.parametrize("name", [None, *EVERY])
def test_the_rules_of_these_tests_are_those_of_marl_evals_reader(merged, tmp_path, name):
    python = os.environ.get(PYTHON)
    if not python:
        pytest.skip(f"{PYTHON} does not name a Python with marl-eval")
    results = merged(EVERY, **{name: {"evaluations": 3}} if name else {})
    file = tmp_path / "results.json"
    file.write_text(json.dumps(results))
    if name not in (None, EVERY[0]):  # the reader goes by the first run
        with pytest.raises(AssertionError, match="KeyError: 'step_3'"):
            _read_by_marl_eval(python, file, tmp_path)
    file.write_text(json.dumps(of_equal_length(results)))
    assert "read smac-skirmish-1" in _read_by_marl_eval(python, file, tmp_path)


def _read_by_marl_eval(python: str, file: Path, folder: Path, *drawn: str) -> str:
    command = [python, "-c", READER, file, folder / "table", *drawn]
    environment = {**os.environ, "MPLBACKEND": "agg"}
    result = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=600)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_runs_of_two_versions_of_the_simulator_stay_apart(tmp_path):
    for backend in ("skirmish-2", "skirmish-3"):
        ResultsWriter(tmp_path / backend, backend=backend, map_name="3m", seed=0).append(0, 0.0, battles(1, 2))
    merged = merge_results(("a", tmp_path / backend) for backend in ("skirmish-2", "skirmish-3"))
    assert merged.keys() == {"smac-skirmish-2", "smac-skirmish-3"}
