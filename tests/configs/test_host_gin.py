"""A program that has gin for itself finds it as it was, whatever this package loads or refuses."""

import subprocess
import sys

import pytest

HOST = """
import gin

@gin.configurable("loss")
def loss(discount=0.1): return discount
@gin.configurable("run", module="seed_matrace")
def run(num_envs=1): return num_envs
gin.constant("seed_matrace.constant", 7)
gin.parse_config("loss.discount = 0.5\\nWIDTH = 3\\na/loss.discount = %WIDTH\\nrun.num_envs = %seed_matrace.constant")
loss(), run()
LOCK

def everything():
    state = vars(gin.config)
    kept = ("_CONFIG", "_OPERATIVE_CONFIG", "_CONSTANTS", "_IMPORTS", "_CONFIG_IS_LOCKED", "_SINGLETONS", "_REGISTRY")
    held = {name: repr(state[name]) for name in kept if name in state}
    return held, gin.config_str(), gin.operative_config_str(), gin.config_is_locked()

before = everything()
from seed_matrace.config import ConfigError, load_config
from seed_matrace.vertex.options import load_options
config = load_config(["maps/8m.gin", "paper.gin"], ["loss.discount = 0.7", "import json"])[0]
assert config.loss.discount == 0.7, config
load_options(None, {})
for bad in ("loss.discount = 2", "loss.discont = 1", "loss.discount = (", "discount = 1", "loss.discount = @loss()"):
    try:
        load_config([], [bad])
    except ConfigError:
        pass
    else:
        raise AssertionError(bad)
assert everything() == before
assert loss() == 0.5 and run() == 7
"""


@pytest.mark.parametrize("lock", ["", "gin.finalize()"])
def test_gin_of_the_host_stays_as_it_was(lock):
    result = subprocess.run(
        [sys.executable, "-c", HOST.replace("LOCK", lock)], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr
