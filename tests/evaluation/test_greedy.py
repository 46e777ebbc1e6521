"""A greedy team remembers what its networks must know, within an episode."""

import numpy as np

from seed_matrace.evaluation.greedy import GreedyTeam
from seed_matrace.types import PolicyOutput


class Recorder:
    """In a network's place: notes what it is to remember; its actions and its recurrent state count its steps."""

    def __init__(self):
        self.seen = []

    def step(self, obs, avail_actions, memory):
        self.seen.append([array.copy() for array in memory])
        count = len(self.seen)
        return PolicyOutput(np.full(obs.shape[:2], count, np.int32), None, np.full((len(obs), 3), count, np.float32))


def test_memory_is_that_of_the_same_episode():
    recorder = Recorder()
    team = GreedyTeam(recorder.step, recurrent_dim=3)
    for num_envs, episode_start in ((2, [True, True]), (2, [False, False]), (2, [True, False]), (3, [True] * 3)):
        obs, avail_actions = np.zeros((num_envs, 2, 4), np.float32), np.ones((num_envs, 2, 3), np.uint8)
        team(obs, avail_actions, np.array(episode_start))
    expected = np.array([-1, -1]), np.array([1, 1]), np.array([-1, 2]), np.array([-1, -1, -1])
    for (last_action, recurrent), values in zip(recorder.seen, expected, strict=True):
        np.testing.assert_array_equal(last_action, np.repeat(values[:, None], 2, axis=1))
        np.testing.assert_array_equal(recurrent, np.repeat(np.maximum(values, 0)[:, None], 3, axis=1))
