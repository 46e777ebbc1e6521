"""Aggregate statistics: rliable's numbers, and the properties that make them what they are called."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seed_matrace.evaluation import statistics
from seed_matrace.evaluation.statistics import bootstrap_interval, estimate

GOLDEN = json.loads(Path(__file__).with_name("rliable_golden.json").read_text())["cases"]  # make_rliable_golden.py
MEASURES = ("mean", "median_of_tasks", "iqm", "optimality_gap")
# Two bootstraps of the same scores, rliable's and ours, take different resamples: their ends differ by noise.
INTERVAL_TOLERANCE = 0.012


def sample(rows):
    """Rliable's [runs, tasks] as one array per task."""
    return list(np.array(rows).T)


win_rates = st.integers(0, 32).map(lambda won: won / 32)


@st.composite
def samples(draw, tasks=None):
    """One array of 1 to 7 win rates for each of ``tasks`` tasks, 1 to 4 if None."""
    count = tasks or draw(st.integers(1, 4))
    counts = draw(st.lists(st.integers(1, 7), min_size=count, max_size=count))
    return [draw(arrays(np.float64, count, elements=win_rates)) for count in counts]


@pytest.mark.parametrize("case", GOLDEN.values(), ids=GOLDEN.keys())
@pytest.mark.parametrize("name", MEASURES)
def test_measures_and_intervals_are_those_of_rliable(case, name):
    ours, expected = sample(case["ours"]), case["measures"][name]
    measure = getattr(statistics, name)
    assert measure(ours) == pytest.approx(expected["point"], abs=1e-12)
    interval = bootstrap_interval(measure, ours, resamples=20_000)
    assert interval == pytest.approx(np.ravel(expected["interval"]), abs=INTERVAL_TOLERANCE)


@pytest.mark.parametrize("case", GOLDEN.values(), ids=GOLDEN.keys())
def test_probability_of_improvement_is_that_of_rliable(case):
    ours, theirs, expected = sample(case["ours"]), sample(case["theirs"]), case["probability_of_improvement"]
    assert statistics.probability_of_improvement(ours, theirs) == pytest.approx(expected["point"], abs=1e-12)
    interval = bootstrap_interval(statistics.probability_of_improvement, ours, theirs)
    assert interval == pytest.approx(expected["interval"], abs=0.03)  # 2000 resamples on either side


@pytest.mark.parametrize("case", GOLDEN.values(), ids=GOLDEN.keys())
def test_performance_profile_is_that_of_rliable(case):
    ours, expected = sample(case["ours"]), case["profile"]
    thresholds = np.array(expected["thresholds"])
    np.testing.assert_allclose(statistics.performance_profile(ours, thresholds), expected["shares"], atol=1e-12)
    low, high = bootstrap_interval(lambda s: statistics.performance_profile(s, thresholds), ours)
    np.testing.assert_allclose(low, expected["band"][0], atol=0.05)  # steps of one run in few
    np.testing.assert_allclose(high, expected["band"][1], atol=0.05)


@given(samples())
def test_iqm_lies_between_the_extremes_and_forgets_one_outlier(scores):
    pool = np.concatenate(scores)
    value = statistics.iqm(scores)
    assert pool.min() - 1e-12 <= value <= pool.max() + 1e-12
    if len(pool) >= 4:
        outlier = [task.copy() for task in scores]
        index = next(i for i, task in enumerate(scores) if task.max() == pool.max())
        outlier[index][scores[index].argmax()] = 1000.0
        assert statistics.iqm(outlier) == pytest.approx(value)


@given(samples(), st.randoms(use_true_random=False))
def test_order_of_runs_and_tasks_does_not_matter(scores, random):
    mixed = [random.sample(list(task), len(task)) for task in scores]
    random.shuffle(mixed)
    for name in (*MEASURES, "median"):
        measure = getattr(statistics, name)
        assert measure([np.array(task) for task in mixed]) == pytest.approx(measure(scores))


@given(samples())
def test_optimality_gap_of_win_rates_is_what_the_mean_lacks(scores):
    assert statistics.optimality_gap(scores) == pytest.approx(1 - statistics.mean(scores))
    assert statistics.optimality_gap([task + 1 for task in scores]) == pytest.approx(0)


