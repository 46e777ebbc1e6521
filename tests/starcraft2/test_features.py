"""Features of live games against the naive twin, exactly, for all maps and options."""

from __future__ import annotations

import numpy as np
import pytest
from live_games import PlainGame, random_layout, random_options, random_table
from twins import features as reference

from seed_matrace.skirmish.maps import map_names
from seed_matrace.starcraft2.features import StarCraft2Features


@pytest.mark.parametrize("map_name", map_names())
def test_features_equal_naive_twin(map_name):
    rng = np.random.default_rng([3, len(map_name)])
    for options in ({}, *(random_options(rng) for _ in range(6))):
        layout = random_layout(map_name, options, rng)
        game = PlainGame(map_name, layout)
        features = StarCraft2Features(game)
        for _ in range(3):
            table = random_table(layout, rng)
            last_action = rng.integers(-1, layout.n_actions, layout.n_agents).tolist()
            step = int(rng.integers(layout.episode_limit + 1))
            game.show(table, last_action, step)
            obs, avail, state = reference.smac_features(layout, table, last_action, step)
            for got, want in zip(features.encode(), (obs, state, avail), strict=True):
                assert got.dtype == want.dtype
                assert got.tobytes() == want.tobytes()


def test_dead_unit_shows_nothing_of_its_life():
    layout = random_layout("3m", {}, np.random.default_rng(0))
    game = PlainGame("3m", layout)
    features = StarCraft2Features(game)
    table = np.full((5, 6), 10, np.float32)
    game.show(table, [1, 1, 1], 4)
    alive = features.encode()
    for unit in (game.agents[0], game.enemies[2]):
        unit.health = 0  # SMAC leaves the rest of its last message as it was
    dead = features.encode()
    table[2, [0, 5]] = 0
    _, avail, state = reference.smac_features(layout, table, [1, 1, 1], 4)
    np.testing.assert_array_equal(dead.state, state)
    np.testing.assert_array_equal(dead.avail_actions, avail)
    assert not dead.obs[0].any() and alive.obs[0].any()


def test_unknown_kind_of_unit_is_refused():
    layout = random_layout("2s3z", {}, np.random.default_rng(0))
    game = PlainGame("2s3z", layout)
    game.show(random_table(layout, np.random.default_rng(1)), [-1] * 5, 0)
    game.get_unit_type_id = lambda unit, ally: 2
    with pytest.raises(ValueError, match="2s3z has units of types"):
        StarCraft2Features(game).encode()
