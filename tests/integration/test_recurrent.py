"""What a recurrent team did when it acted is what training computes from the state that an unroll keeps."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from seed_matrace.algo.recurrence import Past
from seed_matrace.config import load_config
from seed_matrace.envs.registry import env_spec
from seed_matrace.inference.groups import GroupPlan
from seed_matrace.learner.learner import Learner
from seed_matrace.training.sources import Acting, LockstepSource
from seed_matrace.types import Unroll

NUM_ENVS = 6
PARAMS = [
    *("env.backend='counting'", "optimizer.learning_rate=0", "learner.unroll_length=7"),  # episodes of 3 to 7 steps
    *(f"run.num_envs={NUM_ENVS}", f"learner.batch_size={NUM_ENVS}", "network.layer_norm=True"),
    *("network.policy_layers=(8,)", "network.policy_gru_units=8", "network.critic_layers=()"),
    "network.policy_output_gain=1.0",
]
TEAMS = [
    ("joint_obs", True, False, 4),
    ("state", False, False, 4),
    ("own_obs", True, True, 4),
    ("joint_obs_and_actions", False, True, 4),
    ("joint_obs", False, True, 0),
]


@pytest.fixture(scope="module", params=TEAMS, ids=lambda team: "-".join(map(str, team)))
def played(request):
    """A learner that does not learn, and three consecutive batches of its play, their columns in one order."""
    critic_input, share, sees, units = request.param
    network = f"network.critic_input='{critic_input}'", f"network.share_policy={share}"
    options = f"network.last_action={sees}", f"network.agent_id={sees}", f"network.critic_gru_units={units}"
    config, _, _ = load_config([], [*PARAMS, *network, *options])
    learner = Learner(config, env_spec(config.env), seed=2)
    acting = Acting(config, learner.policy_step, lambda: 0, seed=1, session=0, resume={})
    source = LockstepSource(acting, GroupPlan(2, NUM_ENVS // 2, num_actors=1))
    batches = [Unroll(*(array.copy() for array in source.next_batch())) for _ in range(3)]
    source.close()
    return learner, batches


def test_ratios_are_one_on_consecutive_unrolls_and_across_episodes(played):
    learner, batches = played
    for number, batch in enumerate(batches):
        assert (batch.terminated | batch.truncated)[2:-1].any()
        np.testing.assert_allclose(learner.train_step(batch)["IS/rho_max"], 1, rtol=1e-4)
        forgetful = batch._replace(recurrent=np.zeros_like(batch.recurrent))
        deviation = abs(learner.train_step(forgetful)["IS/rho_max"] - 1)
        assert deviation > 1e-3 if number else deviation < 1e-4


def test_state_entering_an_unroll_is_what_training_computes_for_the_one_before(played):
    learner, batches = played
    networks = learner.policy, learner.critic
    for before, after in itertools.pairwise(batches):
        unroll = Unroll(*(tf.constant(array) for array in before))
        episode_starts = tf.logical_or(unroll.terminated, unroll.truncated)
        inputs = (
            (unroll.obs[:-1], unroll.last_action[:-1]),
            (unroll.obs[:-1], unroll.state[:-1], unroll.last_action[:-1]),
        )
        widths = [network.recurrent_dim for network in networks]
        states = tf.split(unroll.recurrent[0], widths, axis=-1)
        left = [
            network.forward(*seen, past=Past(state, episode_starts[:-1]))[1]
            for network, seen, state in zip(networks, inputs, states, strict=True)
            if network.recurrent_dim
        ]
        expected = np.where(episode_starts[-1][:, tf.newaxis], 0, np.concatenate(left, axis=-1))
        np.testing.assert_allclose(after.recurrent[0], expected, rtol=1e-4, atol=1e-5)
        assert expected.any()
