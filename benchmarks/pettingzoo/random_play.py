"""What random available actions are paid in an environment of PettingZoo's, to hold trained teams against.

    python benchmarks/pettingzoo/random_play.py mpe2.simple_spread_v3

plays 400 episodes, the ones of `seed-matrace eval --episodes=400`.
"""

import sys

import numpy as np

from seed_matrace.config import EnvConfig
from seed_matrace.envs.registry import make_vector_env
from seed_matrace.evaluation.episodes import evaluate, summarise

config = EnvConfig(sys.argv[1], "pettingzoo")
rng = np.random.default_rng(0)
stats = evaluate(
    lambda num_envs, first_env: make_vector_env(config, num_envs, 2 << 32, first_env),
    lambda obs, avail_actions, start: np.argmax(rng.random(avail_actions.shape) * avail_actions, -1).astype(np.int32),
    episodes=400,
)
print(summarise(stats, won=False))
