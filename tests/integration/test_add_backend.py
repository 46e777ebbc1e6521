"""CONTRIBUTING, "Add a backend", followed word for word in a copy of the program, with a toy."""

import json
import re
import shutil
from pathlib import Path

import pytest
from processes import tiny_run
from program_copy import ProgramCopy

IN_THE_TABLE = """\
def _toy_spec(env: EnvOptions) -> EnvSpec:
    from seed_matrace.envs.toy import toy_spec

    return toy_spec(env)


def _toy_version(env: EnvOptions) -> str:
    from seed_matrace.envs.toy import VERSION

    return VERSION


def _make_toy(env: EnvOptions, asked: Asked) -> VectorEnv:
    from seed_matrace.envs.toy import ToyVectorEnv

    return ToyVectorEnv(env, asked)


_TOY = Backend(
    name="toy",
    spec=_toy_spec,
    make=_make_toy,
    version=_toy_version,
    title="the toy",
    nobody_wins=lambda env: "nobody wins who presses buttons",
    options=frozenset({"pay"}),
)

"""
ITS_OPTIONS = '''\
"""Options of the toy."""

from dataclasses import dataclass

from seed_matrace.fields import option


@dataclass(frozen=True, kw_only=True)
class ToyOptions:
    """What a backend "toy" must know."""

    pay: float = option(1.0, "toy: for the lit button")
'''
ASKED = [f"--gin_param={asked}" for asked in ("env.backend='toy'", "env.map_name='five_buttons'")]
TINY = [word for word in tiny_run(160) if "env.backend" not in word]


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    copy = ProgramCopy(tmp_path_factory.mktemp("program"), "tests", "pyproject.toml")
    shutil.copy(Path(__file__).with_name("toy_backend.py"), copy.folder / "seed_matrace/envs/toy.py")
    table = "seed_matrace/envs/backends.py"
    copy.insert(table, IN_THE_TABLE, before="BACKENDS = ")
    copy.replace(table, "_PETTINGZOO, _COUNTING)", "_PETTINGZOO, _COUNTING, _TOY)")
    (copy.folder / "seed_matrace/toy_options.py").write_text(ITS_OPTIONS)
    options = "seed_matrace/env_options.py"
    copy.insert(options, "from seed_matrace.toy_options import ToyOptions", before="from seed_matrace.smac_options")
    copy.replace(options, "PettingZooOptions)", "PettingZooOptions, ToyOptions)")
    copy.replace("tests/test_architecture.py", '"smac_options"', '"smac_options", "toy_options"')
    contract = "tests/envs/test_contract.py"
    copy.replace(contract, "\n]\nNUM_ENVS", '\n    EnvConfig("three_buttons", "toy", pay=2.0),\n]\nNUM_ENVS')
    return copy


@pytest.fixture(scope="module")
def run_dir(program):
    """A run of some learner steps in one process."""
    said = program.said("train", "--num_actors=0", "--run_dir=run", *ASKED, *TINY, "--gin_param=env.pay=0.5")
    assert "training on five_buttons (toy-1), 8 environments, one process" in said
    assert "the best evaluation's return" in said  # nobody wins
    return program.folder / "run"


def test_contract_table_and_rooms_hold(program):
    of_the_toy = ("tests/envs/test_backends.py", "tests/envs/test_contract.py", "tests/test_architecture.py")
    of_the_toy += ("-k", "test_backends or toy or place or options.py")
    result = program.python("-m", "pytest", "-q", "-n0", *of_the_toy)
    assert result.returncode == 0, result.stdout
    assert re.search(r"\n[2-9]\d\d passed", result.stdout), result.stdout


def test_run_is_of_the_toy_in_every_file(run_dir):
    info = json.loads((run_dir / "run.json").read_text())
    assert (info["backend"], info["map"]) == ("toy-1", "five_buttons")
    results = json.loads((run_dir / "eval/results.json").read_text())
    (evaluated,) = results["toy-1"]["five_buttons"]["matrace"].values()
    assert evaluated and all("win_rate" not in step and 0 <= max(step["return"]) <= 2 for step in evaluated.values())
    lines = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    assert any("eval/return" in line for line in lines)
    assert not any(name.endswith("win_rate") for line in lines for name in line)


def test_team_is_evaluated_and_leaves_no_replays(program, run_dir):
    evaluate = ["eval", "--run_dir=run", "--episodes=5"]
    said = program.all_said([evaluate, [*evaluate, "--save_replays=1"]])
    summary = json.loads(said.stdout.splitlines()[-1])
    assert (summary["backend"], summary["episodes"], "win_rate" in summary) == ("toy-1", 5, False)
    assert "there are replays of battles on skirmish and starcraft2, not of backend 'toy'" in said.stderr
    assert not (run_dir / "replays").exists()


def test_what_it_is_not_is_refused_before_anything_is_made(program):
    refusals = {
        "env.backend='toi'": "'pettingzoo', 'counting', 'toy', not 'toi'; did you mean 'toy'?",
        "env.map_name='3m'": "unknown map '3m'; known maps: three_buttons, five_buttons",
        "env.obs_last_action=True": "env.obs_last_action is of SMAC's battles and means nothing to the toy",
        "env.won_info='won'": "env.won_info is of PettingZoo's environments: env.backend = 'pettingzoo' expected",
        "env.backend='skirmish' env.pay=2.0": "env.pay is of the toy: env.backend = 'toy' expected",
    }
    train = ["train", "--num_actors=0", "--run_dir=none", *ASKED]
    commands = [[*train, *(f"--gin_param={param}" for param in asked.split())] for asked in refusals]
    said = program.all_said(commands).stderr.splitlines()
    assert len(said) == len(refusals)
    for sentence, expected in zip(said, refusals.values(), strict=True):
        assert expected in sentence
    assert not (program.folder / "none").exists()


def test_what_does_nothing_with_it_is_said(program):
    asked = ["env.backend='toy'", "run.stop_win_rate=0.5", "evaluation.replays=False", "starcraft2.step_timeout_s=9"]
    look = (
        "from seed_matrace.config import load_config\nfrom seed_matrace.config_effects import warnings_of\n"
        f"print(*warnings_of(load_config([], {asked})[0]), sep='\\n')"
    )
    said = program.python("-c", look).stdout
    assert "run.stop_win_rate = 0.5 does nothing in this run: nobody wins who presses buttons" in said
    assert "evaluation.replays = False does nothing in this run: env.backend = 'toy' leaves no replays" in said
    assert "starcraft2.step_timeout_s = 9.0 does nothing in this run: env.backend = 'toy' plays no StarCraft II" in said
