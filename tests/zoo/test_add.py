"""A run becomes a team: its best weights, their evaluation, what it was begun with; from it other runs begin."""

import json
import shlex

import numpy as np
import pytest
from processes import run_in_turn, tiny_run

from seed_matrace.algo.team_networks import Networks
from seed_matrace.config import load_config
from seed_matrace.evaluation.numpy_policy import load_numpy_policy
from seed_matrace.files import write_checked
from seed_matrace.learner.checkpoints import CheckpointError
from seed_matrace.learner.learner import Learner
from seed_matrace.learner.networks_file import named_variables, restore_networks, write_networks
from seed_matrace.learner.run_info import RUN_FILE, write_run_info
from seed_matrace.skirmish.vector_env import BACKEND
from seed_matrace.training.warm_start import start_from
from seed_matrace.training_env import training_spec
from seed_matrace.zoo.add import add_team, command_of
from seed_matrace.zoo.team import CARD, TeamError, check_team

SMALL = ["network.policy_layers=(8,)", "network.critic_layers=(8,)", "network.normalise_obs=True"]


def test_a_run_becomes_a_team_that_commands_take(tmp_path):
    run, zoo = tmp_path / "run", tmp_path / "teams"
    small = tiny_run(160, "env.backend='skirmish'", "evaluation.replays=False", *SMALL)
    results = run_in_turn(
        ["train", "maps/3m.gin", *small, "--run_dir", run, "--seed=5"],
        ["zoo", "add", run, "new", f"--zoo_dir={zoo}"],
        ["eval", zoo / "new"],
        ["zoo", "add", run, "new", f"--zoo_dir={zoo}"],
        ["zoo", "add", zoo / "new", "other", f"--zoo_dir={zoo}"],
        ["zoo", "add", run, "../other", f"--zoo_dir={zoo}"],
        timeout_s=280,
    )
    said = [(result.returncode, (result.stdout + result.stderr).strip().splitlines()[-1]) for result in results]
    assert [code for code, _ in said] == [0, 0, 0, 2, 2, 2], said
    assert "is there already; --replace" in said[3][1]
    assert "is a team of a zoo already" in said[4][1] and "'../other' is not the name" in said[5][1]
    facts, evaluated = check_team(zoo / "new"), json.loads(said[2][1])
    told = facts["team"]["evaluation"]
    for name in ("episodes", "win_rate", "return", "length", "dead_allies"):  # the very same battles
        assert told[name] == pytest.approx(evaluated[name], rel=1e-3), name
    assert (facts["map"], facts["backend"], facts["seed"]) == ("3m", BACKEND, 5)
    assert str(tmp_path) not in (zoo / "new" / CARD).read_text() + (zoo / "new" / RUN_FILE).read_text()
    assert sorted(path.name for path in zoo.iterdir()) == [".lock", "index.json", "new"]
    assert load_numpy_policy(zoo / "new" / "policy.npz").facts.env_steps == facts["team"]["env_steps"]


def test_the_command_that_began_a_run_is_told_without_the_place_where_it_lay():
    told = "seed-matrace train maps/3m.gin '--gin_param=loss.discount = 0.9' --seed=1"
    words = ["maps/3m.gin", "--gin_param=loss.discount = 0.9", "--seed=1"]
    for place in (["--run_dir=/home/me/3m"], ["--run_dir", "/home/me/3m"], ["-run_dir=/home/me/3m"], []):
        assert command_of({"argv": ["/home/me/bin/seed-matrace", "train", *place, *words]}) == told
    for begun in (["--init_from=/home/me/8m"], ["--init_from", "runs/me/8m"], ["-init_from=../8m"]):
        assert command_of({"argv": ["x", "train", *begun, "a.gin"]}) == "seed-matrace train --init_from=RUN a.gin"
    assert command_of({"argv": ["x", "train", "--init_from=zoo/8m"]}) == "seed-matrace train --init_from=zoo/8m"
    for word, said in {
        "/home/me/my.gin": "my.gin",
        "--gin_file=~/my work/my.gin": "--gin_file=my.gin",
        "../me/my.gin": "my.gin",
        "--gin_param=include '/home/me/my.gin'": "--gin_param=include 'my.gin'",
        "maps/3m.gin": "maps/3m.gin",
    }.items():
        assert command_of({"argv": ["x", word]}) == f"seed-matrace {shlex.quote(said)}"
    assert command_of({"argv": ["-c"]}) == command_of({}) == ""


