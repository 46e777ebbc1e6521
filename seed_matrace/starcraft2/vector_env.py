"""Several games of StarCraft II as one vector environment; each plays in a process of its own."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from seed_matrace.replay import PlayedBattle
from seed_matrace.skirmish.maps import load_map
from seed_matrace.smac_options import SmacOptions
from seed_matrace.specs import EnvSpec, check_env_output, empty_env_output
from seed_matrace.starcraft2.options import StarCraft2Options
from seed_matrace.starcraft2.process import GameProcess
from seed_matrace.starcraft2.worker import GameLostError
from seed_matrace.types import EnvOutput, flatten
from seed_matrace.vector_env import EnvLostError, as_actions
from seed_matrace.version import __version__

LAUNCH_ATTEMPTS = 5  # in a row
FIRST_BACKOFF_S = 2.0


def starcraft2_spec(map_name: str, options: SmacOptions) -> EnvSpec:
    """Sizes of a map in StarCraft II, without the game."""
    battle_map = load_map(map_name)
    return battle_map.layout.with_options(options, battle_map.episode_limit).spec(battle_map.episode_limit)


class StarCraft2VectorEnv:
    """E games that step in parallel and reset themselves (see ``vector_env.VectorEnv``).

    A game that ends, hangs or talks nonsense makes ``step`` raise EnvLostError; ``reset`` launches it anew. Games are
    launched anew between episodes too, after ``limits.restart_episodes`` of them.

    Args:
      options: SMAC's, as of the embedded simulator.
      seed, first_env: each game's own seed is made of them, its number and how often it was launched.
      with_final: also shows what episodes showed last.
      replay: where ``close`` leaves the game's own replay of the first game, if anywhere.
      recorded: so many games, the first ones, write down their battles.
    """

    spec: EnvSpec
    num_envs: int

    def __init__(
        self,
        map_name: str,
        num_envs: int,
        seed: int,
        first_env: int,
        options: SmacOptions,
        limits: StarCraft2Options,
        *,
        with_final: bool = False,
        replay: Path | None = None,
        recorded: int = 0,
    ) -> None:
        self._game_spec = starcraft2_spec(map_name, options)
        self.spec = dataclasses.replace(self._game_spec, with_final=with_final)
        self.num_envs = num_envs
        self._order = {"map_name": map_name, "options": SmacOptions.changed(options), "version": __version__}
        self._scripted = options.heuristic_ai  # whatever actions are given
        self._limits, self._replay = limits, replay
        self._seeds = [(seed, first_env + index) for index in range(num_envs)]
        self._launches = 0
        self._games: list[GameProcess | None] = [None] * num_envs
        self._battles: list[PlayedBattle | None] = [None] * min(recorded, num_envs)
        self._closed = False
        self._last_failure = ""

    def reset(self, out: EnvOutput | None = None) -> EnvOutput:
        """See ``VectorEnv``; launches the games that do not run.

        Raises:
          RuntimeError: a game could not be launched; the message says why.
        """
        out = self._output(out)
        for array in flatten(out):
            array[...] = 0
        for index, game in enumerate(self._games):
            if game is not None and not (game.running and game.episodes):  # SMAC would launch a second game beside it
                self._end(index)
        self._start_episodes(range(self.num_envs))
        self._show(range(self.num_envs), out)
        return out

    def step(self, actions: np.ndarray, out: EnvOutput | None = None) -> EnvOutput:
        """See ``VectorEnv``.

        Raises:
          EnvLostError: a game was lost; ``reset`` before the next step.
        """
        out = self._output(out)
        games = self._playing()
        actions = as_actions(actions, (self.num_envs, self.spec.n_agents))
        for row, game in zip(actions.tolist(), games, strict=True):
            game.slot.action[0] = row
            self._check_available(game)
        for game in games:
            game.tell("step")
        everybody = range(self.num_envs)
        answers = self._wait_for_steps()
        self._show(everybody, out)
        out.final_obs[...], out.final_state[...] = 0, 0
        ended = np.flatnonzero(out.terminated | out.truncated).tolist()
        if ended:
            self._take_battles(ended)
            if self.spec.with_final:
                out.final_obs[ended], out.final_state[ended] = out.obs[ended], out.state[ended]
            doubtful = [index for index in ended if answers[index]["nobody"]]
            self._confirm(doubtful)
            self._begin_next([index for index in ended if index not in doubtful])
            self._show_start(ended, out)
        return out

    def battle(self, index: int) -> PlayedBattle | None:
        """See ``GamesVectorEnv``."""
        return self._battles[index] if index < len(self._battles) else None

    def abandon(self) -> None:
        """See ``GamesVectorEnv``."""
        self._closed = True
        for game in self._games:
            if game is not None:
                game.abandon()

    def get_state_bytes(self) -> bytes:
        """Not to be had of a game that runs elsewhere."""
        raise ValueError("games of StarCraft II cannot be kept and gone on with")

    def set_state_bytes(self, state: bytes) -> None:
        """As ``get_state_bytes``."""
        raise ValueError("games of StarCraft II cannot be kept and gone on with")

    def close(self) -> None:
        """Ends the games and what they left behind; safe to call twice."""
        self._closed = True
        first = self._games[0]
        if self._replay is not None and first is not None and first.running:
            self._save_replay(first, self._replay)
        for index in range(self.num_envs):
            self._end(index)

    def _save_replay(self, game: GameProcess, path: Path) -> None:
        game.tell(f"replay {path.absolute()}")
        try:
            game.wait()
        except RuntimeError as error:
            logging.warning("no replay %s: %s", path, error)

    def _take_battles(self, ended: Sequence[int]) -> None:
        """Reads what the games recorded, before any of them is launched anew."""
        for index, game in enumerate(self._playing()[: len(self._battles)]):
            if index in ended:
                try:
                    self._battles[index] = game.battle()
                except (OSError, ValueError) as error:
                    self._battles[index] = None
                    logging.warning("game %d: its battle was not recorded: %s", index, error)

    def _confirm(self, doubtful: Sequence[int]) -> None:
        """Starts the next episode of games that report no units any more: there is one only if that was a draw."""
        for index in doubtful:
            game = self._playing()[index]
            game.tell("reset")
            try:
                game.wait()
            except GameLostError as error:
                self._end(index)
                raise EnvLostError(f"game {index}: no units, and no next battle: {error}") from None

    def _begin_next(self, ended: Sequence[int]) -> None:
        """Starts the next episode in the games ``ended``."""
        for index in ended:
            game = self._games[index]
            assert game is not None
            if game.episodes >= self._limits.restart_episodes:
                logging.info("game %d: launched anew after %d episodes", index, game.episodes)
                self._end(index)
        self._start_episodes(ended)

    def _show_start(self, indices: Sequence[int], out: EnvOutput) -> None:
        """Copies what the games show at an episode's start; rewards and ends stay those of the episode before."""
        for index in indices:
            slot = self._playing()[index].slot.env
            out.obs[index], out.state[index], out.avail_actions[index] = (
                slot.obs[0], slot.state[0], slot.avail_actions[0],
            )  # fmt: skip

    def _start_episodes(self, indices: Sequence[int]) -> None:
        """Resets the games ``indices``, launching those that do not run, again and again if need be."""
        waiting = list(indices)
        for attempt in range(LAUNCH_ATTEMPTS):
            self._try_to_start(waiting)
            waiting = [index for index in waiting if self._games[index] is None]
            if not waiting:
                return
            if self._closed:
                raise RuntimeError("the environment is closed")
            time.sleep(FIRST_BACKOFF_S * 2**attempt)
        raise RuntimeError(f"{self._last_failure}, and so {LAUNCH_ATTEMPTS} times; seed-matrace doctor may tell why")

    def _try_to_start(self, indices: Sequence[int]) -> None:
        """As far as it goes: a game that does not make it is ended, and said so."""
        for index in indices:
            if self._games[index] is None and not self._closed:
                self._games[index] = GameProcess(self._next_order(index), self._game_spec, self._limits)
        for word in ("launch", "reset"):
            for index in indices:
                game = self._games[index]
                if game is not None and word == "reset":
                    game.tell(word)
            for index in indices:
                game = self._games[index]
                if game is not None and not game.running:
                    self._wait_for(index, game)

    def _wait_for(self, index: int, game: GameProcess) -> None:
        try:
            game.wait()
        except GameLostError as error:
            self._last_failure = f"game {index} did not start: {error}"
            logging.warning(self._last_failure)
            self._end(index)

    def _next_order(self, index: int) -> dict[str, object]:
        """What to play; a game that is launched again does not play the same battles again."""
        self._launches += 1
        digest = hashlib.blake2b(repr((*self._seeds[index], self._launches)).encode(), digest_size=4).digest()
        seed = int.from_bytes(digest, "little") >> 1
        return {**self._order, "seed": seed, "record": index < len(self._battles)}

    def _wait_for_steps(self) -> list[dict[str, Any]]:
        """Waits for all games; ends those that were lost and raises EnvLostError if any was."""
        answers, lost = [], []
        for index, game in enumerate(self._playing()):
            try:
                answers.append(game.wait())
            except GameLostError as error:
                lost.append(f"game {index}: {error}")
                self._end(index)
        if lost:
            raise EnvLostError("; ".join(lost))
        return answers

    def _show(self, indices: Sequence[int], out: EnvOutput) -> None:
        """Copies the games' slots."""
        for index in indices:
            slot = self._playing()[index].slot
            for name, source, target in zip(EnvOutput._fields, slot.env, out, strict=True):
                if name == "episode":
                    for statistic, shown in zip(source, target, strict=True):
                        shown[index] = statistic[0]
                elif not name.startswith("final"):
                    target[index] = source[0]

    def _playing(self) -> list[GameProcess]:
        games = [game for game in self._games if game is not None]
        if len(games) != self.num_envs:
            raise RuntimeError("not all games run; call reset() to launch those that do not")
        return games

    def _check_available(self, game: GameProcess) -> None:
        actions, avail = game.slot.action[0], game.slot.env.avail_actions[0]
        if not self._scripted and not avail[np.arange(len(actions)), actions].all():
            raise ValueError(f"actions {actions.tolist()} are not all available")

    def _end(self, index: int) -> None:
        game, self._games[index] = self._games[index], None
        if game is not None:
            game.close()

    def _output(self, out: EnvOutput | None) -> EnvOutput:
        if out is None:
            return empty_env_output(self.spec, self.num_envs)
        check_env_output(out, self.spec, self.num_envs)
        return out
