"""Evaluation's battles in whatever backend is configured."""

from __future__ import annotations

import dataclasses
from contextlib import closing
from pathlib import Path
from typing import cast

from seed_matrace.config import Config
from seed_matrace.envs.registry import make_vector_env, plays_elsewhere
from seed_matrace.evaluation.episodes import Act, evaluate, play_rounds
from seed_matrace.evaluation.recording import KeptActions, Recorder, judged_battle, record_battle
from seed_matrace.types import EpisodeStats
from seed_matrace.vector_env import GamesVectorEnv


def play_battles(
    config: Config,
    act: Act,
    episodes: int,
    *,
    seed: int,
    first_battle: int = 0,
    recorder: Recorder | None = None,
    game_replay: Path | None = None,
) -> EpisodeStats:
    """Plays the battles ``first_battle`` and on of ``seed``.

    Args:
      recorder: who keeps replays, if any are wanted.
      game_replay: file for a replay, by the game itself, of what the first game of StarCraft II played.

    Raises:
      RuntimeError: games could not be had, or an episode did not end.
    """
    if plays_elsewhere(config.env):
        return _play_games(
            config, act, episodes, seed=seed, first_battle=first_battle, recorder=recorder, game_replay=game_replay
        )
    team = KeptActions(act, recorder.battles if recorder else 0)
    stats = evaluate(
        lambda num_envs, first_env: make_vector_env(config.env, num_envs, seed, first_battle + first_env),
        team,
        episodes,
    )
    if recorder is not None:
        env = dataclasses.replace(config.env, frame_stack=recorder.frame_stack)
        for number in range(min(recorder.battles, len(team))):
            actions, battle = team.of_battle(number), first_battle + number
            replay = record_battle(env, actions, recorder.judge, seed=seed, battle=battle, **recorder.about)
            recorder.keep(number, replay)
    return stats


def _play_games(
    config: Config,
    act: Act,
    episodes: int,
    *,
    seed: int,
    first_battle: int,
    recorder: Recorder | None,
    game_replay: Path | None,
) -> EpisodeStats:
    num_games, recorded = min(config.starcraft2.evaluation_games, episodes), recorder.battles if recorder else 0
    made = make_vector_env(
        config.env, num_games, seed, first_battle, games=config.starcraft2, replay=game_replay, recorded=recorded
    )
    games = cast(GamesVectorEnv, made)

    def record(number: int) -> None:
        played = games.battle(number % num_games) if number < recorded else None
        if recorder is not None and played is not None:
            about = {**recorder.about, "battle": first_battle + number}
            recorder.keep(number, judged_battle(played, recorder.judge, recorder.frame_stack, **about))

    with closing(games):
        return play_rounds(games, act, episodes, record)
