"""Learning curves: what is drawn is what was reported, and only runs that compare share a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from seed_matrace.learner.metrics import METRICS_FILE, MetricsWriter, report_of
from seed_matrace.learner.run_info import write_run_info
from seed_matrace.viewer.curves import learning_curve_figure, plot_learning_curve
from seed_matrace.viewer.runs import Curve, band, read_run
from seed_matrace.viewer.style import EVAL_COLOUR, TRAIN_COLOUR


def make_run(
    path: Path,
    *,
    seed: int = 1,
    map_name: str = "3m",
    backend: str = "skirmish-1",
    reports: int = 20,
    evaluate_every: int = 4,
) -> Path:
    """A run whose win rate rises by 0.05 a report, evaluated (if at all) every few reports in a report of its own."""
    write_run_info(path, backend=backend, map_name=map_name, seed=seed, argv=[])
    with MetricsWriter(path) as writer:
        for i in range(1, reports + 1):
            scalars = {"train/win_rate": 0.05 * i, "train/return": float(i + seed)}
            lag = {"perf/policy_lag_mean": 3.0, "perf/policy_lag_max": 7.0}
            writer.write(report_of(1000 * i, float(i), i, {**scalars, **lag}))
            if evaluate_every and i % evaluate_every == 0:
                interval = {"eval/win_rate_ci95_low": 0.04 * i, "eval/win_rate_ci95_high": 0.05 * i}
                writer.write(
                    report_of(1000 * i, float(i), i, {"eval/win_rate": 0.05 * i, "eval/return": float(i), **interval})
                )
    return path


def lines_of(axes, colour: str | None = None) -> list[np.ndarray]:
    """The curves in a panel as [points, 2]."""
    return [line.get_xydata() for line in axes.get_lines() if colour in (None, line.get_color())]


def figure_of(*paths: Path, **options):
    return learning_curve_figure([read_run(path) for path in paths], **options)


def title_and_legend(figure) -> tuple[str, Sequence[str]]:
    (legend,) = figure.legends
    return legend.get_title().get_text(), [text.get_text() for text in legend.get_texts()]


def test_one_run_shows_every_report_and_every_evaluation(tmp_path):
    figure = figure_of(make_run(tmp_path, seed=7))
    win_rate, returns, speed, lag = figure.axes
    (train,), (evaluation,) = lines_of(win_rate, TRAIN_COLOUR), lines_of(win_rate, EVAL_COLOUR)
    steps = np.arange(1, 21)
    np.testing.assert_allclose(train, np.stack([1000 * steps, 0.05 * steps], axis=1))
    np.testing.assert_allclose(evaluation, train[3::4])
    np.testing.assert_allclose(lines_of(returns, TRAIN_COLOUR)[0][:, 1], steps + 7)
    np.testing.assert_allclose(lines_of(speed)[0][:, 1], 1000.0)
    np.testing.assert_allclose(lines_of(lag)[0][:, 1], 3.0)
    assert lag.dataLim.y1 == 7.0  # shaded up to the maximum
    assert title_and_legend(figure) == ("3m on skirmish-1, seed 7", ["training", "evaluation"])


def test_null_values_are_left_out(tmp_path):
    make_run(tmp_path, reports=3, evaluate_every=0)
    with MetricsWriter(tmp_path, (tmp_path / METRICS_FILE).stat().st_size) as writer:
        writer.write(report_of(4000, 4.0, 4, {"train/win_rate": np.nan}))
        writer.write(report_of(5000, 5.0, 5, {"train/win_rate": 0.5}))
    assert read_run(tmp_path).curve("train/win_rate").env_steps.tolist() == [1000, 2000, 3000, 5000]


def test_several_seeds_show_each_of_them_and_their_median(tmp_path):
    runs = [make_run(tmp_path / str(seed), seed=seed) for seed in (1, 2, 6)]
    figure = figure_of(*runs)
    *seeds, median = lines_of(figure.axes[1], TRAIN_COLOUR)
    assert [curve[0, 1] for curve in seeds] == [2, 3, 7]
    np.testing.assert_allclose(median, seeds[1])
    title, legend = title_and_legend(figure)
    assert title == "3m on skirmish-1, seeds 1, 2, 6"
    assert legend == ["training, median and range", "evaluation, median and range"]


def test_one_run_given_twice_is_one_run(tmp_path, monkeypatch):
    make_run(tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    plot_learning_curve(["run", tmp_path / "run"], "twice.svg")
    plot_learning_curve(["run"], "once.svg")
    assert Path("twice.svg").read_text().count("<path") == Path("once.svg").read_text().count("<path")


def test_band_is_the_range_of_few_runs_and_the_quartiles_of_many():
    steps = np.array([0.0, 10.0])
    few = band([Curve(steps, np.array([v, v + 1.0])) for v in (0, 1, 5)])
    assert [few.low[0], few.middle[0], few.high[0]] == [0, 1, 5]
    many = band([Curve(steps, np.array([v, v + 1.0])) for v in (0, 1, 2, 3, 100)])
    assert [many.low[0], many.middle[0], many.high[0]] == [1, 2, 3]
    assert many.middle[1] == 3


def test_band_interpolates_and_ends_where_the_shortest_run_ends():
    long = Curve(np.array([0.0, 10.0, 20.0, 30.0]), np.array([0.0, 1.0, 2.0, 3.0]))
    short = Curve(np.array([5.0, 15.0]), np.array([2.5, 3.5]))
    result = band([long, short])
    np.testing.assert_array_equal(result.env_steps, [5, 10, 15])
    np.testing.assert_allclose(result.middle, [1.5, 2.0, 2.5])


def test_runs_that_never_overlap_have_no_band(tmp_path):
    runs = [make_run(tmp_path / "a", reports=8, evaluate_every=8), make_run(tmp_path / "b", evaluate_every=20)]
    *seeds, median = lines_of(figure_of(*runs).axes[0], EVAL_COLOUR)
    assert [len(curve) for curve in seeds] == [1, 1]
    assert len(median) == 0


@pytest.mark.parametrize("other", [{"map_name": "8m"}, {"backend": "sc2-4.10"}])
def test_different_maps_or_backends_are_not_drawn_together_unless_told(tmp_path, other):
    runs = [make_run(tmp_path / "a"), make_run(tmp_path / "b", **other)]
    with pytest.raises(ValueError, match=r"do not compare: 3m on skirmish-1; (8m|3m) on"):
        figure_of(*runs)
    figure = figure_of(*runs, mix=True)
    title, legend = title_and_legend(figure)
    assert "do not compare" in title
    assert legend[0] == "3m on skirmish-1, seed 1, evaluation"
    assert len(lines_of(figure.axes[0])) == 2


def test_scenario_files_of_one_name_are_drawn_together_only_if_they_are_the_same(tmp_path):
    runs = [make_run(tmp_path / str(number), seed=number, map_name="mine") for number in range(3)]
    for run, digest in zip(runs, ("aaaa", "aaaa", "bbbb"), strict=True):
        about = {"backend": "skirmish-1", "map_name": "mine", "seed": 0}
        write_run_info(run, **about, argv=[], scenario={"file": "mine.json", "sha256": digest})
    plot_learning_curve(runs[:2], tmp_path / "same.png")
    with pytest.raises(ValueError, match=r"mine \(aaaa\) on skirmish-1; mine \(bbbb\) on skirmish-1"):
        plot_learning_curve(runs, tmp_path / "other.png")


def test_a_scenario_file_called_like_a_map_of_smac_is_not_that_map(tmp_path):
    runs = [make_run(tmp_path / str(number), seed=number) for number in range(2)]
    about = {"backend": "skirmish-1", "map_name": "3m", "seed": 0}
    write_run_info(runs[1], **about, argv=[], scenario={"file": "3m.json", "sha256": "aaaa"})
    with pytest.raises(ValueError, match=r"3m on skirmish-1; 3m \(aaaa\) on skirmish-1"):
        plot_learning_curve(runs, tmp_path / "curve.png")


def test_mixed_picture_shows_training_where_a_run_was_never_evaluated(tmp_path):
    runs = [make_run(tmp_path / "a"), make_run(tmp_path / "b", map_name="8m", evaluate_every=0)]
    figure = figure_of(*runs, mix=True)
    assert all(label.endswith("training") for label in title_and_legend(figure)[1])
    assert [len(curve) for curve in lines_of(figure.axes[0])] == [20, 20]


@pytest.mark.parametrize("suffix", [".png", ".svg"])
@pytest.mark.parametrize(
    "shape",
    [{}, {"reports": 1}, {"evaluate_every": 0}, {"reports": 4}],
    ids=["run", "first report", "no eval", "one eval"],
)
def test_pictures_of_finished_and_unfinished_runs(tmp_path, suffix, shape):
    output = plot_learning_curve([make_run(tmp_path / "run", **shape)], tmp_path / "new" / f"curve{suffix}")
    content = output.read_bytes()
    assert content.startswith(b"\x89PNG" if suffix == ".png" else b"<?xml")
    assert len(content) > 10_000


def test_single_report_shows_as_a_dot(tmp_path):
    for axes in figure_of(make_run(tmp_path, reports=1, evaluate_every=1)).axes:
        assert all(line.get_marker() == "o" for line in axes.get_lines() if len(line.get_xdata()))


def test_run_without_win_rates_yet_is_drawn_all_the_same(tmp_path):
    write_run_info(tmp_path, backend="skirmish-1", map_name="3m", seed=1, argv=[])
    with MetricsWriter(tmp_path) as writer:
        writer.write(report_of(3200, 1.0, 1, {"perf/policy_lag_mean": 3.0}))
        writer.write(report_of(6400, 1.5, 2, {"perf/policy_lag_mean": 4.0}))
    figure = figure_of(tmp_path)
    assert title_and_legend(figure) == ("3m on skirmish-1, seed 1", [])
    np.testing.assert_array_equal(lines_of(figure.axes[2])[0], [[6400, 6400]])
    np.testing.assert_array_equal(lines_of(figure.axes[3])[0], [[3200, 3], [6400, 4]])


def test_throughput_is_taken_over_many_reports_and_counts_pauses_in(tmp_path):
    write_run_info(tmp_path, backend="skirmish-1", map_name="3m", seed=1, argv=[])
    with MetricsWriter(tmp_path) as writer:
        for i in range(100):
            pauses = 3 * (i // 4)  # a report takes 1 s, every fourth one is followed by an evaluation of 3 s
            writer.write(report_of(700 * i, float(i + pauses), i, {}))
    rate = read_run(tmp_path).throughput()
    np.testing.assert_allclose(rate.values, 400.0)
    assert rate.env_steps.tolist() == [700.0 * i for i in range(4, 100)]


def test_throughput_of_a_short_run_does_not_fall_to_nothing_at_evaluations(tmp_path):
    write_run_info(tmp_path, backend="skirmish-1", map_name="3m", seed=1, argv=[])
    with MetricsWriter(tmp_path) as writer:
        for i in range(10):
            writer.write(report_of(600 * i, 3.0 * i, i, {"train/return": 1.0}))
            writer.write(
                report_of(600 * i, 3.0 * i + 1.0, i, {"eval/return": 1.0})
            )  # a second later, at the same env step
    rate = read_run(tmp_path).throughput()
    np.testing.assert_allclose(rate.values, 200.0)
    assert rate.env_steps.tolist() == [600.0 * i for i in range(1, 10)]


def test_nothing_to_draw_is_said(tmp_path):
    write_run_info(tmp_path / "begun", backend="skirmish-1", map_name="3m", seed=1, argv=[])
    with pytest.raises(ValueError, match=r"nothing to plot yet: no reports in .*begun"):
        plot_learning_curve([tmp_path / "begun"], tmp_path / "curve.png")
    with pytest.raises(ValueError, match="nothing to plot yet"):
        plot_learning_curve([], tmp_path / "curve.png")
    with pytest.raises(ValueError, match="is not a run directory"):
        plot_learning_curve([tmp_path / "elsewhere"], tmp_path / "curve.png")
    assert not (tmp_path / "curve.png").exists()


def test_runs_without_a_report_do_not_keep_the_others_from_being_drawn(tmp_path):
    write_run_info(tmp_path / "begun", backend="skirmish-1", map_name="3m", seed=2, argv=[])
    figure = figure_of(make_run(tmp_path / "run"), tmp_path / "begun")
    assert title_and_legend(figure)[0] == "3m on skirmish-1, seed 1"