@given(samples(tasks=2), samples(tasks=2))
def test_improvements_of_either_side_add_up_to_one(ours, theirs):
    either = statistics.probability_of_improvement(ours, theirs), statistics.probability_of_improvement(theirs, ours)
    assert sum(either) == pytest.approx(1)
    better = [task + 2 for task in theirs]
    assert statistics.probability_of_improvement(better, theirs) == 1


@given(samples())
def test_profile_falls_from_all_to_none_and_its_area_is_the_mean(scores):
    thresholds = (np.arange(64) + 0.5) / 64  # between the win rates of 32 battles
    profile = statistics.performance_profile(scores, thresholds)
    assert (np.diff(profile) <= 0).all()
    assert profile.mean() == pytest.approx(statistics.mean(scores))


@settings(max_examples=25)
@given(samples())
def test_interval_lies_within_the_scores_and_closes_on_equal_ones(scores):
    low, high = bootstrap_interval(statistics.mean, scores, resamples=50)
    pool = np.concatenate(scores)
    assert pool.min() - 1e-12 <= low <= high <= pool.max() + 1e-12
    equal = [np.full_like(task, 0.5) for task in scores]
    assert bootstrap_interval(statistics.mean, equal, resamples=50) == (0.5, 0.5)


def test_tasks_are_resampled_apart():
    """Within a task nothing varies here: a bootstrap that mixed the tasks would find an interval all the same."""
    scores = [np.zeros(5), np.ones(5)]
    assert bootstrap_interval(statistics.mean, scores) == (0.5, 0.5)


@pytest.mark.parametrize("name", ["mean", "median", "iqm", "optimality_gap"])
def test_a_curve_is_measured_point_by_point(name):
    """Leading axes are env steps; the bootstrap samples whole runs, so that a curve's band is that of its runs."""
    measure = getattr(statistics, name)
    curves = np.random.default_rng(0).random((7, 5))  # 7 points of 5 runs
    together = measure([curves])
    assert together == pytest.approx([measure([point]) for point in curves])
    low, high = bootstrap_interval(measure, [curves])
    apart = np.transpose([bootstrap_interval(measure, [point]) for point in curves])
    np.testing.assert_allclose([low, high], apart, atol=1e-12)


def test_interval_is_the_same_every_time_and_widens_with_confidence():
    scores = [np.random.default_rng(1).random(8)]
    assert bootstrap_interval(statistics.iqm, scores) == bootstrap_interval(statistics.iqm, scores)
    narrow, wide = (bootstrap_interval(statistics.iqm, scores, confidence=c) for c in (0.5, 0.99))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_estimate_says_what_stands_behind_it():
    scores = [np.array([1.0, 1.0, 0.5]), np.array([0.0, 0.0, 0.0, 0.0])]
    found = estimate(statistics.mean, scores, episodes=[32] * 6 + [320])
    assert (found.runs, found.tasks, found.episodes) == ((3, 4), 2, (32, 320))
    assert str(found) == "0.36 [0.21, 0.43] (3-4 seeds x 2 tasks, 32-320 episodes each)"


def test_two_runs_have_no_interval():
    found = estimate(statistics.iqm, [np.array([0.5, 0.7])], episodes=[32, 32])
    assert found.interval is None
    assert str(found) == "0.60 (2 seeds, 32 episodes each)"


@pytest.mark.parametrize("scores", [[], [np.array([])], [np.array([1.0]), np.array([])]])
def test_nothing_to_measure_is_an_error(scores):
    for name in MEASURES:
        with pytest.raises(ValueError, match="has no score"):
            getattr(statistics, name)(scores)
    with pytest.raises(ValueError, match="has no score"):
        estimate(statistics.mean, scores, episodes=[])


def test_impossible_questions_are_refused():
    one = [np.array([0.5])]
    with pytest.raises(ValueError, match="same tasks, not 1 and 2"):
        statistics.probability_of_improvement(one, one * 2)
    for options in ({"confidence": 1.0}, {"confidence": 0.0}, {"resamples": 0}):
        with pytest.raises(ValueError, match="need 0 < confidence < 1"):
            bootstrap_interval(statistics.mean, one, **options)