@pytest.mark.parametrize(
    ("about", "bindings", "said"),
    [
        ({"modules": [{"file": "a.py", "sha256": "0", "source": "a.py"}]}, [], "was trained with --module: whoever"),
        ({}, ["env.backend='counting'"], "on counting; a team plays a map of SMAC's on skirmish"),
        ({}, [], "has no best checkpoint yet"),
    ],
)
def test_a_run_that_cannot_be_a_team_says_why(tmp_path, about, bindings, said):
    run = tmp_path / "run"
    write_run_info(run, backend=BACKEND, map_name="3m", seed=0, argv=[], **about)
    write_checked(run / "operative_config.gin", load_config(["maps/3m.gin"], [*SMALL, *bindings])[2])
    with pytest.raises((ValueError, RuntimeError), match=said):
        add_team(run, "new", tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists()


@pytest.mark.parametrize(
    ("make", "replace", "said"),
    [
        (lambda zoo: (zoo / "new").mkdir(parents=True), False, "is there already; --replace"),
        (lambda zoo: (zoo / "new").mkdir(parents=True), True, "is no team; nothing is put in its place"),
        (lambda zoo: zoo.write_text(""), False, "is a file; a folder expected"),
        (lambda zoo: (zoo.mkdir(), (zoo / "index.json").write_text("{")), False, "index.json cannot be used"),
    ],
)
def test_a_place_that_is_taken_is_refused_before_anything_is_played(tmp_path, monkeypatch, make, replace, said):
    run = tmp_path / "run"
    write_run_info(run, backend=BACKEND, map_name="3m", seed=0, argv=[])
    write_checked(run / "operative_config.gin", load_config(["maps/3m.gin"], SMALL)[2])
    monkeypatch.setattr("seed_matrace.zoo.add.load_policy", lambda _: pytest.fail("it was opened"))
    make(tmp_path / "zoo")
    with pytest.raises(TeamError, match=said):
        add_team(run, "new", tmp_path / "zoo", replace=replace)


@pytest.fixture
def team(tmp_path):
    """A folder with the weights of untrained networks, and its configuration."""
    config, _, operative = load_config(["maps/3m.gin"], SMALL)
    networks = Networks(training_spec(config), config, 1)
    rng = np.random.default_rng(0)
    for variable in networks.variables:  # biases of 0 would show nothing
        if variable.dtype.is_floating:
            variable.assign(np.abs(rng.normal(size=variable.shape)).astype(np.float32))
    (tmp_path / "team").mkdir()
    (tmp_path / "team" / RUN_FILE).write_text(json.dumps({"map": "3m", "backend": BACKEND, "seed": 0}))
    (tmp_path / "team" / "operative_config.gin").write_text(operative)
    write_networks(tmp_path / "team", {"policy": networks.policy, "critic": networks.critic}, 77)
    return tmp_path / "team", config, networks


def test_networks_come_back_from_their_file(team):
    folder, config, networks = team
    others = Networks(training_spec(config), config, 2)
    assert restore_networks(folder, {"policy": others.policy, "critic": others.critic}) == 77
    for ours, theirs in zip(networks.policy.variables, others.policy.variables, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    for ours, theirs in zip(networks.critic.variables, others.critic.variables, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-3)  # float16


def test_every_variable_has_a_name_of_its_own(team):
    for network in (team[2].policy, team[2].critic):
        assert [variable.name for variable in network.variables] != list(named_variables(network))
        assert list(map(id, named_variables(network).values())) == list(map(id, network.variables))
    assert {"kernel", "kernel.2", "kernel_0"} <= set(named_variables(team[2].policy))  # of enemies, of allies


def test_a_run_that_starts_from_a_team_has_all_its_weights(team):
    """The layers that see enemies and allies have the same names and shapes, and are not taken for each other."""
    folder, config, networks = team
    learner = Learner(config, training_spec(config), seed=3)
    count = len(networks.policy.variables)
    assert f"{count} of {count} policy variables" in start_from(learner, folder)
    for name, array in networks.policy.arrays().items():
        np.testing.assert_array_equal(learner.policy.arrays()[name], array, err_msg=name)


def test_networks_of_other_sizes_are_refused(team):
    folder, config, _ = team
    config, _, _ = load_config(["maps/8m.gin"], SMALL)
    others = Networks(training_spec(config), config, 2)
    with pytest.raises(CheckpointError, match=r"networks\.npz does not fit its configuration: .* expected"):
        restore_networks(folder, {"policy": others.policy, "critic": others.critic})
