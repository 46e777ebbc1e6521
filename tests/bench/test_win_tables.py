"""Medians over seeds, and what one setting needs of another's."""

from __future__ import annotations

import json

import pytest

from seed_matrace.bench.win_tables import joined, ratio_table, read_wins, wins_table


def run(setting, seed, steps, seconds=None, **more):
    mark = None if steps is None else {"env_steps": steps, "seconds": steps / 1000 if seconds is None else seconds}
    ran = 1_000_000 if steps is None else steps
    return {
        **{"map": "3m", "setting": setting, "seed": seed, "env_steps": ran, "start_up_s": 8.0, "sessions": 1},
        **{"marks": {"0.8": mark}, **more},
    }


def results(*runs, window=20_000, backend="skirmish-3"):
    return {
        "bench": "time_to_win",
        "format": 1,
        "window_env_steps": window,
        "evaluate_every_env_steps": 50_000,
        "settings": {name: [] for name in dict.fromkeys(one["setting"] for one in runs)},
        "peer": None,
        "maps": {"3m": {"backend": backend, "budget": 1_000_000, "marks": ["0.8"], "target": None}},
        "runs": list(runs),
    }


def test_row_has_medians_with_their_range_and_the_start_up_apart():
    table = wins_table(results(run("new", 0, 40_000), run("new", 1, 100_000), run("new", 2, 60_000)))
    assert table.header == ["map", "setting", "seeds", "80%, env steps", "seconds", "with start-up"]
    assert table.rows == [["3m", "new", "3", "60k (40k to 100k)", "60 (40 to 100)", "68"]]


def test_what_was_not_reached_is_said_and_never_left_out_of_a_median():
    table = wins_table(results(run("new", 0, 40_000), run("new", 1, 100_000), run("new", 2, None)))
    assert table.rows[0][3] == "100k (40k to not within 1.00M)"
    table = wins_table(results(run("new", 0, 40_000), run("new", 1, None), run("new", 2, None, failed="exit code 1")))
    assert table.rows[0][2:] == ["3, 1 failed", "not within 1.00M (1 of 3: 40k)", "-", "-"]
    assert wins_table(results(run("new", 0, None))).rows[0][3:] == ["not within 1.00M", "-", "-"]


@pytest.mark.parametrize(
    ("new", "old", "ratios"),
    [
        (40_000, 80_000, ["0.50", "0.50"]),
        (40_000, None, ["below 0.04", "-"]),
        (None, 80_000, ["above 12.50", "-"]),
        (None, None, ["-", "-"]),
    ],
)
def test_ratio_is_of_medians_or_a_bound_where_one_never_won(new, old, ratios):
    here, there = run("new", 0, new), run("old", 0, old)
    assert ratio_table(results(here, there)).rows == [["3m", "old", *ratios]]
    assert ratio_table(results(here), results(there)).rows == [["3m", "older old", *ratios]]


def test_nothing_to_compare_with_gives_no_table():
    assert ratio_table(results(run("new", 0, 40_000))) is None


def test_results_that_do_not_compare_are_refused():
    one = results(run("new", 0, 40_000))
    with pytest.raises(ValueError, match="differ in window_env_steps, 20000 and 5000"):
        ratio_table(one, results(run("old", 0, 40_000), window=5000))
    with pytest.raises(ValueError, match="skirmish-3 and on skirmish-2: results of two do not compare"):
        ratio_table(one, results(run("old", 0, 40_000), backend="skirmish-2"))


def test_results_of_several_machines_are_read_as_one():
    new, old = results(run("new", 0, 40_000)), results(run("old", 0, 80_000))
    more = results(run("new", 1, 60_000))
    whole = joined([new, more, old])
    assert wins_table(whole).rows == wins_table(results(*new["runs"], *more["runs"], *old["runs"])).rows
    assert ratio_table(whole).rows == [["3m", "old", "0.62", "0.62"]]
    other = joined([new, {**old, "maps": {"8m": {**old["maps"]["3m"]}}, "runs": [run("old", 0, 1, map="8m")]}])
    assert list(other["maps"]) == ["3m", "8m"]
    with pytest.raises(ValueError, match="3m with new and seed 0 is in two of the results"):
        joined([new, new])
    with pytest.raises(ValueError, match="differ in window_env_steps"):
        joined([new, results(run("old", 0, 40_000), window=5000)])


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"bench": "env"}', "nonsense", '{"bench": "time_to_win", "format": 9}']
)
def test_file_that_is_no_result_is_one_sentence(tmp_path, content):
    path = tmp_path / "old.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"old\.json is no result of bench time_to_win"):
        read_wins(path)
    with pytest.raises(ValueError, match="cannot be read"):
        read_wins(tmp_path / "none.json")
    path.write_text(json.dumps(results(run("new", 0, 40_000))))
    assert read_wins(path)["runs"]
