"""Evaluation plays one whole episode per environment, no matter how long each lasts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from seed_matrace.envs.registry import make_vector_env
from seed_matrace.evaluation.episodes import ATTEMPTS, evaluate, play_episodes, play_rounds, summarise, wilson_interval
from seed_matrace.sections.env import EnvConfig
from seed_matrace.specs import EnvSpec, empty_env_output
from seed_matrace.types import EnvOutput, EpisodeStats
from seed_matrace.vector_env import EnvLostError

SPEC = EnvSpec(n_agents=2, n_actions=3, obs_dim=1, state_dim=1, episode_limit=10)


class ScheduledEnv:
    """Environment i plays episodes of ``lengths[i]`` steps, over and over; obs is the step within the episode.

    Every step of an environment's k-th episode is rewarded with k + 1; battles of an even number of steps are won.
    """

    def __init__(self, lengths: Sequence[Sequence[int]]) -> None:
        self.spec, self.num_envs, self.closed = SPEC, len(lengths), False
        self._lengths = lengths
        self._episode, self._step = np.zeros(self.num_envs, int), np.zeros(self.num_envs, int)

    def reset(self, out: EnvOutput | None = None) -> EnvOutput:
        out = out or empty_env_output(self.spec, self.num_envs)
        self._episode[:], self._step[:] = 0, 0
        for field in (*out[:-1], *out.episode):
            field[:] = 0
        out.avail_actions[:] = 1
        return out

    def step(self, actions: np.ndarray, out: EnvOutput | None = None) -> EnvOutput:
        if actions.shape != (self.num_envs, SPEC.n_agents) or actions.dtype != np.int32:
            raise ValueError(f"actions {actions.shape} {actions.dtype}")
        out = out or empty_env_output(self.spec, self.num_envs)
        self._step += 1
        for i, lengths in enumerate(self._lengths):
            length = lengths[self._episode[i] % len(lengths)]
            out.reward[i] = self._episode[i] + 1
            out.terminated[i] = ended = self._step[i] == length
            stats = (length * (self._episode[i] + 1), length, length % 2 == 0, i, 1) if ended else (0, 0, False, 0, 0)
            for field, value in zip(out.episode, stats, strict=True):
                field[i] = value
            if ended:
                self._episode[i] += 1
                self._step[i] = 0
        out.obs[:] = self._step[:, None, None]
        return out

    def close(self) -> None:
        self.closed = True


def first_available(obs: np.ndarray, avail_actions: np.ndarray, episode_start: np.ndarray) -> np.ndarray:
    return avail_actions.argmax(axis=2).astype(np.int32)


def last_available(obs: np.ndarray, avail_actions: np.ndarray, episode_start: np.ndarray) -> np.ndarray:
    return (avail_actions.shape[2] - 1 - avail_actions[..., ::-1].argmax(axis=2)).astype(np.int32)


def test_every_environment_counts_its_first_episode_and_no_other():
    stats = play_episodes(ScheduledEnv([[2, 3, 1], [9], [5, 1]]), first_available)
    np.testing.assert_array_equal(stats.length, [2, 9, 5])
    np.testing.assert_array_equal(stats.episode_return, [2, 9, 5])  # a second episode would return twice its length
    np.testing.assert_array_equal(stats.battle_won, [True, False, False])
    np.testing.assert_array_equal(stats.dead_allies, [0, 1, 2])


class LosingEnv(ScheduledEnv):
    """Loses its games at the given steps, counted over its whole life."""

    def __init__(self, lengths: Sequence[Sequence[int]], lost_at: Sequence[int]) -> None:
        super().__init__(lengths)
        self._lost_at, self._steps = set(lost_at), 0

    def step(self, actions: np.ndarray, out: EnvOutput | None = None) -> EnvOutput:
        self._steps += 1
        if self._steps in self._lost_at:
            raise EnvLostError("as if a game had crashed")
        return super().step(actions, out)


def test_rounds_go_on_until_all_episodes_are_played():
    stats = play_rounds(ScheduledEnv([[2], [4]]), first_available, episodes=3)
    np.testing.assert_array_equal(stats.length, [2, 4, 2])


def test_round_with_lost_games_is_played_again():
    stats = play_rounds(LosingEnv([[2], [4]], lost_at=[3, 6]), first_available, episodes=4)
    np.testing.assert_array_equal(stats.length, [2, 4, 2, 4])


def test_games_that_are_always_lost_are_given_up():
    env = LosingEnv([[2], [4]], lost_at=range(1, 100))
    with pytest.raises(EnvLostError):
        play_rounds(env, first_available, episodes=2)
    assert env._steps == ATTEMPTS


def test_policy_is_told_where_episodes_start():
    starts, steps = [], []

    def act(obs: np.ndarray, avail_actions: np.ndarray, episode_start: np.ndarray) -> np.ndarray:
        starts.append(episode_start.copy())
        steps.append(obs[:, 0, 0].copy())
        return first_available(obs, avail_actions, episode_start)

    play_episodes(ScheduledEnv([[2], [5]]), act)
    np.testing.assert_array_equal(np.transpose(starts), [[1, 0, 1, 0, 1], [1, 0, 0, 0, 0]])
    np.testing.assert_array_equal(np.transpose(steps), [[0, 1, 0, 1, 0], [0, 1, 2, 3, 4]])


def test_an_episode_as_long_as_the_limit_is_played_to_its_end():
    assert play_episodes(ScheduledEnv([[SPEC.episode_limit]]), first_available).length == [SPEC.episode_limit]


def test_an_episode_that_does_not_end_is_an_error_not_a_hang():
    with pytest.raises(RuntimeError, match="1 of 2 episodes had not ended after 10 steps"):
        play_episodes(ScheduledEnv([[3], [11]]), first_available)


@pytest.mark.parametrize("max_envs", [1, 3, 4, 7, 256])
def test_result_does_not_depend_on_how_many_play_at_once(max_envs):
    made: list[ScheduledEnv] = []

    def make_env(num_envs: int, first_env: int) -> ScheduledEnv:
        assert 1 <= num_envs <= max_envs
        made.append(ScheduledEnv([[1 + i] for i in range(first_env, first_env + num_envs)]))
        return made[-1]

    stats = evaluate(make_env, first_available, episodes=7, max_envs=max_envs)
    np.testing.assert_array_equal(stats.length, [1, 2, 3, 4, 5, 6, 7])
    assert all(env.closed for env in made)
    sizes = [env.num_envs for env in made]
    assert max(sizes) - min(sizes) <= 1


def test_environments_are_closed_when_the_policy_fails():
    env = ScheduledEnv([[2]])

    def act(*_: np.ndarray) -> np.ndarray:
        raise FloatingPointError("no action")

    with pytest.raises(FloatingPointError):
        evaluate(lambda num_envs, first_env: env, act, episodes=1)
    assert env.closed


@pytest.mark.parametrize(("episodes", "max_envs"), [(0, 4), (4, 0), (-1, 4)])
def test_no_episodes_are_refused(episodes, max_envs):
    with pytest.raises(ValueError, match="at least 1"):
        evaluate(lambda num_envs, first_env: ScheduledEnv([[1]] * num_envs), first_available, episodes, max_envs)


def test_battles_of_the_simulator_are_won_when_every_enemy_is_dead():
    env = make_vector_env(EnvConfig("3m"), 16, seed=3)
    rng = np.random.default_rng(3)

    def act(obs: np.ndarray, avail_actions: np.ndarray, episode_start: np.ndarray) -> np.ndarray:
        return (rng.random(avail_actions.shape) * avail_actions).argmax(axis=2).astype(np.int32)

    stats = play_episodes(env, act)
    env.close()
    assert (stats.length >= 1).all()
    assert (stats.length <= env.spec.episode_limit).all()
    np.testing.assert_array_equal(stats.dead_enemies[stats.battle_won], 3)
    assert (stats.dead_enemies[~stats.battle_won] < 3).all()


def test_battles_of_the_simulator_do_not_depend_on_how_many_play_at_once():
    def play(max_envs: int) -> EpisodeStats:
        return evaluate(
            lambda num, first: make_vector_env(EnvConfig("3m"), num, 5, first), last_available, 10, max_envs
        )

    for together, apart in zip(play(10), play(3), strict=True):
        np.testing.assert_array_equal(together, apart)


def make_stats(won: Sequence[bool], returns: Sequence[float]) -> EpisodeStats:
    count = len(won)
    return EpisodeStats(
        episode_return=np.array(returns, np.float32),
        length=np.arange(10, 10 + count, dtype=np.int32),
        battle_won=np.array(won),
        dead_allies=np.ones(count, np.int32),
        dead_enemies=np.arange(count, dtype=np.int32),
    )


def test_summary_of_known_episodes():
    summary = summarise(make_stats([True] * 8 + [False] * 2, [20, 10] * 5))
    assert summary["win_rate_ci95_low"] == pytest.approx(0.4902, abs=1e-4)  # Wilson's interval of 8 in 10
    assert summary["win_rate_ci95_high"] == pytest.approx(0.9433, abs=1e-4)
    rest = {key: value for key, value in summary.items() if not key.startswith("win_rate_ci95")}
    assert rest == {
        "episodes": 10,
        "win_rate": 0.8,
        "return": 15.0,
        "return_std": 5.0,
        "length": 14.5,
        "dead_allies": 1.0,
        "dead_enemies": 4.5,
    }


def test_nothing_to_summarise_is_an_error():
    with pytest.raises(ValueError, match="no episodes"):
        summarise(make_stats([], []))


@pytest.mark.parametrize("trials", [1, 2, 3, 7, 32, 320, 839])
def test_wilson_interval_holds_the_rate_and_mirrors(trials):
    for successes in range(trials + 1):
        low, high = wilson_interval(successes, trials)
        assert 0 <= low <= successes / trials <= high <= 1
        assert low < high
        mirrored = wilson_interval(trials - successes, trials)
        assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-12)


@pytest.mark.parametrize(("successes", "trials"), [(1, 0), (-1, 4), (5, 4)])
def test_wilson_interval_refuses_impossible_counts(successes, trials):
    with pytest.raises(ValueError, match="successes in"):
        wilson_interval(successes, trials)
