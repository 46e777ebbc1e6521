"""A policy and checks for the ``counting`` environment, whose numbers spell where they come from."""

import numpy as np

from seed_matrace.types import PolicyOutput, Unroll


class SpellingPolicy:
    """Takes the action that the step number names where it can; its log-prob spells environment, episode and step."""

    def __init__(self):
        self.version = 0
        self.seen = []

    def step(self, obs, avail_actions, seed, memory, state):
        self.seen.append(memory.last_action.copy())
        wanted = (obs[..., 2].astype(np.int32) + 1) % avail_actions.shape[-1]
        log_prob = -(obs[..., 0] * 1e4 + obs[..., 1] * 10 + obs[..., 2])
        self.version += 1
        return PolicyOutput(wanted, log_prob.astype(np.float32), obs[:, 0, 2:3] + 1)


def assert_one_stretch(column: Unroll) -> np.ndarray:
    """Checks that an unroll of one environment is a stretch of its life; returns where episodes ended, bool [T+1]."""
    environment = int(column.obs[0, 0, 0])
    assert (column.obs[..., 0] == environment).all()
    number, episode, step = column.state.T
    assert (number == environment).all()
    ended = column.terminated | column.truncated
    # Step t with an end already shows the next episode's first step.
    np.testing.assert_array_equal(step[1:], np.where(ended[1:], 0, step[:-1] + 1))
    np.testing.assert_array_equal(episode[1:], episode[:-1] + ended[1:])
    # Reward and end at t belong to the transition t-1 -> t.
    np.testing.assert_array_equal(column.reward[1:], step[:-1] + 1)
    length = 3 + environment % 5
    np.testing.assert_array_equal(ended[1:], step[:-1] + 1 == length)
    np.testing.assert_array_equal(column.truncated[1:], ended[1:] & (episode[:-1] % 2 == 1))
    return ended
