"""Programs that import smac get the simulator after one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import smaclite
from smac.env import MultiAgentEnv, StarCraft2Env
from smac.env.starcraft2.maps import get_map_params
from smac.env.starcraft2.starcraft2 import StarCraft2Env as same
import collections, smac
assert same is StarCraft2Env and issubclass(StarCraft2Env, MultiAgentEnv)
assert get_map_params("3m")["limit"] == 60
assert collections.Mapping is collections.abc.Mapping
env = StarCraft2Env(map_name="3m", seed=1)
env.reset()
print(env.get_env_info()["n_agents"], smaclite.__file__)
"""


def in_shell(script, **environment):
    environment = {**os.environ, "PYTHON": sys.executable, "PROGRAM": PROGRAM, **environment}
    return subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("before", ["", "somewhere"])
def test_one_line_is_all_there_is_to_do(before, tmp_path):
    eval_line = 'eval "$($PYTHON -m seed_matrace.smac)"; '
    path = ":".join(filter(None, [str(ROOT), before]))
    result = in_shell(f'{eval_line} echo "$PYTHONPATH"; $PYTHON -c "$PROGRAM"', PYTHONPATH=path)
    assert result.returncode == 0, result.stderr
    path_after, said = result.stdout.splitlines()
    assert path_after.endswith(f":{path}") and said.startswith("3 ") and "without_smaclite" in said


def test_a_smaclite_that_is_there_is_not_hidden(tmp_path):
    (tmp_path / "smaclite.py").write_text("")
    path = f"{ROOT}:{tmp_path}"
    result = in_shell('eval "$($PYTHON -m seed_matrace.smac)"; $PYTHON -c "$PROGRAM"', PYTHONPATH=path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split()[1] == str(tmp_path / "smaclite.py")
