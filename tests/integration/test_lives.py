"""Actors that go and come back, and games that are lost, over either carrier: no unroll mixes two lives."""

import contextlib
import itertools
import threading

import numpy as np
import pytest
from ends import free_port
from spelling import SpellingPolicy, assert_one_stretch

from seed_matrace.actor.actor import _act
from seed_matrace.actor.games import play_games
from seed_matrace.config import load_config
from seed_matrace.envs.counting import CountingVectorEnv
from seed_matrace.inference.groups import GroupPlan
from seed_matrace.training.sources import Acting, ActorSource
from seed_matrace.training_env import make_schema
from seed_matrace.transport.carriers import connect
from seed_matrace.transport.security import NO_SECURITY
from seed_matrace.types import Unroll
from seed_matrace.vector_env import EnvLostError

LIVES = (1, 25, 3, 8, 20, 13, 200)  # steps of the first group until the connection breaks


class MortalVectorEnv(CountingVectorEnv):
    """Breaks off like a connection after some steps."""

    steps_left = 0

    def step(self, actions, out=None):
        if self.steps_left == 0:
            raise ConnectionResetError("as if the actor had been killed")
        self.steps_left -= 1
        return super().step(actions, out)


class LosingVectorEnv(CountingVectorEnv):
    """Loses its environments every some steps, as games that crash are lost."""

    def __init__(self, num_envs, first_env):
        super().__init__(num_envs, first_env)
        self._lives = itertools.cycle(LIVES[:-1])
        self._steps_left = next(self._lives)
        self.closed = False

    def step(self, actions, out=None):
        if self._steps_left == 0:
            self._steps_left = next(self._lives)
            raise EnvLostError("as if a game had crashed")
        self._steps_left -= 1
        return super().step(actions, out)

    def abandon(self):
        self._steps_left = 1000

    def close(self):
        self.closed = True


def play_losses(config, address, envs):
    def make_env(num_envs, seed, first_env):
        envs.append(LosingVectorEnv(num_envs, first_env))
        return envs[-1]

    with (
        contextlib.suppress(OSError),
        contextlib.closing(connect(address, 0, make_schema(config), NO_SECURITY)) as client,
    ):
        play_games(client, make_env)


def play_lives(config, address, first_envs):
    for steps in LIVES:

        def make_env(num_envs, seed, first_env, steps=steps):
            env = MortalVectorEnv(num_envs, first_env)
            env.steps_left = steps
            return env

        while True:
            with contextlib.suppress(OSError, RuntimeError):  # the learner may not yet know that the last one is gone
                client = connect(address, 0, make_schema(config), NO_SECURITY)
                break
        first_envs += client.welcome.first_envs
        with contextlib.suppress(OSError), contextlib.closing(client):
            _act(client, make_env)


@pytest.mark.parametrize("carrier", ["unix", "grpc"])
def test_no_unroll_mixes_steps_of_two_lives(carrier, tmp_path):
    first_envs: list[int] = []
    columns, source = train_on(play_lives, carrier, tmp_path, first_envs)
    assert len(set(first_envs)) == 2 * len(LIVES)
    assert source.dropped_env_steps > 0
    assert source.restarted_groups == 0
    lives = {int(column.obs[0, 0, 0]) // 4 for column in columns}
    assert len(lives) > 3


@pytest.mark.parametrize("carrier", ["unix", "grpc"])
def test_no_unroll_goes_on_behind_lost_games(carrier, tmp_path):
    envs: list[LosingVectorEnv] = []
    columns, source = train_on(play_losses, carrier, tmp_path, envs)
    assert source.restarted_groups > 10
    assert source.dropped_env_steps > source.restarted_groups
    assert [env.closed for env in envs] == [True, True]
    assert len(columns) == 120


def train_on(play, carrier, tmp_path, witness):
    """120 columns of what an actor plays in ``play(config, address, witness)``, checked, and their source."""
    address = tmp_path / "learner.sock" if carrier == "unix" else free_port()
    params = ["env.backend='counting'", "learner.unroll_length=7", "learner.batch_size=4"]
    config, _, _ = load_config([], [*params, "network.critic_input='state'"])
    policy = SpellingPolicy()
    acting = Acting(config, policy.step, lambda: policy.version, seed=0, session=0, resume={})
    columns = []
    with contextlib.closing(ActorSource(acting, GroupPlan(2, 2, num_actors=1), [address])) as source:
        actor = threading.Thread(target=play, args=(config, address, witness))
        actor.start()
        while len(columns) < 120:
            batch = source.next_batch()
            if batch is not None:
                columns += [Unroll(*(array[:, column].copy() for array in batch)) for column in range(4)]
                source.release(batch)
    actor.join()
    for column in columns:
        assert_one_stretch(column)
    assert np.isfinite([column.log_prob for column in columns]).all()
    return columns, source
