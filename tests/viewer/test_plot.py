"""Plots of many runs: found below a directory, told apart by their settings, one panel per map."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sweep_on_disk import write_run

from seed_matrace.evaluation.scores import ScoreTable, read_scores
from seed_matrace.sweeps.plan import plan_sweep
from seed_matrace.viewer.curves import learning_curve_figure
from seed_matrace.viewer.plot import PlotOptions, find_runs, plot
from seed_matrace.viewer.profiles import profile_figure
from seed_matrace.viewer.published import in_paper_order, published_results
from seed_matrace.viewer.runs import Curve, band, by_variant, read_run, spread_name
from seed_matrace.viewer.style import save_figure, variant_style
from seed_matrace.viewer.task_grid import task_grid_figure

GRID = ["loss.entropy_cost=[0.1, 1.0]"]


def runs_in(sweep_dir):
    return [read_run(path) for path in find_runs([sweep_dir])]


def panels(figure):
    """The panels of a grid by map, without strips and legend."""
    return {axes.get_title(loc="left"): axes for axes in figure.axes if axes.get_title(loc="left")}


def test_runs_are_found_below_a_directory_each_once(make_sweep):
    sweep_dir = make_sweep(maps=("3m", "8m"), seeds=2)
    one = sweep_dir / "3m" / "matrace" / "seed_0"
    assert len(find_runs([sweep_dir])) == 4
    assert find_runs([one, sweep_dir / "3m"]) == [one.resolve(), one.resolve().with_name("seed_1")]
    with pytest.raises(ValueError, match="is not a run directory and holds none"):
        find_runs([sweep_dir, one / "checkpoints"])


def test_seeds_of_one_configuration_are_one_variant(make_sweep):
    variants = by_variant(runs_in(make_sweep(maps=("3m", "8m"), seeds=2)))
    assert {name: len(runs) for name, runs in variants.items()} == {"matrace": 4}  # what map files set is no variant


def test_variants_are_named_after_what_differs(make_sweep):
    sweep_dir = make_sweep(maps=("3m", "8m"), grids=[*GRID, "network.policy_layers=[(8, 8)]"], seeds=2)
    assert {name: len(runs) for name, runs in by_variant(runs_in(sweep_dir)).items()} == {
        "entropy_cost=0.1": 4,
        "entropy_cost=1.0": 4,
    }


def test_budget_and_machine_make_no_variant(make_sweep):
    sweep_dir = make_sweep(grids=["run.total_env_steps=[5000, 6000]"], seeds=1)
    (other,) = plan_sweep(gin_params=["learner.intra_op_threads=2"])
    write_run(sweep_dir / "other", other, won=16)
    assert len(runs_in(sweep_dir)) == 3
    assert list(by_variant(runs_in(sweep_dir))) == ["matrace"]


def test_runs_of_one_configuration_and_seed_count_as_one(make_sweep, tmp_path):
    grids = ["run.total_env_steps=[5000, 6000]"]  # makes no variant
    sweep_dir = make_sweep(grids=grids, seeds=3, won=lambda run: 8 * run.seed + 4 * ("6000" in run.variant))
    again = tmp_path / "link"
    again.symlink_to(sweep_dir)
    runs = [read_run(path) for path in find_runs([sweep_dir, again, sweep_dir / "3m"])]
    assert len(runs) == 6
    variants = by_variant(runs)
    assert [run.seed for run in variants["matrace"]] == [0, 1, 2]
    assert variants["matrace"][1].curve("eval/win_rate").values[-1] == (8 + 12) / 2 / 32
    (panel,) = panels(task_grid_figure(variants, statistic="iqm")).values()
    assert panel.get_title(loc="right") == "3 seeds"
    for kind in ("curves", "maps", "profile"):
        said = []
        plot([sweep_dir], tmp_path / "picture.svg", PlotOptions(kind=kind), said.append)
        assert len(said) == 3
        assert "2 runs of seed 1 count as one seed, their mean: " in said[1]
        assert "total_env_steps=5000/seed_1" in said[1] and "total_env_steps=6000/seed_1" in said[1]


def test_picture_says_which_seed_is_a_mean_and_shows_every_run(make_sweep):
    runs = runs_in(make_sweep(grids=["run.total_env_steps=[5000, 6000]"], seeds=1, won=lambda run: 8 + run.seed))
    figure = learning_curve_figure(runs)
    (legend,) = figure.legends
    assert legend.get_title().get_text() == "3m on skirmish-1, seed 0 (seed 0: mean of 2 runs)"
    assert len(figure.axes[0].get_lines()) == 3


def test_styles_of_variants_differ_without_colour_too():
    styles = [variant_style(i) for i in range(5)]
    for part in ("color", "linestyle", "marker"):
        assert len({str(style[part]) for style in styles}) == 5


@pytest.mark.parametrize(
    ("count", "statistic", "name"),
    [
        (2, "median", "median and range"),
        (4, "median", "median and quartiles"),
        (2, "iqm", "mean and range"),
        (3, "iqm", "IQM and 95% interval"),
    ],
)
def test_band_is_what_it_is_called(count, statistic, name):
    assert spread_name(count, statistic) == name
    values = np.arange(count, dtype=float)
    spread = band([Curve(np.array([0.0, 1.0]), np.array([value, value])) for value in values], statistic)
    ends = {
        "range": (0, count - 1),
        "quartiles": tuple(np.percentile(values, (25, 75))),
        "interval": (spread.low[0], spread.high[0]),
    }[name.split()[-1]]
    assert (spread.low[0], spread.high[0]) == ends
    assert spread.middle[0] == values.mean()
    if name.endswith("interval"):
        assert 0 <= spread.low[0] < spread.middle[0] < spread.high[0] <= count - 1


def test_grid_has_a_panel_for_each_map_with_the_middle_of_its_seeds(make_sweep):
    sweep_dir = make_sweep(maps=("3m", "2s3z"), grids=GRID, won=lambda run: 8 * run.seed + 16 * ("1.0" in run.variant))
    figure = task_grid_figure(by_variant(runs_in(sweep_dir)))
    assert list(panels(figure)) == ["2s3z", "3m"]  # the paper's maps come first
    low, high = panels(figure)["3m"].get_lines()
    np.testing.assert_allclose(low.get_xydata()[-1], (4000, 8 / 32))
    np.testing.assert_allclose(high.get_xydata()[-1], (4000, 24 / 32))
    assert panels(figure)["3m"].get_title(loc="right") == "3 seeds"
    assert figure.get_suptitle() == "evaluated win rate against env steps, median and range, skirmish-1"


def test_published_results_stand_beside_and_say_that_they_do_not_compare(make_sweep):
    variants = by_variant(runs_in(make_sweep(maps=("2s3z", "8m"))))

    def legends(figure):
        found = (artist for axes in figure.axes for artist in axes.get_children())
        return [artist.get_title().get_text() for artist in found if type(artist).__name__ == "Legend"]

    assert any("sc2-4.10" in title and "another backend" in title for title in legends(task_grid_figure(variants)))
    assert not any(legends(task_grid_figure(variants, published=False)))
    only_8m = {"matrace": [run for run in variants["matrace"] if run.map_name == "8m"]}
    assert not any(legends(task_grid_figure(only_8m)))  # nothing is published here for this map


def test_whole_paper_shows_maps_without_a_run_too(make_sweep):
    figure = task_grid_figure(by_variant(runs_in(make_sweep(maps=("corridor",), seeds=1))), whole_paper=True)
    assert list(panels(figure)) == list(published_results().tasks)
    assert len(panels(figure)["2s3z"].get_lines()) == 0
    assert len(panels(figure)["corridor"].get_lines()) == 1


def test_published_table_is_whole():
    published = published_results()
    assert published.backend == "sc2-4.10"
    assert published.source
    assert len(published.tasks) == 14
    algorithms = {tuple(result.algorithm for result in results) for results in published.tasks.values()}
    assert algorithms == {("MA-Trace (obs)", "QMIX", "VDN", "COMA", "MAPPO", "IQL")}
    for results in published.tasks.values():
        assert all(0 <= result.win_rate <= 1 for result in results)
    assert in_paper_order(["8m", "corridor", "3m", "2s3z", "2s3z"]) == ["2s3z", "corridor", "3m", "8m"]


def test_runs_of_several_backends_share_no_grid(make_sweep):
    runs = runs_in(make_sweep(seeds=2))
    other = [type(run)(run.path, run.map_name, "sc2-4.10", run.seed, run.reports) for run in runs]
    with pytest.raises(ValueError, match=r"different backends do not compare: sc2-4.10, skirmish-1"):
        task_grid_figure({"ours": runs, "theirs": other})


def test_runs_in_which_nobody_wins_have_no_grid_and_it_is_said(make_sweep):
    def without_wins(run):
        return [{tag: value for tag, value in report.items() if tag != "eval/win_rate"} for report in run.reports]

    runs = [
        dataclasses.replace(run, reports=without_wins(run)) for run in runs_in(make_sweep(maps=("8m", "3m"), seeds=1))
    ]
    with pytest.raises(
        ValueError, match="panels of maps show win rates, and nobody wins in 3m, 8m; --kind=curves plots"
    ):
        task_grid_figure({"ours": runs})
    begun = [dataclasses.replace(run, reports=[]) for run in runs]
    with pytest.raises(ValueError, match="nothing to plot yet: no run was evaluated"):
        task_grid_figure({"ours": begun})


def test_profile_is_over_the_maps_all_variants_share(make_sweep):
    sweep_dir = make_sweep(maps=("3m", "8m"), grids=GRID, missing=[f"8m/entropy_cost=1.0/seed_{i}" for i in range(3)])
    variants = by_variant(runs_in(sweep_dir))
    table = ScoreTable(read_scores(run.path, name)["final"] for name, runs in variants.items() for run in runs)
    (axes,) = profile_figure(table).axes
    assert axes.get_title() == "performance profile, 3m, skirmish-1"
    fractions = axes.get_lines()[0].get_ydata()
    assert (fractions[0], fractions[51], fractions[-1]) == (1, 2 / 3, 0)  # 16, 17 and 18 of 32 won; at 0.51


@pytest.mark.parametrize(
    ("maps", "options", "name"),
    [
        (("3m",), PlotOptions(), "learning_curve.png"),
        (("3m", "8m"), PlotOptions(statistic="iqm"), "maps.png"),
        (("3m",), PlotOptions(whole_paper=True), "maps.png"),
        (("3m", "8m"), PlotOptions(kind="profile"), "profile.png"),
    ],
)
def test_picture_suits_the_runs(make_sweep, maps, options, name):
    sweep_dir = make_sweep(maps=maps, grids=GRID)
    assert plot([sweep_dir], None, options) == sweep_dir / name
    assert (sweep_dir / name).read_bytes().startswith(b"\x89PNG")


def test_same_runs_give_the_same_svg(make_sweep, tmp_path):
    variants = by_variant(runs_in(make_sweep(maps=("2s3z", "3m"))))
    once, again = (
        save_figure(task_grid_figure(variants, statistic="iqm"), tmp_path / f"{i}.svg").read_text() for i in range(2)
    )
    assert once == again
