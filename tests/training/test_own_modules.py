"""Runs with modules of one's own: begun, opened and gone on with."""

import json
import shutil
from pathlib import Path

import pytest
from processes import run_in_turn, tiny_run, untimed_metrics

from seed_matrace.config import options
from seed_matrace.learner.run_directory import RunDirectory, load_run_config, modules_info
from seed_matrace.learner.run_info import read_run_info, write_run_info
from seed_matrace.modules import read_modules
from seed_matrace.registered import OPEN
from seed_matrace.training.start import TrainOptions, plan_start

MODULE = """\
from dataclasses import dataclass
import tensorflow as tf
from seed_matrace import research

@dataclass(frozen=True)
class Options:
    scale: float = research.option(1.0, "of logits", above=0.0)

@research.policy("own", options=Options)
class Own(research.PolicyNetwork):
    def __init__(self, setup):
        super().__init__()
        self.recurrent_dim = setup.spec.n_agents * setup.network.policy_gru_units
        self._inner = research.mlp_policy(setup)
        self._scale = setup.options.scale

    def forward(self, obs, last_action=None, past=None):
        logits, state = self._inner.forward(obs, last_action, past)
        return self._scale * logits, state

@research.critic("own")
class OwnCritic(research.CriticNetwork):
    def __init__(self, setup):
        super().__init__()
        obs = setup.spec.n_agents * setup.spec.obs_dim
        self._mlp = research.Mlp([obs, 8, 1], setup.rng)

    def forward(self, obs, state, last_action=None, past=None):
        values, _ = self._mlp(tf.reshape(obs, [-1, obs.shape[-2] * obs.shape[-1]]))
        return tf.reshape(values, tf.shape(obs)[:-2]), None

@research.loss("own")
def own(batch):
    return research.ma_trace(batch) | {"logits": 0.01 * tf.reduce_mean(tf.square(batch.logits))}
"""
OWN = ("network.policy='own'", "network.critic='own'", "loss.function='own'", "own.scale=0.5")


@pytest.fixture
def module(tmp_path):
    path = tmp_path / "my_research.py"
    path.write_text(MODULE)
    return path


@pytest.mark.timeout(600)
def test_a_run_with_all_three_resumes_exactly_and_is_opened(tmp_path, module):
    runs = [tmp_path / name for name in ("whole", "cut", "wrong")]
    flags = [f"--module={module}", "--num_actors=0", "network.policy_gru_units=4"]
    flags[2] = f"--gin_param={flags[2]}"
    train = ["train", *flags]
    savedmodel = tmp_path / "saved"
    ends = run_in_turn(
        [*train, f"--run_dir={runs[0]}", *tiny_run(800, *OWN)],
        [*train, f"--run_dir={runs[1]}", *tiny_run(400, *OWN)],
        ["train", f"--run_dir={runs[1]}", "--gin_param=run.total_env_steps=800"],
        [*train, f"--run_dir={runs[2]}", *tiny_run(800, *OWN, "network.critic_input='own_obs'")],
        [*train, f"--run_dir={runs[2]}", *tiny_run(800, *OWN, "own.scale=0")],
        ["eval", f"--run_dir={runs[0]}", "--episodes=4"],
        ["export", f"--run_dir={runs[0]}", "--format=savedmodel", f"--output={savedmodel}"],
        ["export", f"--run_dir={runs[0]}"],
        timeout_s=500,
    )
    assert [end.returncode for end in ends] == [0, 0, 0, 2, 2, 0, 0, 2], [end.stderr for end in ends]
    assert "module my_research.py of SHA-256" in ends[0].stdout
    whole, cut = map(untimed_metrics, runs[:2])
    assert whole == cut and any(line.get("losses/logits", 0) > 0 for line in whole)
    assert "my_research.py:21: the critic 'own' gives values" in ends[3].stderr
    assert "own.scale must be above 0" in ends[4].stderr
    assert not runs[2].exists()
    assert json.loads(ends[5].stdout.splitlines()[-1])["episodes"] == 4
    assert (savedmodel / "saved_model.pb").exists()
    assert "network.policy = 'own' has no twin in NumPy; --format=savedmodel" in ends[7].stderr
    (noted,) = read_run_info(runs[0])["modules"]
    assert (runs[0] / "modules" / "my_research.py").read_text() == MODULE
    assert (noted["file"], noted["source"]) == ("my_research.py", str(module))
    assert "own.scale = 0.5" in (runs[0] / "operative_config.gin").read_text()


@pytest.fixture
def begun(tmp_path, module):
    """The directory of a run with the module, as ``train`` leaves it before its first step."""
    path = tmp_path / "run"
    modules = read_modules([module])
    start = plan_start(TrainOptions(run_dir=str(path), gin_params=OWN, modules=modules))
    directory = RunDirectory(path)
    directory.write_config(*start.texts)
    directory.keep_modules(start.modules)
    directory.close()
    about = {"backend": "skirmish-1", "map_name": "3m", "seed": 0, "argv": []}
    write_run_info(path, **about, modules=modules_info(start.modules))
    return path


def go_on(path, *given):
    return plan_start(TrainOptions(run_dir=str(path), modules=read_modules(given)))


def test_a_run_goes_on_with_its_modules(begun):
    start = go_on(begun)
    assert start.config.options_of("policy").scale == 0.5
    assert [module.name for module in start.modules] == ["my_research.py"]


def changed(module):
    module.write_text(MODULE.replace("0.01", "0.02"))


@pytest.mark.parametrize(
    ("happen", "said"),
    [(changed, "has changed since: go on with it as it is by --module="), (Path.unlink, "is gone: put it back, or go")],
)
def test_a_module_that_has_changed_or_is_gone_must_be_given_again(begun, module, happen, said):
    happen(module)
    with pytest.raises(ValueError, match=rf"my_research.py, which the run began with, {said}"):
        go_on(begun)
    assert go_on(begun, begun / "modules" / "my_research.py").notes[0].startswith("module my_research.py")


def test_another_version_that_is_given_is_said(begun, module):
    changed(module)
    start = go_on(begun, module)
    assert any("it learnt with another module" in note for note in start.notes)
    assert start.modules[0].content == module.read_bytes()


def test_a_copy_that_is_missing_or_changed_must_be_given_again(begun, module):
    copy = begun / "modules" / "my_research.py"
    for happen in (changed, lambda path: path.unlink()):
        happen(copy)
        with pytest.raises(ValueError, match=r"my_research\.py"):
            go_on(begun)
        assert go_on(begun, module).config.entry("loss").name == "own"
    with pytest.raises(ValueError, match=r"is missing; the run has my_research.py of SHA-256 \w+...; give a file"):
        load_run_config(begun)


def test_a_run_is_read_without_running_its_modules(begun):
    shutil.rmtree(begun / "modules")
    assert options(load_run_config(begun, registry=OPEN)[0])["own.scale"] == 0.5
