"""The learner learns small cooperative games, one of them only if it remembers."""

import dataclasses

import numpy as np

from seed_matrace.config import load_config
from seed_matrace.learner.learner import Learner
from seed_matrace.specs import EnvSpec, empty_memory, empty_unroll

SPEC = EnvSpec(n_agents=2, n_actions=3, obs_dim=4, state_dim=5, episode_limit=10)
STEPS, ENVS = 8, 32
AVAILABLE = np.ones((ENVS, 2, 3), np.uint8)


class TwoMoves:
    """Both must play what only their own observation names, first and then again.

    Half the reward is for the first move, half for a second move that fits a right first one.
    """

    right = np.array([[2, 0], [1, 2]])  # by move and agent

    def __init__(self):
        self._move = np.zeros(ENVS, int)
        self._good = np.ones(ENVS, bool)

    def observe(self):
        obs = np.zeros((ENVS, 2, 4), np.float32)
        for agent in range(2):
            obs[np.arange(ENVS), agent, 2 * self._move + agent] = 1
        return obs

    def step(self, action):
        self._good &= (action == self.right[self._move]).all(-1)
        reward, ended = 0.5 * self._good, self._move == 1
        self._good |= ended
        self._move = 1 - self._move
        return reward, ended


class Recall:
    """Each agent sees a cue of its own, then nothing; on the third move it must play the cue.

    The reward is each agent's half for its right answer. Without memory no agent does better than one in three.
    """

    def __init__(self):
        self._rng = np.random.default_rng(0)
        self._move = 0
        self._cues = self._rng.integers(0, 3, (ENVS, 2))

    def observe(self):
        obs = np.zeros((ENVS, 2, 4), np.float32)
        obs[..., 3] = self._move == 2
        if self._move == 0:
            np.put_along_axis(obs, self._cues[..., None], 1, axis=-1)
        return obs

    def step(self, action):
        ended = self._move == 2
        reward = (action == self._cues).mean(-1) * ended
        self._move = (self._move + 1) % 3
        if ended:
            self._cues = self._rng.integers(0, 3, (ENVS, 2))
        return reward, ended


def train(learner, game, updates, fields):
    """Plays and trains; returns the last unroll."""
    unroll, memory = empty_unroll(SPEC, STEPS, ENVS, fields), empty_memory(SPEC, ENVS, fields)
    unroll.avail_actions[:] = 1

    def act(t, seed):
        unroll.obs[t] = game.observe()
        memory.forget(unroll.terminated[t])
        entering = memory.recurrent.copy()
        output = learner.policy_step(unroll.obs[t], AVAILABLE, np.array(seed), memory)
        memory.remember(output)
        unroll.action[t], unroll.log_prob[t] = output.action, output.log_prob
        return entering

    entering = act(STEPS, [0, 0])
    for update in range(updates):
        for field in unroll[:-1]:
            field[0] = field[-1]
        unroll.recurrent[0] = entering
        for t in range(1, STEPS + 1):
            unroll.reward[t], unroll.terminated[t] = game.step(unroll.action[t - 1])
            entering = act(t, [update, t])
        learner.train_step(unroll)
    return unroll


def make_learner(**network):
    params = [f"learner.unroll_length={STEPS}", "optimizer.learning_rate=5e-3", "loss.entropy_cost=0.1"]
    config, _, _ = load_config([], params)
    config = dataclasses.replace(config, network=dataclasses.replace(config.network, **network))
    return Learner(config, SPEC, seed=1), config.network.unroll_fields


def test_learns_a_cooperative_game():
    learner, fields = make_learner()
    unroll = train(learner, TwoMoves(), 300, fields)
    obs = np.eye(4, dtype=np.float32).reshape(2, 2, 4)  # by move and agent
    np.testing.assert_array_equal(learner.greedy_step(obs, AVAILABLE[:2]).action, TwoMoves.right)
    assert unroll.reward[1:].mean() > 0.45


def test_recurrent_policies_learn_what_needs_memory():
    learner, fields = make_learner(share_policy=False, policy_layers=(16,), policy_gru_units=16)
    unroll = train(learner, Recall(), 200, fields)
    assert unroll.reward[unroll.terminated].mean() > 0.9
