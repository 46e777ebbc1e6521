"""Features of live games against SMAC's own Python: python -m pytest -m smac, with SMAC's sources on PYTHONPATH."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from live_games import one_hot, random_layout, random_options, random_table, units_of

from seed_matrace.skirmish.maps import load_map, map_names
from seed_matrace.smac_options import SmacOptions
from seed_matrace.starcraft2.features import StarCraft2Features, smac_arguments
from seed_matrace.starcraft2.messages import register_messages

pytestmark = pytest.mark.smac
SCENES_PER_MAP = 240
SCENES_PER_OPTIONS = 4


@pytest.fixture(scope="module")
def smac_env_class():
    register_messages()
    return pytest.importorskip("smac.env").StarCraft2Env


def protobuf_unit(**fields):
    from s2clientprotocol import common_pb2, raw_pb2

    x, y = fields.pop("pos")
    return raw_pb2.Unit(pos=common_pb2.Point(x=x, y=y), **fields)


def spawn(env, layout, table):
    """Lets ``env`` find the units of ``table`` as after a reset."""
    units = units_of(load_map(env.map_name), layout, table, protobuf_unit)
    env._obs = SimpleNamespace(observation=SimpleNamespace(raw_data=SimpleNamespace(units=units)))
    env._episode_count = 0
    env.init_units()


def new_env(smac_env_class, map_name, layout, options):
    env = smac_env_class(map_name=map_name, **smac_arguments(SmacOptions(**options)))
    env.map_x, env.map_y = layout.pathing.shape
    env.max_distance_x, env.max_distance_y = layout.max_distance
    env.pathing_grid, env.terrain_height = layout.pathing.astype(bool), layout.smac_height
    return env


@pytest.mark.parametrize("map_name", map_names())
def test_features_equal_smacs_own(smac_env_class, map_name):
    rng = np.random.default_rng([5, len(map_name)])
    for scene in range(SCENES_PER_MAP):
        if scene % SCENES_PER_OPTIONS == 0:
            options = random_options(rng) if scene else {}
            layout = random_layout(map_name, options, rng)
            env = new_env(smac_env_class, map_name, layout, options)
            features = StarCraft2Features(env)
        spawn(env, layout, random_table(layout, rng))
        actions = rng.integers(-1, layout.n_actions, layout.n_agents)
        env.last_action = one_hot(actions if rng.random() < 0.8 else -np.ones_like(actions), layout.n_actions)
        env._episode_steps = int(rng.integers(layout.episode_limit + 1))
        got = features.encode()
        want = (
            np.array(env.get_obs()).astype(np.float32),  # float64 with obs_timestep_number
            env.get_state(),
            np.array(env.get_avail_actions(), np.uint8),
        )
        for array, own in zip(got, want, strict=True):
            assert array.dtype == own.dtype
            assert array.shape == own.shape
            assert array.tobytes() == own.tobytes(), options
