"""eval/results.json: the marl-eval format, whole at any moment, cut back on resume."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from seed_matrace.evaluation.results import RESULTS_FILE, ResultsWriter, read_results
from seed_matrace.evaluation.scores import read_scores
from seed_matrace.files import CHECKSUMS
from seed_matrace.learner.run_info import write_run_info
from seed_matrace.types import EpisodeStats

RUN = {"backend": "skirmish-1", "map_name": "3m", "seed": 7}


def episodes(count: int, *, seed: int) -> EpisodeStats:
    rng = np.random.default_rng(seed)
    return EpisodeStats(
        episode_return=rng.uniform(0, 20, count).astype(np.float32),
        length=rng.integers(5, 60, count, dtype=np.int32),
        battle_won=rng.random(count) < 0.5,
        dead_allies=rng.integers(0, 3, count, dtype=np.int32),
        dead_enemies=rng.integers(0, 3, count, dtype=np.int32),
    )


def run_of(run_dir: Path) -> dict:
    return read_results(run_dir)["smac-skirmish-1"]["3m"]["matrace"]["seed_7"]


def test_format_is_that_of_marl_eval(tmp_path):
    writer = ResultsWriter(tmp_path, **RUN)
    first, second, best = episodes(32, seed=1), episodes(32, seed=2), episodes(320, seed=3)
    writer.append(1000, 1.25, first)
    writer.append(2000, 2.5, second)
    writer.set_absolute(best)
    run = run_of(tmp_path)
    assert list(run) == ["step_0", "step_1", "absolute_metrics"]
    assert (run["step_1"]["step_count"], run["step_1"]["elapsed_time"]) == (2000, 2.5)
    assert run["step_0"]["win_rate"] == first.battle_won.astype(float).tolist()
    np.testing.assert_array_equal(np.float32(run["step_1"]["return"]), second.episode_return)
    assert run["absolute_metrics"]["length"] == best.length.tolist()
    outcomes = {"win_rate", "return", "length", "dead_allies", "dead_enemies"}
    assert set(run["step_0"]) == outcomes | {"step_count", "elapsed_time"}
    assert set(run["absolute_metrics"]) == outcomes  # marl-eval averages whatever it finds here


def test_file_is_whole_after_every_evaluation_and_nothing_is_left_beside_it(tmp_path):
    writer = ResultsWriter(tmp_path, **RUN)
    for i in range(3):
        writer.append(1000 * i, float(i), episodes(4, seed=i))
        assert len(run_of(tmp_path)) == i + 1
    assert {path.name for path in (tmp_path / "eval").iterdir()} == {"results.json", CHECKSUMS}


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"a": 1}', '{"a": {"b": {"c": {"seed_0": {"step_0": 1}}}}}', '{"a": {"b": {"c": {"seed_0": 1}}}}',
     '{"a": {"b": {"c": {"seed_0": {"step_0": {"step_count": "1"}}}}}}', "[" * 100_000,
     '{"a": {"b": {"c": {"seed_0": {"step_0": {"step_count": 1, "win_rate": [null]}}}}}}'],
    ids=lambda text: text[:40],
)  # fmt: skip
def test_what_is_no_file_of_results_is_one_sentence(tmp_path, text):
    (tmp_path / "eval").mkdir()
    (tmp_path / RESULTS_FILE).write_text(text)  # by another program: it was never noted
    with pytest.raises(ValueError, match=r"results\.json is (damaged|empty).*; put back a copy of it"):
        read_results(tmp_path)


def test_interrupted_write_leaves_the_file_before_it(tmp_path, monkeypatch):
    writer = ResultsWriter(tmp_path, **RUN)
    writer.append(0, 0.0, episodes(4, seed=0))
    before = (tmp_path / RESULTS_FILE).read_text()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        writer.append(1000, 1.0, episodes(4, seed=1))
    assert (tmp_path / RESULTS_FILE).read_text() == before


def test_resumed_run_ends_with_the_same_file_as_one_that_was_not(tmp_path):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    writer = ResultsWriter(straight, **RUN)
    for i in range(4):
        writer.append(1000 * i, float(i), episodes(8, seed=i))
    writer = ResultsWriter(broken, **RUN)
    for i in range(3):
        writer.append(1000 * i, float(i), episodes(8, seed=i))
    writer.set_absolute(episodes(8, seed=9))
    writer = ResultsWriter(broken, **RUN, resume_env_steps=1999)  # the checkpoint lies before the third evaluation
    assert list(run_of(broken)) == ["step_0", "step_1"]
    for i in range(2, 4):
        writer.append(1000 * i, float(i), episodes(8, seed=i))
    assert (broken / RESULTS_FILE).read_text() == (straight / RESULTS_FILE).read_text()


def test_ten_and_more_evaluations_stay_in_order_on_resume(tmp_path):
    writer = ResultsWriter(tmp_path, **RUN)
    for i in range(12):
        writer.append(1000 * i, float(i), episodes(2, seed=i))
    ResultsWriter(tmp_path, **RUN, resume_env_steps=20_000)
    assert [step["step_count"] for step in run_of(tmp_path).values()] == [1000 * i for i in range(12)]


def test_new_run_drops_the_results_of_an_older_one(tmp_path):
    ResultsWriter(tmp_path, **RUN).append(0, 0.0, episodes(2, seed=0))
    ResultsWriter(tmp_path, **RUN)
    with pytest.raises(FileNotFoundError):
        read_results(tmp_path)


@pytest.mark.parametrize("other", [{"backend": "sc2-4.10"}, {"map_name": "8m"}, {"seed": 8}])
def test_results_of_another_run_are_not_continued(tmp_path, other):
    ResultsWriter(tmp_path, **RUN).append(0, 0.0, episodes(2, seed=0))
    with pytest.raises(ValueError, match=r"results\.json holds results of"):
        ResultsWriter(tmp_path, **{**RUN, **other}, resume_env_steps=0)
    assert json.loads((tmp_path / RESULTS_FILE).read_text())  # and they are not touched


@pytest.mark.parametrize("other", [{}, {"backend": "sc2-4.10"}, {"map_name": "8m"}, {"seed": 8}], ids=str)
def test_results_of_another_run_copied_here_are_refused_by_every_reader(tmp_path, other):
    for name, about in (("one", RUN), ("two", {**RUN, **other})):
        write_run_info(tmp_path / name, **about, argv=[])
        ResultsWriter(tmp_path / name, **about).append(0, 0.0, episodes(2, seed=0))
    shutil.copytree(tmp_path / "two" / "eval", tmp_path / "one" / "eval", dirs_exist_ok=True)
    for read in (read_results, partial(read_scores, variant="a"), partial(ResultsWriter, **RUN, resume_env_steps=0)):
        with pytest.raises(
            ValueError, match=r"results\.json is not what was written.*of another run; put back.*remove it"
        ):
            read(tmp_path / "one")
    (tmp_path / "one" / "eval" / CHECKSUMS).unlink()
    with pytest.raises(ValueError, match=r"checksums\.json, .* is missing"):
        read_results(tmp_path / "one")


@pytest.mark.parametrize("other", [{"backend": "sc2-4.10"}, {"map_name": "8m"}, {"seed": 8}], ids=str)
def test_results_without_checksums_are_still_held_against_run_json(tmp_path, other):
    ResultsWriter(tmp_path, **{**RUN, **other}).append(0, 0.0, episodes(2, seed=0))  # of an older version: without id
    (tmp_path / "run.json").write_text(json.dumps({"backend": "skirmish-1", "map": "3m", "seed": 7}))
    with pytest.raises(ValueError, match=r"results\.json holds results of .*, this run is"):
        read_results(tmp_path)


def test_comma_in_the_algorithm_is_refused(tmp_path):
    with pytest.raises(ValueError, match="comma"):
        ResultsWriter(tmp_path, **RUN, algorithm="matrace,obs")
