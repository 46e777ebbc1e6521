"""The way of the data, on an environment whose numbers spell where they come from."""

import itertools

import numpy as np
import pytest
from spelling import SpellingPolicy, assert_one_stretch

from seed_matrace.config import load_config
from seed_matrace.inference.groups import GroupPlan
from seed_matrace.training.sources import Acting, LockstepSource
from seed_matrace.types import Unroll

UNROLL_LENGTH = 7


def collect(
    num_envs, groups, batch_size, batches, with_state=True, with_last_action=True, bootstrap=False, gru_units=0
):
    config, _, _ = load_config(
        [],
        [
            "env.backend='counting'",
            f"run.num_envs={num_envs}",
            f"learner.batch_size={batch_size}",
            f"learner.unroll_length={UNROLL_LENGTH}",
            f"network.critic_input='{'state' if with_state else 'joint_obs'}'",
            f"network.last_action={with_last_action}",
            f"loss.bootstrap_time_limit={bootstrap}",
            f"network.critic_gru_units={gru_units}",
        ],
    )
    policy = SpellingPolicy()
    acting = Acting(config, policy.step, lambda: policy.version, seed=0, session=0, resume={})
    source = LockstepSource(acting, GroupPlan(groups, num_envs // groups, num_actors=1))
    taken = [Unroll(*(array.copy() for array in source.next_batch())) for _ in range(batches)]
    counts = source.take_counts()
    source.close()
    return taken, counts


def columns_by_environment(batches):
    """Each environment's columns in the order of training."""
    columns = {}
    for batch in batches:
        for column in range(batch.reward.shape[1]):
            own = Unroll(*(array[:, column] for array in batch))
            columns.setdefault(int(own.obs[0, 0, 0]), []).append(own)
    return columns


SIZES = [(4, 1, 4, 6), (6, 3, 4, 6), (6, 2, 1, 12), (4, 2, 16, 3)]


@pytest.mark.parametrize(("num_envs", "groups", "batch_size", "batches"), SIZES)
def test_unroll_is_a_stretch_of_one_environments_life(num_envs, groups, batch_size, batches):
    taken, _ = collect(num_envs, groups, batch_size, batches)
    ends = 0
    for columns in columns_by_environment(taken).values():
        for column in columns:
            ended = assert_one_stretch(column)
            ends += ended[1:].sum()
    assert ends > 0


@pytest.mark.parametrize(("num_envs", "groups", "batch_size", "batches"), SIZES)
def test_action_and_log_prob_belong_to_the_observation_of_the_same_step(num_envs, groups, batch_size, batches):
    taken, _ = collect(num_envs, groups, batch_size, batches)
    for batch in taken:
        step = batch.obs[..., 2]
        np.testing.assert_array_equal(batch.action, (step + 1) % 4)
        np.testing.assert_array_equal(batch.log_prob, -(batch.obs[..., 0] * 1e4 + batch.obs[..., 1] * 10 + step))
        assert np.take_along_axis(batch.avail_actions, batch.action[..., None], -1).all()


@pytest.mark.parametrize(("num_envs", "groups", "batch_size", "batches"), SIZES)
def test_consecutive_unrolls_overlap_by_one_step_and_lose_none(num_envs, groups, batch_size, batches):
    taken, _ = collect(num_envs, groups, batch_size, batches)
    by_environment = columns_by_environment(taken)
    assert set(by_environment) == set(range(num_envs))
    for columns in by_environment.values():
        assert columns[0].state[0].tolist()[1:] == [0, 0]
        for before, after in itertools.pairwise(columns):
            for name, last, first in zip(
                Unroll._fields, (array[-1] for array in before), (array[0] for array in after), strict=True
            ):
                np.testing.assert_array_equal(last, first, err_msg=name)


@pytest.mark.parametrize(("num_envs", "groups", "batch_size", "batches"), SIZES)
def test_last_action_is_that_of_the_step_before_in_the_same_episode(num_envs, groups, batch_size, batches):
    taken, _ = collect(num_envs, groups, batch_size, batches)
    for batch in taken:
        step = batch.obs[..., 2]
        np.testing.assert_array_equal(batch.last_action, np.where(step == 0, -1, step % 4))
        same_episode = ~(batch.terminated | batch.truncated)[1:]
        np.testing.assert_array_equal(batch.last_action[1:][same_episode], batch.action[:-1][same_episode])


@pytest.mark.parametrize(("num_envs", "groups", "batch_size", "batches"), SIZES)
def test_recurrent_state_is_what_the_step_before_in_the_same_episode_left(num_envs, groups, batch_size, batches):
    taken, _ = collect(num_envs, groups, batch_size, batches, gru_units=1)
    for batch in taken:
        assert batch.recurrent.shape == (1, batch_size, 1)
        np.testing.assert_array_equal(batch.recurrent[0, :, 0], batch.obs[0, :, 0, 2])


def test_the_policy_sees_the_last_action_that_the_unroll_keeps():
    params = ["env.backend='counting'", "network.last_action=True", "learner.unroll_length=5", "learner.batch_size=4"]
    config, _, _ = load_config([], params)
    policy = SpellingPolicy()
    plan = GroupPlan(2, 2, num_actors=1)
    source = LockstepSource(Acting(config, policy.step, lambda: 0, seed=0, session=0, resume={}), plan)
    batch = source.next_batch()
    seen = np.stack(policy.seen[:6])
    for environment in range(4):
        (column,) = np.flatnonzero(batch.obs[0, :, 0, 0] == environment)
        np.testing.assert_array_equal(seen[:, environment], batch.last_action[:, column])
    source.close()


@pytest.mark.parametrize("with_state", [True, False])
@pytest.mark.parametrize(("num_envs", "groups", "batch_size", "batches"), SIZES)
def test_an_end_also_holds_what_its_episode_showed_last(num_envs, groups, batch_size, batches, with_state):
    taken, _ = collect(num_envs, groups, batch_size, batches, with_state, bootstrap=True)
    truncated = 0
    for batch in taken:
        number, episode, step = np.moveaxis(batch.obs[..., 0, :3], -1, 0)
        ended = (batch.terminated | batch.truncated)[1:]
        last = np.stack([number[:-1], episode[:-1], step[:-1] + 1], axis=-1)  # of the episode that step t was in
        last[~ended] = 0
        if with_state:
            assert batch.final_obs.shape[-1] == 0
            np.testing.assert_array_equal(batch.final_state[1:], last)
        else:
            assert batch.final_state.shape[-1] == 0
            np.testing.assert_array_equal(batch.final_obs[1:, ..., :3], np.stack([last, last], axis=2))
            np.testing.assert_array_equal(batch.final_obs[1:, :, 1, 3], ended)
        truncated += batch.truncated[1:].sum()
    assert truncated > 0


def test_what_nobody_sees_is_left_out():
    taken, _ = collect(4, 1, 4, 1, with_state=False, with_last_action=False)
    assert taken[0].state.shape == (UNROLL_LENGTH + 1, 4, 0)
    assert taken[0].last_action.shape == (UNROLL_LENGTH + 1, 4, 0)
    assert taken[0].final_obs.size == taken[0].final_state.size == 0
    assert taken[0].recurrent.shape == (1, 4, 0)


def test_policy_version_is_that_of_the_step_which_chose_the_action():
    taken, _ = collect(4, 1, 4, 3)
    versions = np.concatenate([taken[0].policy_version[:, 0], *(batch.policy_version[1:, 0] for batch in taken[1:])])
    np.testing.assert_array_equal(versions, np.arange(len(versions)))


def test_episodes_are_counted_once():
    taken, counts = collect(4, 1, 4, 5)
    acted = (5 * UNROLL_LENGTH + 1) * 4
    assert counts.acted_env_steps == acted
    ends = sum(int((batch.terminated | batch.truncated)[1:].sum()) for batch in taken)
    assert counts.episodes == ends
