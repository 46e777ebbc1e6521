"""Which columns belong to which unit: as the kernel writes them."""

import json

import numpy as np
import pytest

from seed_matrace.config import load_config
from seed_matrace.envs.registry import env_spec
from seed_matrace.skirmish.features import smac_features
from seed_matrace.skirmish.maps import load_map
from seed_matrace.specs import read_env_spec, spec_as_json
from seed_matrace.unit_columns import ally_numbers, columns_of, targets_of

OPTIONS = ("env.obs_last_action=True", "env.obs_timestep_number=True", "env.obs_pathing_grid=True")


def spec_of(map_name, *params):
    return env_spec(load_config([f"maps/{map_name}.gin"], params)[0].env)


@pytest.mark.parametrize("params", [(), OPTIONS], ids=["default", "more is shown"])
@pytest.mark.parametrize("map_name", ["3m", "3s5z", "MMM"])
def test_a_units_health_shows_in_its_rows_alone(map_name, params):
    config = load_config([f"maps/{map_name}.gin"], params)[0]
    battle_map = load_map(map_name)
    layout = battle_map.layout.with_options(config.env, battle_map.episode_limit)
    spec = layout.spec(battle_map.episode_limit)
    n, units = spec.n_agents, spec.n_agents + spec.units.n_enemies
    table = np.zeros((units + 1, 5, units), np.float32)  # an environment for each unit that is hurt, and one for none
    table[:, :2] = 10 + np.linspace(0, 1, units)  # all see each other
    table[:, 2] = 0.75 * layout.health_max
    table[np.arange(units), 2, np.arange(units)] *= 0.5
    shown = smac_features(layout, table, np.full((units + 1, n), 1, np.int32))
    changed = shown.obs[:-1] != shown.obs[-1]  # [units, N, O]
    own, allies, enemies = map(columns_of, (spec.units.own, spec.units.allies, spec.units.enemies))
    numbers = ally_numbers(n)
    for agent in range(n):
        for unit in range(units):
            if unit == agent:
                rows = own[0]
            elif unit < n:
                rows = allies[numbers[agent].tolist().index(unit)]
            else:
                rows = enemies[unit - n]
            found = np.flatnonzero(changed[unit, agent])
            assert found.size and set(found) <= set(rows)
    of_state = [*columns_of(spec.units.state_allies), *columns_of(spec.units.state_enemies)]
    for unit in range(units):
        found = np.flatnonzero(shown.state[unit] != shown.state[-1])
        assert found.size and set(found) <= set(of_state[unit])


def test_all_columns_of_observations_belong_to_somebody():
    for spec in (spec_of("MMM2"), spec_of("3m", *OPTIONS)):
        blocks = (spec.units.own, spec.units.allies, spec.units.enemies)
        assert sorted(np.concatenate([columns_of(rows).ravel() for rows in blocks])) == list(range(spec.obs_dim))


def test_stacks_have_the_oldest_frame_first():
    one, three = spec_of("3m"), spec_of("3m", "env.frame_stack=3")
    once, stacked = columns_of(one.units.enemies), columns_of(three.units.enemies)
    assert np.array_equal(stacked, np.concatenate([once, once + one.obs_dim, once + 2 * one.obs_dim], axis=1))
    assert three.units.state_allies == one.units.state_allies


def test_healers_aim_at_allies_and_all_others_at_enemies():
    spec = spec_of("MMM")
    targets = targets_of(spec.units, spec.n_agents, spec.n_actions)
    assert spec.units.healers == (9,)
    assert np.array_equal(targets[0], [-1] * 6 + list(range(10, 20)))
    assert np.array_equal(targets[9], [-1] * 6 + list(range(10)))


def test_a_state_of_all_observations_has_no_rows():
    assert spec_of("3m", "env.obs_instead_of_state=True").units.state_allies == ()


def test_environments_without_units_have_none():
    assert env_spec(load_config([], ["env.backend='counting'"])[0].env).units is None


def test_files_keep_them_and_old_ones_are_read_without():
    spec = spec_of("MMM2")
    said = json.loads(json.dumps(spec_as_json(spec)))
    assert read_env_spec(said).units == spec.units
    del said["units"]
    assert read_env_spec(said).units is None and read_env_spec(said) == spec


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("own", [[0, 900, 1]], "own has"),
        ("enemies", [[0, 4, 3]], "enemies has"),
        ("allies", "all", "allies has"),
        ("first_target", 99, "first_target"),
        ("healers", [10], "healers"),
        ("colour", 1, "expected"),
    ],
)
def test_units_of_a_file_that_cannot_be_are_refused(name, value, why):
    said = json.loads(json.dumps(spec_as_json(spec_of("MMM2"))))
    said["units"][name] = value
    with pytest.raises(ValueError, match=why):
        read_env_spec(said)
