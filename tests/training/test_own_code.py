"""Hooks and rewards of modules: made with their options, refused in one sentence, and at work in a run with actors."""

import json
import re

import pytest
from processes import ROOT, run, tiny_run

from seed_matrace.config import load_config
from seed_matrace.modules import read_modules, registry_of
from seed_matrace.training.own_code import hooks_of, reward_of

MODULE = """\
from dataclasses import dataclass
import json
import numpy as np
from seed_matrace import research
from seed_matrace.training import Callback

@dataclass(frozen=True)
class Options:
    size: float = 2.0

@research.reward("constant", options=Options)
def constant(transition, options):
    return np.full(len(transition.action), options.size, np.float32)

@research.hook("listener", options=Options)
class Listener(Callback):
    def __init__(self, options):
        self.heard = {"size": options.size, "rewards": []}

    def on_batch(self, run, batch, metrics):
        self.heard["rewards"] += batch.reward[1:].ravel().tolist()

    def on_end(self, run, why):
        (run.run_dir / "heard.json").write_text(json.dumps(self.heard | {"why": why}))
"""


def configured(folder, text, *params):
    path = folder / "mine.py"
    path.write_text(text)
    return load_config([], params, registry=registry_of(read_modules([path])))[0]


def test_module_at_work_in_a_run_with_actors(tmp_path):
    (tmp_path / "mine.py").write_text(MODULE)
    params = tiny_run(400, "env.backend='skirmish'", "env.map_name='3m'", "loss.reward='constant'")
    flags = ["--num_actors=1", "--gin_param=constant.size=3.5", "--gin_param=listener.size=3.5", *params]
    ended = run("train", f"--module={tmp_path / 'mine.py'}", f"--run_dir={tmp_path / 'run'}", *flags, timeout_s=280)
    assert ended.returncode == 0, ended.stderr
    heard = json.loads((tmp_path / "run" / "heard.json").read_text())
    assert (heard["why"], heard["size"]) == ("budget", 3.5)
    assert {*heard["rewards"]} == {3.5}  # all that is trained on is a transition
    assert "reward 'constant'" in ended.stdout and "hook 'listener'" in ended.stdout


def test_rewards_are_the_environments_unless_gin_chooses_others(tmp_path):
    config = configured(tmp_path, MODULE)
    assert reward_of(config) is None and len(hooks_of(config)) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("return transition.action", r"gave int32 \(2, 3\); float32 \(2,\) expected"),
        ("return transition.nothing", "raised AttributeError: "),
    ],
)
def test_reward_that_does_not_fit_is_said_with_its_place(tmp_path, text, said):
    text = f"from seed_matrace import research\n@research.reward('odd')\ndef odd(transition):\n    {text}\n"
    config = configured(tmp_path, text, "env.map_name='3m'", "loss.reward='odd'")
    with pytest.raises(RuntimeError, match=rf"the reward function 'odd' \(.*mine.py:2\) {said}"):
        reward_of(config)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("class Odd: pass", "the hook 'odd' is a Odd; a seed_matrace.training.Callback expected"),
        ("def odd(): raise KeyError('x')", "the hook 'odd' cannot be made .KeyError"),
    ],
)
def test_hook_that_is_none_is_said_with_its_place(tmp_path, text, said):
    config = configured(tmp_path, f"from seed_matrace import research\n@research.hook('odd')\n{text}\n")
    with pytest.raises(ValueError, match=rf"mine.py:2: {said}"):
        hooks_of(config)


def test_page_shows_the_examples():
    blocks = re.findall("```python\n(.*?)```", (ROOT / "docs" / "hooks.md").read_text(), re.S)
    for name, block in (("sure", blocks[0]), ("careful", blocks[-1])):
        assert (ROOT / "examples" / f"{name}.py").read_text().endswith(block)


def test_example_of_a_reward_is_one(tmp_path):
    assert reward_of(configured(tmp_path, (ROOT / "examples" / "careful.py").read_text(), "loss.reward='careful'"))
