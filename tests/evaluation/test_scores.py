"""Scores share a table only where they compare, and each knows its seeds and episodes."""

import dataclasses
import json

import numpy as np
import pytest

from seed_matrace.evaluation import statistics
from seed_matrace.evaluation.results import RESULTS_FILE, ResultsWriter
from seed_matrace.evaluation.scores import Score, ScoreTable, one_score_per_seed, read_scores
from seed_matrace.files import write_checked
from seed_matrace.types import EpisodeStats

SCORE = Score("base", "3m", "skirmish-1", seed=0, win_rate=0.5, episodes=32, steps=1000)


def scores(variant="base", task="3m", win_rates=(0.5, 0.75, 1.0)):
    return [
        dataclasses.replace(SCORE, variant=variant, task=task, seed=seed, win_rate=win_rate)
        for seed, win_rate in enumerate(win_rates)
    ]


def outcomes(won, episodes):
    zeros = np.zeros(episodes, np.int32)
    return EpisodeStats(np.ones(episodes, np.float32), zeros, np.arange(episodes) < won, zeros, zeros)


def test_scores_of_a_run_are_its_last_evaluation_and_its_absolute_metric(tmp_path):
    writer = ResultsWriter(tmp_path, backend="skirmish-1", map_name="3m", seed=7)
    assert read_scores(tmp_path, "base") == {}
    for step, won in ((0, 0), (9000, 3), (10000, 2)):
        writer.append(step, 1.0, outcomes(won, 4))
    final = Score("base", "3m", "skirmish-1", seed=7, win_rate=0.5, episodes=4, steps=10000)
    assert read_scores(tmp_path, "base") == {"final": final}
    writer.set_absolute(outcomes(30, 40))
    absolute = dataclasses.replace(final, win_rate=0.75, episodes=40, kind="absolute")
    assert read_scores(tmp_path, "base") == {"final": final, "absolute": absolute}


def test_a_mistyped_run_directory_is_said_to_be_missing(tmp_path):
    with pytest.raises(ValueError, match="not a run directory: it does not exist"):
        read_scores(tmp_path / "nope", "base")


def test_results_of_several_runs_in_one_file_are_refused(tmp_path):
    ResultsWriter(tmp_path, backend="skirmish-1", map_name="3m", seed=7).append(0, 0.0, outcomes(1, 2))
    results = json.loads((tmp_path / RESULTS_FILE).read_text())
    results["smac-skirmish-1"]["8m"] = results["smac-skirmish-1"]["3m"]
    write_checked(tmp_path / RESULTS_FILE, json.dumps(results))
    with pytest.raises(ValueError, match="hold 2 of what should be one task"):
        read_scores(tmp_path, "base")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scenario": "aaaa"}, "different scenario files"),
        ({"backend": "sc2-4.10"}, "backends do not compare: sc2-4.10, skirmish-1"),
        ({"step_unit": "agent_steps"}, "step_units do not compare: agent_steps, env_steps"),
        ({"kind": "absolute"}, "kinds do not compare: absolute, final"),
        ({}, "two runs of base on 3m have seed 0"),
    ],
)
def test_what_does_not_compare_is_refused(change, said):
    with pytest.raises(ValueError, match=said):
        ScoreTable([SCORE, dataclasses.replace(SCORE, **change)])


def test_scores_of_one_seed_are_averaged_before_they_make_a_table():
    again = dataclasses.replace(SCORE, win_rate=SCORE.win_rate + 0.5, steps=SCORE.steps + 1)
    other = dataclasses.replace(SCORE, seed=SCORE.seed + 1)
    mean = dataclasses.replace(SCORE, win_rate=SCORE.win_rate + 0.25, episodes=2 * SCORE.episodes)
    assert one_score_per_seed([SCORE, other, again]) == [mean, other]
    ScoreTable(one_score_per_seed([SCORE, other, again]))


def test_no_score_is_refused():
    with pytest.raises(ValueError, match="no run has a score yet: none was evaluated, or nobody wins"):
        ScoreTable([])


def test_estimate_is_over_the_tasks_that_the_variants_share():
    table = ScoreTable([*scores(), *scores(task="8m", win_rates=(0, 0, 0)), *scores("slow", win_rates=(0, 0, 0, 0.5))])
    assert (table.variants, table.tasks) == (["base", "slow"], ["3m", "8m"])
    assert table.common_tasks() == ["3m"]
    assert str(table.estimate(statistics.mean, "base")) == "0.38 [0.25, 0.50] (3 seeds x 2 tasks, 32 episodes each)"
    improvement = table.estimate(statistics.probability_of_improvement, "base", "slow")
    assert (improvement.value, improvement.tasks, improvement.runs) == (pytest.approx(23 / 24), 1, (3, 4))


def test_estimate_without_a_shared_task_is_an_error():
    table = ScoreTable([*scores(), *scores("slow", task="8m")])
    with pytest.raises(ValueError, match="same tasks, not 0 and 0"):
        table.estimate(statistics.probability_of_improvement, "base", "slow")
    with pytest.raises(ValueError, match="has no score"):
        table.estimate(statistics.mean, "base", tasks=["8m"])
