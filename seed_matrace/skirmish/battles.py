"""Compiled battles on a map, and what their rewards are divided by."""

from __future__ import annotations

import numpy as np

from seed_matrace._cext._skirmish import Skirmish
from seed_matrace.skirmish.layout import FeatureLayout
from seed_matrace.skirmish.maps import SkirmishMap
from seed_matrace.skirmish.random_teams import empty_teams
from seed_matrace.skirmish.rules import battle_rules
from seed_matrace.skirmish.slots import types_vary
from seed_matrace.smac_options import SmacOptions
from seed_matrace.types import EnvOutput


def build_battles(
    battle_map: SkirmishMap,
    layout: FeatureLayout,
    num_envs: int,
    seed: int,
    first_env: int,
    *,
    reward_divisor: float,
    autoreset: bool = True,
    shuffle_enemies: bool = True,
) -> Skirmish:
    """``num_envs`` compiled battles on the map, seen through ``layout``."""
    varying = types_vary(battle_map, shuffle_enemies=shuffle_enemies)
    return Skirmish(
        num_envs,
        layout=layout,
        stats=battle_map.stats,
        spawn=battle_map.spawn,
        rules=battle_rules(battle_map),
        draws=battle_map.team_tables,
        teams=empty_teams(num_envs, len(battle_map.stats), types_vary=varying),
        shuffle_enemies=shuffle_enemies,
        reward_divisor=reward_divisor,
        autoreset=autoreset,
        seed=seed,
        first_env=first_env,
    )


def step_battles(battles: Skirmish, actions: np.ndarray, out: EnvOutput) -> None:
    """One env step of checked actions, int32 [E, N]; ``out`` gets what it leads to."""
    ends = out.terminated.view(np.uint8), out.truncated.view(np.uint8)
    episode = out.episode._replace(battle_won=out.episode.battle_won.view(np.uint8))
    battles.step(actions, *out[:4], *ends, *episode, out.final_obs, out.final_state)


def reward_divisor(battle_map: SkirmishMap, options: SmacOptions) -> float:
    """What SMAC divides rewards by, so that a perfect episode gives ``reward_scale_rate``."""
    if not options.reward_scale:
        return 1.0
    vitality = sum(unit.health + unit.shield for unit in battle_map.units[battle_map.n_agents :])
    max_reward = battle_map.n_enemies * options.reward_death_value + options.reward_win + vitality
    if not max_reward:
        raise ValueError(
            "the most that a battle can give is 0, by which rewards would be divided; change reward_win or "
            "reward_death_value, or set reward_scale=False"
        )
    return max_reward / options.reward_scale_rate
