"""When a run reached its marks, and on which clock."""

from __future__ import annotations

import pytest

from seed_matrace.bench.marks import Curve, Marks, Point, Winning, curve_of, reached
from seed_matrace.learner.metrics import METRICS_FILE, MetricsWriter, report_of

MARKS = Marks((0.8, 0.95), (0.9, 20))


def write_reports(run_dir, reports):
    with MetricsWriter(run_dir) as writer:
        for env_steps, wall_s, scalars in reports:
            writer.write(report_of(env_steps, wall_s, env_steps // 10, scalars))


def test_mark_is_the_first_window_in_which_so_much_was_won():
    points = [Point(100, 1.0, 0.79), Point(200, 2.0, 0.8), Point(300, 3.0, 0.1), Point(400, 4.0, 0.96)]
    found = reached(points, MARKS)
    assert found == {"0.8": points[1], "0.95": points[3], "target": None}


def test_target_is_of_the_newest_evaluations_that_hold_enough_battles_together():
    few = Point(100, 1.0, evaluated=(1.0, 10))
    points = [few, Point(200, 2.0, evaluated=(0.7, 10)), few, Point(400, 4.0, evaluated=(0.9, 10))]
    assert reached(points, MARKS)["target"] == points[3]
    assert reached(points[:3], MARKS)["target"] is None
    assert reached([few], MARKS)["target"] is None  # one evaluation is no evidence yet


def test_seconds_begin_when_the_first_batch_was_trained_on_in_every_session(tmp_path):
    begins = {"perf/start_up_s": 5.0, "perf/first_update_s": 3.0}
    again = {"perf/start_up_s": 6.0, "perf/first_update_s": 2.0}
    write_reports(
        tmp_path,
        [
            (0, 1.0, {"eval/win_rate": 0.0}),
            (100, 10.0, {**begins, "train/win_rate": 0.5}),
            (200, 20.0, {}),
            (300, 30.0, {**again, "train/win_rate": 0.9}),
        ],
    )
    curve = curve_of(tmp_path, eval_episodes=32)
    assert [point.seconds for point in curve.points] == [1.0, 7.0, 17.0, 25.0]
    assert curve.points[0].evaluated == (0.0, 32)
    assert (curve.start_up_s, curve.sessions, curve.env_steps) == (8.0, 2, 300)


def test_run_without_reports_has_no_points(tmp_path):
    assert curve_of(tmp_path, 32) == Curve([], 0.0)


def test_run_is_looked_at_again_when_it_has_reported_more(tmp_path):
    winning = Winning({tmp_path: Marks((0.8,), None)}, {tmp_path: 32})
    assert not winning.enough(tmp_path)
    write_reports(tmp_path, [(100, 1.0, {"train/win_rate": 0.7})])
    assert not winning.enough(tmp_path)
    (tmp_path / METRICS_FILE).unlink()
    write_reports(tmp_path, [(100, 1.0, {"train/win_rate": 0.7}), (200, 2.0, {"train/win_rate": 0.81})])
    assert winning.enough(tmp_path)


def test_reports_that_are_being_cut_back_end_nothing(tmp_path):
    (tmp_path / METRICS_FILE).write_bytes(b'{"env_st\n')
    assert not Winning({tmp_path: MARKS}, {tmp_path: 32}).enough(tmp_path)
    with pytest.raises(ValueError, match="line 1 is not a report"):
        curve_of(tmp_path, 32)
