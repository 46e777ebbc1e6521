"""What runs the flags of ``bench time_to_win`` mean."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from seed_matrace.bench.win_plan import WinOptions, plan_wins
from seed_matrace.config import load_config
from seed_matrace.modules import read_modules, registry_of
from seed_matrace.viewer.published import published_results


def options(*gin_files, **more):
    return WinOptions(Path("wins"), gin_files=gin_files, **{"seeds": 1, **more})


def config_of(run):
    return load_config(run.gin_files, run.gin_params)[0]


def test_without_a_map_it_is_the_papers_tasks_in_their_order():
    wins = plan_wins(options("paper.gin", gin_params=["run.stop_win_rate=0.9"]))
    assert [run.map_name for run in wins.runs] == list(published_results().tasks)
    assert [setting.label for setting in wins.settings] == ["paper,stop_win_rate=0.9"]


def test_settings_take_the_place_of_one_another_and_seeds_come_round_by_round():
    wins = plan_wins(
        options(
            *("maps/8m.gin", "maps/3m.gin"),
            gin_params=["loss.discount=0.98"],
            against=["base.gin", "paper.gin; loss.discount=0.9"],
            seeds=2,
            first_seed=3,
        )
    )
    labels = ["discount=0.98", "defaults", "paper,discount=0.9"]
    assert [(run.seed, run.map_name, run.variant) for run in wins.runs] == [
        (seed, name, label) for seed in (3, 4) for name in ("3m", "8m") for label in labels
    ]
    discounts = [config_of(run).loss.discount for run in wins.runs[:3]]
    assert discounts == [0.98, load_config()[0].loss.discount, 0.9]
    assert [config_of(run).learner.unroll_length for run in wins.runs[:3]] == [20, 20, 100]


def test_every_run_of_a_map_is_counted_alike_and_ends_by_its_marks_alone():
    given = {"gin_params": ["run.stop_win_rate=0.9", "evaluation.episodes=16"], "against": ["paper.gin"]}
    wins = plan_wins(options("maps/3m.gin", budget=100_000, window=5000, parallel=2, **given))
    for run in wins.runs:
        config = config_of(run)
        assert (config.run.total_env_steps, config.run.stop_win_rate) == (100_000, 0.0)
        assert config.run.report_fraction * config.run.total_env_steps == pytest.approx(5000)
        assert (config.evaluation.every_env_steps, config.evaluation.episodes) == (50_000, 16)
        assert config.learner.intra_op_threads == 1
    assert wins.marks["3m"].names == ["0.8", "0.95", "target"]
    assert wins.marks["3m"].target == (0.9, 96)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"gin_params": ["run.report_fraction=0.1"]}, "say --window"),
        ({"gin_params": ["run.total_env_steps=1000"], "budget": 50_000}, "say --budget alone"),
        ({"gin_params": ["env.map_name='8m'"]}, "say maps as gin files"),
        ({"against": ["run.total_env_steps=1000"]}, "say --budget"),
        ({"against": ["run.stop_win_rate=0.5"]}, "say --gin_param, which is every setting's target"),
        ({"against": [" ; "]}, "names no setting"),
        ({"against": ["base.gin"]}, "2 settings would be called defaults"),
        ({"against": ["loss.discounts=1"]}, "unknown option 'loss.discounts'"),
        ({"marks": ["0.8", "high"]}, "--marks='high'"),
        ({"marks": ["0.8", "0.8"]}, "each once"),
        ({"marks": ["1.5"]}, "at most 1"),
        ({"gin_params": ["run.stop_win_rate=0"]}, "run.stop_win_rate = 0 is no target"),
        ({"budget": 1000}, "--window=20000 is more than the budget of 3m, 1000"),
    ],
)
def test_what_cannot_be_meant_is_said(given, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        plan_wins(options("maps/3m.gin", **given))


def test_modules_are_chosen_from_in_every_setting(tmp_path):
    example = Path(__file__).parents[2] / "examples" / "attention"
    modules = read_modules([example.with_suffix(".py")])
    files = ["maps/3m.gin", str(example.with_suffix(".gin"))]
    wins = plan_wins(options(*files, against=["base.gin", "attention.heads=4"], modules=modules))
    policies = [load_config(run.gin_files, run.gin_params, registry=registry_of(modules))[0] for run in wins.runs]
    ours = load_config()[0].network.policy
    assert [config.network.policy for config in policies] == ["attention", ours, ours]
    assert policies[2].registered["attention"].heads == 4


def test_map_named_twice_is_said():
    with pytest.raises(ValueError, match="2 runs would be called 3m/defaults/seed_0"):
        plan_wins(options("maps/3m.gin", "maps/3m.gin"))
