"""What random actions, and always the first one, are paid in an environment of PettingZoo's: to compare teams with.

    python benchmarks/pettingzoo/untrained.py mpe2.simple_spread_v3

plays 400 episodes of each, the ones of `seed-matrace eval --episodes=400 --seed=0`.
"""

import sys

import numpy as np

from seed_matrace.envs.registry import make_vector_env
from seed_matrace.evaluation.battle_seeds import BattlesOf
from seed_matrace.evaluation.episodes import evaluate, summarise
from seed_matrace.sections.env import EnvConfig

config = EnvConfig(sys.argv[1], "pettingzoo")
rng = np.random.default_rng(0)
choices = {
    "random": lambda obs, avail_actions, start: np.argmax(rng.random(avail_actions.shape) * avail_actions, -1),
    "first": lambda obs, avail_actions, start: np.argmax(avail_actions, -1),
}
for name, choose in choices.items():
    stats = evaluate(
        lambda num_envs, first_env: make_vector_env(config, num_envs, BattlesOf.EVAL_COMMAND.seed(0), first_env),
        lambda *seen, choose=choose: choose(*seen).astype(np.int32),
        episodes=400,
    )
    print(name, summarise(stats, won=False))
