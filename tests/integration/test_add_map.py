"""CONTRIBUTING, "Add a map", followed word for word in a copy of the program: three Marines against two Zealots."""

import json
import re

import pytest
from processes import tiny_run
from program_copy import ProgramCopy

NAME = "3m_vs_2z"
MAP = {
    "name": NAME,
    "source": "none: it shows how a map is added",
    "terrain": "flat_band",
    "playable_area": [2, 2, 30, 30],
    "episode_limit": 70,
    "map_type": "marines",
    "races": ["T", "P"],
    "unit_type_bits": 0,
    "allies": [{"unit": "Marine", "count": 3, "at": [9.0, 16.0]}],
    "enemies": [{"unit": "Zealot", "count": 2, "at": [23.0, 16.0]}],
    "enemy_order": {"kind": "attack_move", "target": [9.0, 16.0]},
}
SIZES = {
    "n_agents": 3,
    "n_enemies": 2,
    "n_actions": 6 + 2,
    "obs_shape": 4 + 2 * 6 + 2 * 5 + 1,  # moves, enemies with shields, allies, oneself
    "state_shape": 3 * 4 + 2 * 4 + 3 * 8,  # allies, enemies with shields, last actions
    "episode_limit": 70,
    "unit_type_bits": 0,
    "map_type": "marines",
    "a_race": "T",
    "b_race": "P",
    "ally_units": [["Marine_RL", 3]],
    "enemy_units": [["Zealot", 2]],
    "max_reward_stock_units": 2 * (10 + 100 + 50) + 200,
}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    copy = ProgramCopy(tmp_path_factory.mktemp("program"), "tests", "pyproject.toml")
    (copy.folder / f"seed_matrace/skirmish/data/maps/{NAME}.json").write_text(json.dumps(MAP))
    (copy.folder / f"gin/maps/{NAME}.gin").write_text(f"env.map_name = '{NAME}'\n")
    sizes = copy.folder / "tests/cext/smac_maps.json"
    known = json.loads(sizes.read_text())
    known["maps"][NAME] = SIZES
    sizes.write_text(json.dumps(known))
    return copy


def test_every_test_of_maps_tries_it(program):
    result = program.python("-m", "pytest", "-q", "-n0", "tests/skirmish", "tests/cext", "tests/configs", "-k", NAME)
    assert result.returncode == 0, result.stdout
    assert re.search(r"\n[1-9]\d+ passed", result.stdout), result.stdout


def test_it_is_played_and_trained_on(program):
    map_file = f"maps/{NAME}.gin"
    bench = ["bench", "env", map_file, "--seconds=0.2"]
    params = [word for word in tiny_run(40, "run.num_envs=4") if "env.backend" not in word]
    said = program.all_said([bench, ["train", "--num_actors=0", "--run_dir=run", map_file, *params]])
    assert f'"map": "{NAME}"' in said.stdout
    assert f"training on {NAME} (skirmish-" in said.stdout, said.stderr
    assert NAME in json.loads((program.folder / "run/eval/results.json").read_text())["smac-skirmish-3"]
