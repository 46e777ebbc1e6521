"""A greedy team remembers what it did, within an episode."""

import numpy as np

from seed_matrace.learner.greedy import GreedyTeam


class Recorder:
    """In a learner's place: notes the last actions it is shown, and counts its own."""

    def __init__(self):
        self.seen = []

    def greedy_step(self, obs, avail_actions, last_action):
        self.seen.append(last_action)
        return np.full(obs.shape[:2], len(self.seen), np.int32)


def test_last_actions_are_those_of_the_same_episode():
    recorder = Recorder()
    team = GreedyTeam(recorder)
    for num_envs, episode_start in ((2, [True, True]), (2, [False, False]), (2, [True, False]), (3, [True] * 3)):
        obs, avail_actions = np.zeros((num_envs, 2, 4), np.float32), np.ones((num_envs, 2, 3), np.uint8)
        team(obs, avail_actions, np.array(episode_start))
    expected = [[-1, -1], [1, 1], [-1, 2], [-1, -1, -1]]
    for last_action, values in zip(recorder.seen, expected, strict=True):
        np.testing.assert_array_equal(last_action, np.repeat(np.array(values)[:, None], 2, axis=1))
