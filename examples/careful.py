"""A reward: battles are to be won, and agents kept."""

import numpy as np

from seed_matrace import research


@research.reward("careful")
def careful(transition):
    """The environment's reward, less a tenth for each agent that is lost."""
    alive = [step.avail_actions[..., 0] == 0 for step in (transition.before, transition.after)]
    lost = (alive[0] & ~alive[1]).sum(axis=1)
    ended = transition.after.terminated | transition.after.truncated
    return transition.after.reward - 0.1 * np.where(ended, 0, lost)
