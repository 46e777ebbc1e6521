"""The teams that come with the program are whole, small, of this simulator, and play as their cards say."""

import json
from pathlib import Path

import numpy as np
import pytest
from processes import loaded

import seed_matrace
from seed_matrace import cli
from seed_matrace.evaluation.battle_seeds import BattlesOf
from seed_matrace.evaluation.episodes import evaluate
from seed_matrace.evaluation.policy import load_policy
from seed_matrace.skirmish.vector_env import BACKEND, SkirmishVectorEnv
from seed_matrace.zoo.index import INDEX, OWN, read_index
from seed_matrace.zoo.team import CARD, FILES, check_team

TEAMS = read_index(str(OWN))
MOST_BYTES = 2_000_000  # all together, in every wheel

every_team = pytest.mark.parametrize("name", TEAMS)


@every_team
def test_team_is_whole_and_of_this_simulator(name):
    facts = check_team(OWN / name)
    listed = TEAMS[name]
    assert (facts["map"], facts["backend"]) == (listed["map"], listed["backend"])
    assert facts["backend"] == BACKEND, "scripts/train_zoo.sh trains them anew"
    assert (facts["team"]["name"], facts["team"]["evaluation"]["episodes"]) == (name, 320)
    assert {path.relative_to(OWN / name).as_posix() for path in (OWN / name).rglob("*.*")} == {"run.json", *FILES}
    assert f"{listed['won']} of 320 battles won" in (OWN / name / CARD).read_text()
    assert "-dirty" not in facts["git"]


def test_teams_are_small_and_all_listed():
    assert {"3m", "8m", "2s3z", "MMM2"} <= set(TEAMS)
    assert {path.name for path in OWN.iterdir()} == {INDEX, *TEAMS}
    assert sum(path.stat().st_size for path in OWN.rglob("*") if path.is_file()) < MOST_BYTES


@every_team
def test_team_plays_alike_with_numpy_and_with_tensorflow(name):
    team, policy = seed_matrace.load_policy(OWN / name), load_policy(OWN / name)
    rng, spec = np.random.default_rng(0), policy.spec
    obs = rng.normal(size=(50, spec.n_agents, spec.obs_dim)).astype(np.float32)
    avail_actions = np.ones((50, spec.n_agents, spec.n_actions), np.uint8)
    start = np.ones(50, bool)
    assert np.mean(team.act(obs, avail_actions, start) == policy.act(obs, avail_actions, start)) > 0.99
    assert policy.env_steps == team.facts.env_steps == TEAMS[name]["env_steps"]


def test_team_wins_what_its_card_says(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # where no folder is called zoo
    team = seed_matrace.load_policy("zoo/3m")
    seed = BattlesOf.EVAL_COMMAND.seed(1)
    stats = evaluate(lambda num_envs, first: SkirmishVectorEnv("3m", num_envs, seed, first), team.act, 320)
    assert abs(int(np.sum(stats.battle_won)) - TEAMS["3m"]["won"]) <= 6  # rounding differs between machines


def test_team_is_opened_and_listed_without_tensorflow(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    statements = (
        "import seed_matrace, seed_matrace.cli; seed_matrace.load_policy('zoo/3m'); seed_matrace.cli.main(['zoo'])"
    )
    assert not loaded(statements, "tensorflow")


def test_commands_take_a_team_as_a_run_and_leave_it_as_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    before = {path: path.read_bytes() for path in OWN.rglob("*.*")}
    said = []
    for words in (
        ["watch", "zoo/3m"],
        ["plot", "zoo/3m"],
        ["export", "--run_dir=zoo/3m"],
        ["eval", "zoo/3m", "--episodes=4", "--save_replays=1"],
        ["zoo", "show", "zoo/3m"],
        ["zoo"],
    ):
        assert cli.main(words) == 0, words
        said.append(capsys.readouterr().out)
    assert [text.splitlines()[-1] for text in said[:3]] == ["3m-watch.html", "3m-learning_curve.png", "3m-policy.npz"]
    assert json.loads(said[3].splitlines()[-1])["episodes"] == 4
    assert said[4] == (OWN / "3m" / CARD).read_text()
    assert all(name in said[5] for name in TEAMS) and "seed-matrace eval zoo/" in said[5]
    made = {"3m-watch.html", "3m-learning_curve.png", "3m-policy.npz", "3m-replays"}
    assert {path.name for path in tmp_path.iterdir()} == made
    assert {path: path.read_bytes() for path in OWN.rglob("*.*")} == before
    seed_matrace.load_policy("3m-policy.npz")


def test_a_picture_of_several_teams_is_called_by_what_it_shows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["plot", "zoo/8m", "zoo/3m"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "8m-maps.png"
    assert {path.name for path in tmp_path.iterdir()} == {"8m-maps.png"}


@pytest.mark.parametrize("command", ["watch", "plot", "export"])
def test_an_empty_output_is_refused(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main([command, "zoo/3m", "--output="]) == 2
    assert "--output is empty" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_of_that_name_comes_first(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("zoo/3m").mkdir(parents=True)
    assert cli.main(["watch", "zoo/3m"]) == 2
    assert "zoo/3m has no replays" in capsys.readouterr().err
