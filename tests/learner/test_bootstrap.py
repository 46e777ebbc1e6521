"""With bootstrapping through the time limit values are those of a task without one; without it, those of SMAC's."""

import numpy as np
import pytest

from seed_matrace.config import Config, load_config
from seed_matrace.learner.learner import Learner
from seed_matrace.specs import EnvSpec, empty_unroll
from seed_matrace.types import Unroll

LIMIT, DISCOUNT, COLUMNS = 4, 0.9, 4
INPUTS = ["joint_obs", "state", "own_obs", "joint_obs_and_actions"]
SMALL = ["network.policy_layers=(8,)", "network.critic_layers=(16,)", "learner.unroll_length=8"]
FAST = ["optimizer.learning_rate=0.03", f"loss.discount={DISCOUNT}", "loss.baseline_cost=1.0"]


def make_learner(*params: str) -> tuple[Config, Learner, Unroll]:
    """A learner, and a batch of episodes of LIMIT steps with a reward of 1 each that the time limit ends.

    Observation and state are a clock: one 1 at the number of the step in its episode, 0 to LIMIT.
    """
    config, _, _ = load_config([], [*SMALL, *FAST, *params])
    with_final = config.loss.bootstrap_time_limit
    spec = EnvSpec(2, 2, obs_dim=LIMIT + 1, state_dim=LIMIT + 1, episode_limit=LIMIT, with_final=with_final)
    batch = empty_unroll(spec, 8, COLUMNS, config.network.unroll_fields)
    clock = (np.arange(9)[:, None] + np.arange(COLUMNS)) % LIMIT
    batch.obs[:] = np.eye(LIMIT + 1)[clock][:, :, None]
    if batch.state.size:
        batch.state[:] = np.eye(LIMIT + 1)[clock]
    batch.avail_actions[..., 0] = 1
    batch.reward[:] = 1
    batch.truncated[:] = clock == 0
    batch.last_action[:] = np.where(clock == 0, -1, 0)[..., None]
    for final in (batch.final_obs, batch.final_state):
        if final.size:
            final[batch.truncated] = np.eye(LIMIT + 1)[LIMIT]
    return config, Learner(config, spec, seed=1), batch


def hide_time(batch: Unroll) -> None:
    for array in (batch.obs, batch.state, batch.final_obs, batch.final_state):
        array[:] = 0.5


def train(learner: Learner, batch: Unroll, steps: int = 400) -> np.ndarray:
    """Values of the batch after ``steps`` learner steps, [T+1, B] or [T+1, B, N]."""
    for _ in range(steps):
        learner.train_step(batch)
    return learner.critic(batch.obs, batch.state, batch.last_action).numpy()


@pytest.mark.parametrize("critic_input", INPUTS)
def test_values_are_those_of_a_task_without_a_limit(critic_input):
    _, learner, batch = make_learner(f"network.critic_input='{critic_input}'", "loss.bootstrap_time_limit=True")
    hide_time(batch)
    np.testing.assert_allclose(train(learner, batch), 1 / (1 - DISCOUNT), rtol=0.02)


def test_without_it_values_are_finite_sums():
    _, learner, batch = make_learner()
    clock = batch.obs[..., 0, :].argmax(-1)
    np.testing.assert_allclose(train(learner, batch), (1 - DISCOUNT ** (LIMIT - clock)) / (1 - DISCOUNT), rtol=0.02)


def test_the_value_behind_the_limit_is_that_of_what_was_shown_last():
    """The critic has never been trained on the hour that only final observations show: what it says there counts."""
    _, learner, batch = make_learner("loss.bootstrap_time_limit=True", "network.critic_layers=()")
    behind = 7.0
    kernel, bias = sorted(learner.critic.trainable_variables, key=lambda variable: -variable.shape.rank)
    by_agent = np.zeros((2, LIMIT + 1, 1), np.float32)
    by_agent[0, LIMIT] = behind
    kernel.assign(by_agent.reshape(kernel.shape))
    bias.assign([0.0])
    metrics = learner.train_step(batch)
    clock = batch.obs[:-1, :, 0].argmax(-1)
    left = LIMIT - clock
    inside = np.arange(8)[:, None] + left <= 8  # the episode ends within the unroll; else the critic's 0 stands there
    counted = np.where(inside, left, 8 - np.arange(8)[:, None])
    sums = (1 - DISCOUNT**counted) / (1 - DISCOUNT) + np.where(inside, DISCOUNT**counted * behind, 0)
    np.testing.assert_allclose(metrics["losses/V"], 0.5 * (sums**2).mean(), rtol=1e-4)
