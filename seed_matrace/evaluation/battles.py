"""Evaluation's battles in whatever backend is configured."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from seed_matrace.config import Config
from seed_matrace.envs.registry import make_vector_env, plays_elsewhere
from seed_matrace.evaluation.episodes import Act, evaluate, play_rounds
from seed_matrace.types import EpisodeStats


def play_battles(
    config: Config, act: Act, episodes: int, *, seed: int, first_battle: int = 0, replay: Path | None = None
) -> EpisodeStats:
    """Plays the battles ``first_battle`` and on of ``seed``.

    Args:
      replay: file for a replay of what the first game of StarCraft II played, if anything is to be kept.

    Raises:
      RuntimeError: games could not be had, or an episode did not end.
    """
    if plays_elsewhere(config.env):
        num_games = min(config.starcraft2.evaluation_games, episodes)
        games = make_vector_env(config.env, num_games, seed, first_battle, games=config.starcraft2, replay=replay)
        with closing(games):
            return play_rounds(games, act, episodes)
    return evaluate(
        lambda num_envs, first_env: make_vector_env(config.env, num_envs, seed, first_battle + first_env), act, episodes
    )
