"""Plays whole episodes with a fixed policy and says how they went. Knows nothing of TensorFlow."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Sequence

import numpy as np
from absl import logging

from seed_matrace.specs import empty_env_output
from seed_matrace.types import EpisodeStats
from seed_matrace.vector_env import EnvLostError, VectorEnv

# (obs [E, N, O], avail_actions [E, N, A], episode_start bool [E]) -> actions int32 [E, N]. Whatever the policy
# remembers of an environment (stacked frames, recurrent state) it forgets where episode_start is true.
Act = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
Ended = Callable[[int], None]  # is told the number of an episode when it has ended


class EvaluationCutError(RuntimeError):
    """An evaluation was stopped before its end: it has no result."""


def until(stop: threading.Event, act: Act) -> Act:
    """``act``, which raises EvaluationCutError once ``stop`` is set."""

    def act_or_stop(obs: np.ndarray, avail_actions: np.ndarray, episode_start: np.ndarray) -> np.ndarray:
        if stop.is_set():
            raise EvaluationCutError("stopped before its end")
        return act(obs, avail_actions, episode_start)

    return act_or_stop


ATTEMPTS = 5  # at a round of games that can be lost


def play_episodes(env: VectorEnv, act: Act, ended: Ended = lambda number: None) -> EpisodeStats:
    """Plays exactly one episode in each of ``env.num_envs`` environments, from a fresh reset.

    Every environment's first episode counts and no other: taking the first episodes to finish would favour short
    ones. Environments that are done play on, unheeded, until the last one is.

    Args:
      ended: called once for each environment.

    Returns:
      EpisodeStats of arrays [num_envs]: entry i is the episode of environment i.

    Raises:
      RuntimeError: an episode did not end within ``env.spec.episode_limit`` steps.
    """
    out = env.reset(empty_env_output(env.spec, env.num_envs))
    episode_start = np.ones(env.num_envs, np.bool_)
    finished = np.zeros(env.num_envs, np.bool_)
    stats = EpisodeStats(*(np.zeros_like(field) for field in out.episode))
    for _ in range(env.spec.episode_limit):
        out = env.step(act(out.obs, out.avail_actions, episode_start), out)
        episode_start = np.logical_or(out.terminated, out.truncated)
        first_end = episode_start & ~finished
        for kept, current in zip(stats, out.episode, strict=True):
            kept[first_end] = current[first_end]
        for index in np.flatnonzero(first_end).tolist():
            ended(index)
        finished |= first_end
        if finished.all():
            return stats
    raise RuntimeError(
        f"{np.count_nonzero(~finished)} of {env.num_envs} episodes had not ended after {env.spec.episode_limit} steps, "
        "the episode limit of this environment"
    )


def play_rounds(env: VectorEnv, act: Act, episodes: int, ended: Ended = lambda number: None) -> EpisodeStats:
    """Plays ``episodes`` episodes, all environments at once as often as it takes; the last ones too many do not count.

    A round in which environments are lost is played again.

    Args:
      ended: episode n is of environment n % num_envs; told again of those that are played again.

    Raises:
      EnvLostError: they were, several times in a row.
      RuntimeError: as ``play_episodes``.
    """
    rounds = [_play_round(env, act, first, ended) for first in range(0, episodes, env.num_envs)]
    return EpisodeStats(*(field[:episodes] for field in _joined(rounds)))


def _play_round(env: VectorEnv, act: Act, first: int, ended: Ended) -> EpisodeStats:
    def ended_here(index: int) -> None:
        ended(first + index)

    for _ in range(ATTEMPTS - 1):
        try:
            return play_episodes(env, act, ended_here)
        except EnvLostError as error:
            logging.warning("evaluation: a round is played again (%s)", error)
    return play_episodes(env, act, ended_here)


def evaluate(make_env: Callable[[int, int], VectorEnv], act: Act, episodes: int, max_envs: int = 256) -> EpisodeStats:
    """Plays ``episodes`` episodes, at most ``max_envs`` of them at a time.

    Args:
      make_env: (num_envs, first_env) -> environments numbered first_env, first_env + 1, ...; closed after use. Where
        an environment's luck hangs on its number alone, as the simulator's does, so does the result: not on max_envs.
      act: chooses the actions; sees ``episode_start`` true everywhere when the next environments begin.
      episodes: how many to play.
      max_envs: how many environments may play at once.

    Raises:
      ValueError: ``episodes`` or ``max_envs`` is less than 1.
      RuntimeError: as ``play_episodes``.
    """
    if episodes < 1 or max_envs < 1:
        raise ValueError(f"episodes and max_envs must be at least 1, not {episodes} and {max_envs}")
    played: list[EpisodeStats] = []
    for first_env, num_envs in _chunks(episodes, max_envs):
        env = make_env(num_envs, first_env)
        try:
            played.append(play_episodes(env, act))
        finally:
            env.close()
    return _joined(played)


def _joined(parts: Sequence[EpisodeStats]) -> EpisodeStats:
    return EpisodeStats(*map(np.concatenate, zip(*parts, strict=True)))


def _chunks(episodes: int, max_envs: int) -> list[tuple[int, int]]:
    """(first_env, num_envs) of chunks as even as can be: a compiled policy then meets one size, at most two."""
    count = math.ceil(episodes / max_envs)
    edges = [episodes * i // count for i in range(count + 1)]
    return [(first, last - first) for first, last in itertools.pairwise(edges)]


def summarise(stats: EpisodeStats, *, won: bool = True) -> dict[str, float]:
    """One number per question; ``eval/<name>`` in the metrics and the JSON line of the ``eval`` command.

    ``return_std`` is the standard deviation over episodes (population); ``win_rate_ci95_*`` the Wilson interval.

    Args:
      stats: arrays [episodes].
      won: whether episodes are won or lost; if not, there is no win rate.

    Raises:
      ValueError: no episodes.
    """
    episodes = len(stats.battle_won)
    if not episodes:
        raise ValueError("no episodes to summarise")
    returns = np.asarray(stats.episode_return, np.float64)
    return {
        "episodes": episodes,
        **(_win_rate(stats) if won else {}),
        "return": float(returns.mean()),
        "return_std": float(returns.std()),
        "length": float(np.mean(stats.length)),
        "dead_allies": float(np.mean(stats.dead_allies)),
        "dead_enemies": float(np.mean(stats.dead_enemies)),
    }


def _win_rate(stats: EpisodeStats) -> dict[str, float]:
    wins, episodes = int(np.count_nonzero(stats.battle_won)), len(stats.battle_won)
    low, high = wilson_interval(wins, episodes)
    return {"win_rate": wins / episodes, "win_rate_ci95_low": low, "win_rate_ci95_high": high}


def wilson_interval(successes: int, trials: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Confidence interval of a proportion (Wilson 1927), 95% by default; sensible at 0 and at all successes too.

    Raises:
      ValueError: not 0 <= successes <= trials with trials >= 1.
    """
    if not 0 <= successes <= trials or trials < 1:
        raise ValueError(f"{successes} successes in {trials} trials")
    rate, weight = successes / trials, z * z / trials
    centre = (rate + weight / 2) / (1 + weight)
    half = z * math.sqrt(rate * (1 - rate) / trials + weight / (4 * trials)) / (1 + weight)
    # The interval ends at the rate itself when that is 0 or 1; rounding must not push it past.
    return max(0.0, min(rate, centre - half)), min(1.0, max(rate, centre + half))
