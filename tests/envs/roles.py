"""A small parallel environment with everything that is awkward: roles, masks, agents that leave, no state."""

import numpy as np
from gymnasium import spaces
from pettingzoo import ParallelEnv


class Roles(ParallelEnv):
    """A scout that leaves after ``leaves`` steps, and a guard whose actions are 5, 6 and 7, the newest one masked.

    The scout is paid 1 for each of its steps, the guard what it chose; the guard's last info says whether that was 7.
    """

    metadata = {"name": "roles"}  # noqa: RUF012

    def __init__(self, length=6, leaves=3, guard_space=None, honest=True):
        self.possible_agents = ["scout", "guard"]
        self._length, self._leaves, self._honest = length, leaves, honest
        self._spaces = {"scout": spaces.Discrete(4), "guard": guard_space or spaces.Discrete(3, start=5)}
        self._seen = {
            "scout": spaces.Box(-np.inf, np.inf, (2, 3), np.float32),
            "guard": spaces.Dict({"action_mask": spaces.Box(0, 1, (3,), np.int8), "post": spaces.Discrete(2)}),
        }
        self._unseeded = np.random.default_rng()

    def observation_space(self, agent):
        return self._seen[agent]

    def action_space(self, agent):
        return self._spaces[agent]

    def reset(self, seed=None, options=None):
        self._rng = np.random.default_rng(seed) if self._honest else self._unseeded
        self.agents, self._step, self._newest, self.received = self.possible_agents[:], 0, None, []
        return self._observe()

    def step(self, actions):
        self.received.append(dict(actions))
        acting, self._step = self.agents, self._step + 1
        self._newest = actions["guard"]
        observations, infos = self._observe()
        infos["guard"]["held"] = self._newest == 7
        over = self._step == self._length
        terminations = {agent: over or (agent == "scout" and self._step == self._leaves) for agent in acting}
        self.agents = [agent for agent in acting if not terminations[agent]]
        rewards = {"scout": 1.0, "guard": float(self._newest)}
        parts = observations, rewards, terminations, dict.fromkeys(acting, False), infos
        return tuple({agent: part[agent] for agent in acting} for part in parts)

    def _observe(self):
        mask = np.array([5 + index != self._newest for index in range(3)], np.int8)
        scout = np.full((2, 3), self._rng.random(), np.float32)
        observations = {"scout": scout, "guard": {"post": self._step % 2, "action_mask": mask}}
        return observations, {"scout": {"action_mask": np.array([0, 1, 1, 1], np.int8)}, "guard": {}}


parallel_env = Roles


def turn_based():
    from mpe2 import simple_spread_v3

    return simple_spread_v3.env()
