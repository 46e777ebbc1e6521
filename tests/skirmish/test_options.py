"""SMAC's options: what they are checked for, and what they do in both interfaces."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from twins import features as reference
from twins.outcome import ScriptedTeam, end_code, reward

from seed_matrace import make_vector_env
from seed_matrace.envs import registry
from seed_matrace.sections.env import EnvConfig
from seed_matrace.skirmish.battles import build_battles, reward_divisor
from seed_matrace.skirmish.layout import FeatureLayout
from seed_matrace.skirmish.maps import load_map, map_names
from seed_matrace.skirmish.slots import slot_types
from seed_matrace.skirmish.smac_env import StarCraft2Env
from seed_matrace.skirmish.vector_env import SkirmishVectorEnv
from seed_matrace.smac_options import SmacOptions
from seed_matrace.specs import empty_env_output

ALL_SHOWN = {
    "obs_last_action": True,
    "obs_pathing_grid": True,
    "obs_terrain_height": True,
    "obs_timestep_number": True,
    "state_timestep_number": True,
}
REWARDS = [
    {},
    {"reward_only_positive": False},
    {"reward_only_positive": False, "reward_negative_scale": 0.3, "reward_death_value": 7.5, "reward_defeat": -20},
    {"reward_sparse": True},
    {"reward_sparse": True, "reward_scale": False},
    {"reward_scale_rate": 1, "reward_win": 50},
]


class Battle:
    """One battle that stays where it ended, played by an eager team, beside its naive twin."""

    def __init__(self, map_name: str, options: SmacOptions, seed: int) -> None:
        self.map = load_map(map_name)
        self.layout = self.map.layout.with_options(options, self.map.episode_limit)
        self.divisor = reward_divisor(self.map, options)
        self.battles = build_battles(self.map, self.layout, 1, seed, 0, reward_divisor=self.divisor, autoreset=False)
        self.out = empty_env_output(self.layout.spec(self.map.episode_limit), 1)
        self.battles.reset(*self.out[:3])
        self.layout = self.layout_of_the_units()
        self.rng = np.random.default_rng(seed)
        self.ended = False

    def layout_of_the_units(self) -> FeatureLayout:
        """For the numbers that the enemies have in this battle."""
        types = slot_types(self.map, self.battles)
        orders = [self.map.type_order[slot >= self.map.n_agents] for slot in range(len(types))]
        numbers = [order.index(unit.name) for order, unit in zip(orders, types, strict=True)]
        return dataclasses.replace(
            self.layout,
            health_max=np.array([unit.health for unit in types], np.float64),
            shield_norm=np.array([unit.smac_max_shield for unit in types], np.float64),
            gauge_norm=np.array([unit.smac_max_cooldown for unit in types], np.float64),
            type_number=np.array(numbers if self.layout.unit_type_bits else [0] * len(types), np.int32),
            healer=np.array([unit.heals for unit in types], np.uint8),
        )

    def units(self) -> np.ndarray:
        return self.battles.units()[0]

    def wear_down(self) -> None:
        """Most units are one hit from death: battles end early, in every way there is."""
        health = self.battles.memory()[0][0, 2]
        weak = self.rng.random(len(health)) < 0.8
        health[weak & (health > 0)] = 0.5

    def eager_actions(self) -> np.ndarray:
        avail = self.out.avail_actions[0]
        score = self.rng.random(avail.shape) * avail
        score[:, 6:] *= 5
        score[:, 4] *= 2
        return score.argmax(axis=1).astype(np.int32)[None]

    def step(self, actions: np.ndarray) -> None:
        out = self.out
        ends = [out.terminated.view(np.uint8), out.truncated.view(np.uint8)]
        episode = out.episode._replace(battle_won=out.episode.battle_won.view(np.uint8))
        self.battles.step(actions, *out[:4], *ends, *episode, out.final_obs, out.final_state)
        self.ended = bool(out.terminated[0] or out.truncated[0])


@pytest.mark.parametrize("rewards", REWARDS, ids=lambda options: ",".join(options) or "default")
@pytest.mark.parametrize("name", map_names())
def test_rewards_and_ends_equal_the_naive_twin(name: str, rewards: dict[str, float]) -> None:
    for seed in range(3):
        battle = Battle(name, SmacOptions(**rewards), seed)
        for step in range(25):
            if step == 12:
                battle.wear_down()
            before = battle.units()
            battle.step(battle.eager_actions())
            assert battle.battles.last_step()[0][0] == reward(battle.layout, battle.divisor, before, battle.units())
            code = end_code(battle.layout, battle.units())
            assert bool(battle.out.terminated[0]) == (code is not None)
            assert bool(battle.out.episode.battle_won[0]) == (code == 1)
            if battle.ended:
                break


@pytest.mark.parametrize("rest", [False, True], ids=["free", "rest"])
@pytest.mark.parametrize("name", map_names())
def test_scripted_team_equals_the_naive_twin(name: str, rest: bool) -> None:
    battle = Battle(name, SmacOptions(heuristic_ai=True, heuristic_rest=rest), 1)
    twin = ScriptedTeam(battle.layout)
    for step in range(40):
        if step == 15:
            battle.wear_down()
        want = twin.act(battle.units(), battle.out.avail_actions[0])
        battle.step(np.ones((1, battle.map.n_agents), np.int32))
        assert battle.battles.last_step()[1][0].tolist() == want
        if battle.ended:
            break


@pytest.mark.parametrize("name", map_names())
def test_simulator_shows_what_the_twin_makes_of_its_units(name: str) -> None:
    battle = Battle(name, SmacOptions(**ALL_SHOWN), 2)
    for step in range(12):
        actions = battle.eager_actions()
        battle.step(actions)
        if battle.ended:
            break
        want = reference.smac_features(battle.layout, battle.units(), actions[0].tolist(), step + 1)
        for got, twin in zip(battle.out[:3], want, strict=True):
            np.testing.assert_array_equal(got[0], twin)


def test_heights_of_floor_pit_ledge_and_ramp() -> None:
    """By the row in which the game has them, before SMAC turns them."""
    heights = {name: np.rint(255 * load_map(name).layout.smac_height[:, ::-1]) for name in map_names()}
    for name, height in heights.items():
        assert set(np.unique(height)) <= {127, 135, 191, 193, 197, 201, 207}
        assert (height[load_map(name).walkable == 1] >= 191).all(), name
    assert heights["2c_vs_64zg"][16, 16] == 207 and heights["2c_vs_64zg"][16, 9] == 191
    assert heights["2c_vs_64zg"][4:7, 16].tolist() == [193, 197, 201]


def test_medivacs_alone_have_lost_and_an_enemy_medivac_alone_is_beaten() -> None:
    """On MMM maps; with nobody left at all it is a defeat too, elsewhere a draw."""
    plain = load_map("3m").layout
    layout = dataclasses.replace(plain, healer=np.array([0, 0, 1, 0, 0, 1], np.uint8))
    codes = {"111111": None, "001111": -1, "001000": -1, "000000": -1, "110001": 1, "110000": 1, "000111": -1}
    for alive, code in codes.items():
        units = np.zeros((5, 6), np.float32)
        units[2] = [int(flag) for flag in alive]
        assert end_code(layout, units) == code
    assert end_code(plain, np.zeros((5, 6), np.float32)) == 0
    battle_map = load_map("3m")
    for alive, code in codes.items():
        battles = build_battles(battle_map, layout, 1, 0, 0, reward_divisor=1.0, autoreset=False)
        out = empty_env_output(layout.spec(60), 1)
        battles.reset(*out[:3])
        battles.memory()[0][0, 2, :6] *= [int(flag) for flag in alive]
        episode = out.episode._replace(battle_won=out.episode.battle_won.view(np.uint8))
        ends = out.terminated.view(np.uint8), out.truncated.view(np.uint8)
        battles.step(np.ones((1, 3), np.int32), *out[:4], *ends, *episode, out.final_obs, out.final_state)
        assert (out.terminated[0], out.episode.battle_won[0]) == (code is not None, code == 1), alive


def test_scripted_team_plays_better_than_random() -> None:
    wins = {}
    for heuristic_ai in (False, True):
        env = SkirmishVectorEnv("3m", 32, options=SmacOptions(heuristic_ai=heuristic_ai))
        env.reset()
        outs = [env.step(env.sample_actions()) for _ in range(60)]
        wins[heuristic_ai] = sum(int(out.episode.battle_won.sum()) for out in outs)
    assert wins[True] > 10 + wins[False]


def test_scripted_team_takes_any_existing_action() -> None:
    env = SkirmishVectorEnv("3m", 2, options=SmacOptions(heuristic_ai=True))
    env.reset()
    out = env.step(np.full((2, 3), 8, np.int32))
    np.testing.assert_array_equal(out.state[0, -27:].reshape(3, 9).argmax(axis=1), [8, 8, 8])
    with pytest.raises(ValueError, match=r"0\.\.8"):
        env.step(np.full((2, 3), 9, np.int32))


def test_step_mul_and_move_amount() -> None:
    """A long step of a long move goes as far as the short ones together."""
    far = StarCraft2Env("3m", seed=0, step_mul=16, move_amount=4)
    near = StarCraft2Env("3m", seed=0)
    far.reset(), near.reset()
    far.step([4] * 3), near.step([4] * 3), near.step([4] * 3)
    np.testing.assert_array_equal(far.get_state()[:12], near.get_state()[:12])
    assert SmacOptions(step_mul=None).loops_per_step == 8


def test_options_change_the_spec_and_nothing_else_has_to_know() -> None:
    config = EnvConfig("3m", **ALL_SHOWN, obs_instead_of_state=True)
    spec = registry.env_spec(config)
    env = registry.make_vector_env(config, 2, seed=0)
    assert env.spec == spec
    assert (spec.obs_dim, spec.state_dim) == (67, 3 * 67)
    out = env.reset()
    np.testing.assert_array_equal(out.state, out.obs.reshape(2, -1))
    assert make_vector_env("3m", 2, **ALL_SHOWN).spec.obs_dim == 67


def test_timestep_counts_up_and_starts_anew() -> None:
    env = SkirmishVectorEnv("3m", 4, options=SmacOptions(obs_timestep_number=True, state_timestep_number=True))
    out = env.reset()
    step = np.zeros(4)
    for _ in range(100):
        np.testing.assert_array_equal(out.state[:, -1], (step / 60).astype(np.float32))
        np.testing.assert_array_equal(out.obs[:, :, -1], np.repeat(out.state[:, -1:], 3, axis=1))
        out = env.step(env.sample_actions())
        step = np.where(out.terminated | out.truncated, 0, step + 1)


def test_state_bytes_belong_to_options() -> None:
    env = SkirmishVectorEnv("3m", 1, options=SmacOptions(heuristic_ai=True))
    env.reset()
    for _ in range(5):
        env.step(np.ones((1, 3), np.int32))
    state = env.get_state_bytes()
    other = SkirmishVectorEnv("3m", 1, options=SmacOptions(heuristic_ai=True))
    other.set_state_bytes(state)
    for _ in range(20):
        actions = np.ones((1, 3), np.int32)
        np.testing.assert_array_equal(env.step(actions).state, other.step(actions).state)
    with pytest.raises(ValueError, match="not a state"):
        SkirmishVectorEnv("3m", 1).set_state_bytes(state)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"step_mul": 0}, "step_mul must be at least 1"),
        ({"step_mul": "8"}, "step_mul must be a whole number"),
        ({"obs_all_health": 1}, "obs_all_health must be True or False"),
        ({"difficulty": "11"}, "difficulty must be one of"),
        ({"reward_win": float("nan")}, "reward_win must be a finite number"),
        ({"reward_scale_rate": 0}, "reward_scale_rate must be at least"),
        ({"obs_pathing_grid": True, "move_amount": 1.5}, "move_amount must be whole, not 1.5"),
    ],
)
def test_wrong_options_are_one_sentence(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SmacOptions.from_dict(options)
    with pytest.raises(ValueError, match=said):
        EnvConfig("3m", **options)


def test_unknown_option_names_near_ones() -> None:
    with pytest.raises(TypeError, match="near: obs_last_action"):
        SmacOptions.from_dict({"obs_lastaction": True})
