"""The embedded simulator behind SMAC's own interface, for code written for ``smac.env.StarCraft2Env``."""

from __future__ import annotations

import logging
import operator
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seed_matrace._cext._skirmish import Skirmish
from seed_matrace.skirmish.episode_record import EpisodeRecord
from seed_matrace.skirmish.maps import load_map
from seed_matrace.skirmish.smac_info import SmacInfo
from seed_matrace.skirmish.vector_env import BACKEND, build_battles, full_vitality
from seed_matrace.smac_options import SmacOptions
from seed_matrace.specs import empty_env_output

HEALTH_ROW = 2  # of Skirmish.units()


class SmacEnv(SmacInfo):
    """One battle at a time with the methods and semantics of SMAC 1.0.0 (docs/smac_interface.md).

    Plays the battles of environment 0 of ``SkirmishVectorEnv(map_name, 1, seed)``, without resetting itself.

    Args:
      map_name: one of ``maps.map_names()``.
      seed: at least 0; drawn if None.
      smac_options: fields of ``SmacOptions``.

    Raises:
      TypeError: unknown option; the message names near ones.
      ValueError: unknown map, likewise; a value of the wrong type or out of range.
    """

    def __init__(self, map_name: str = "8m", seed: int | None = None, **smac_options: Any) -> None:
        super().__init__(load_map(map_name), SmacOptions.from_dict(smac_options))
        self.battles_won = self.battles_game = self.timeouts = self.force_restarts = 0
        self.reward = 0.0
        self.max_reward = self.n_enemies * self.options.reward_death_value + self.options.reward_win
        self._episode_count = self._episode_steps = self._total_steps = 0
        self._shown = empty_env_output(self.layout.spec(self.episode_limit), 1)
        self._forget_episode()
        self.seed(secrets.randbits(31) if seed is None else seed)

    def seed(self, seed: int | None = None) -> int:
        """The seed that the battles are played with; a given one counts from the next ``reset``."""
        if seed is not None:
            self._seed = operator.index(seed)
            if not 0 <= self._seed < 2**63:
                raise ValueError(f"seed is {seed}; at least 0 and less than 2**63 expected")
            self._playing = self._closed = False
            # Rewards are scaled here: SMAC's maximum can grow, see reset.
            self._battles: Skirmish = build_battles(
                self.battle_map, self.layout, 1, self._seed, 0, reward_divisor=1.0, autoreset=False
            )
            about = {"backend": BACKEND, "seed": self._seed, "options": self.options.changed()}
            self._record = EpisodeRecord(self.battle_map, about)
        return self._seed

    def reset(self) -> tuple[list[np.ndarray], np.ndarray]:
        """Starts an episode.

        Until the first episode has ended, every reset adds the enemies' health to the maximum that rewards are
        divided by, as in SMAC, where it launches the game again.

        Returns:
          ``get_obs()`` and ``get_state()``.
        """
        self._check_open()
        if self._episode_count == 0:
            self.max_reward += full_vitality(self.battle_map)
        self._forget_episode()
        self._battles.reset(*self._shown[:3])
        self._record.start(self._battles.units()[0])
        self._playing = self._started = True
        return self.get_obs(), self.get_state()

    def step(self, actions: Sequence[int]) -> tuple[float, bool, dict[str, Any]]:
        """Plays one env step; it neither returns observations nor resets.

        Args:
          actions: N whole numbers, each available. With heuristic_ai they are overwritten by what was played.

        Returns:
          Team reward, whether the episode is over, and battle_won, dead_allies and dead_enemies by name;
          episode_limit too if it ran out of time and continuing_episode is set.

        Raises:
          AssertionError: an action is not available; nothing was played.
          RuntimeError: before ``reset``, after the end of the episode, or closed.
        """
        self._check_open()
        if not self._playing:
            raise RuntimeError("step() outside an episode; call reset() to start one")
        given = self._checked(actions)
        reward, won, ended = self._play(given)
        played = self._battles.last_step()[1][0].tolist()
        if self.options.heuristic_ai and hasattr(actions, "__setitem__"):
            for agent, action in enumerate(played):
                actions[agent] = action
        units = self._battles.units()[0]
        dead = units[HEALTH_ROW] <= 0
        self.death_tracker_ally = dead[: self.n_agents].astype(np.float64)
        self.death_tracker_enemy = dead[self.n_agents :].astype(np.float64)
        info: dict[str, Any] = {
            "battle_won": won,
            "dead_allies": int(dead[: self.n_agents].sum()),
            "dead_enemies": int(dead[self.n_agents :].sum()),
        }
        timeout = ended and bool(self._shown.truncated[0])
        if timeout and self.options.continuing_episode:
            info["episode_limit"] = True
        self._count(won, ended, timeout)
        self._record.add(units, played, reward)
        self.reward = reward
        return reward, ended, info

    def get_obs(self) -> list[np.ndarray]:
        """One observation per agent; zeros of the dead."""
        return [self.get_obs_agent(agent) for agent in range(self.n_agents)]

    def get_obs_agent(self, agent_id: int) -> np.ndarray:
        """Observation of one agent: float32 [get_obs_size()].

        With obs_timestep_number float64 and one longer, as in SMAC.
        """
        self._check_started()
        row = self._shown.obs[0, agent_id]
        if self.options.obs_timestep_number:
            return np.append(row[:-1], self._episode_steps / self.episode_limit)
        return row.copy()

    def get_state(self) -> np.ndarray:
        """Global state: float32 [get_state_size()], or wider with obs_instead_of_state and obs_timestep_number."""
        self._check_started()
        return self._shown.state[0].copy()

    def get_avail_actions(self) -> list[list[int]]:
        """For every agent a list with 1 for each action that may be chosen, 0 for the others."""
        self._check_started()
        return self._shown.avail_actions[0].tolist()

    def get_avail_agent_actions(self, agent_id: int) -> list[int]:
        """The same of one agent."""
        self._check_started()
        return self._shown.avail_actions[0, agent_id].tolist()

    def get_visibility_matrix(self) -> np.ndarray:
        """Bool [N, N + M]: which of the N agents and M enemies each agent sees; nobody sees themself."""
        self._check_started()
        x, y, health = self._battles.units()[0, :3].astype(np.float64)
        n = self.n_agents
        seen = np.hypot(x[:n, None] - x, y[:n, None] - y) < self.unit_sight_range(0)
        seen &= (health[:n, None] > 0) & (health > 0)
        seen[:, :n] &= ~np.eye(n, dtype=bool)
        return seen

    def get_stats(self) -> dict[str, float]:
        """Counts of battles and the win rate (0 before the first end); SMAC calls timeouts draws, too."""
        return {
            "battles_won": self.battles_won,
            "battles_game": self.battles_game,
            "battles_draw": self.timeouts,
            "win_rate": self.battles_won / max(self.battles_game, 1),
            "timeouts": self.timeouts,
            "restarts": self.force_restarts,
        }

    def save_replay(self) -> Path:
        """Writes the episode so far as JSON: every unit after every step. StarCraft II cannot play it.

        Returns:
          Its path: <replay_dir>/<replay_prefix or map_name>_<UTC time>.json.
        """
        self._check_started()
        path = self._record.write(Path(self.options.replay_dir), self.options.replay_prefix or self.map_name)
        logging.getLogger(__name__).info("Replay saved at: %s", path)
        return path

    def render(self, mode: str = "human") -> None:
        """There is no window.

        Raises:
          NotImplementedError: always; ``save_replay`` has the numbers.
        """
        raise NotImplementedError("the embedded simulator has no window; save_replay() writes every unit of an episode")

    def close(self) -> None:
        """Ends the battles; safe to call twice."""
        self._playing, self._closed = False, True

    def _forget_episode(self) -> None:
        self._started = False
        self._episode_steps = 0
        self.last_action = np.zeros((self.n_agents, self.n_actions))
        self.death_tracker_ally = np.zeros(self.n_agents)
        self.death_tracker_enemy = np.zeros(self.n_enemies)

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the environment is closed")

    def _check_started(self) -> None:
        self._check_open()
        if not self._started:
            raise RuntimeError("nothing to see before the first reset()")

    def _checked(self, actions: Sequence[int]) -> list[int]:
        given = [int(action) for action in actions]
        if len(given) != self.n_agents:
            raise ValueError(f"{len(given)} actions given; one for each of {self.n_agents} agents expected")
        avail = self._shown.avail_actions[0]
        for agent, action in enumerate(given):
            exists = 0 <= action < self.n_actions
            if not exists or not (self.options.heuristic_ai or avail[agent, action]):
                choices = np.flatnonzero(avail[agent]).tolist()
                raise AssertionError(f"Agent {agent} cannot perform action {action}; available: {choices}")
        return given

    def _play(self, given: list[int]) -> tuple[float, bool, bool]:
        """Returns the scaled reward, whether the battle was won, and whether the episode is over."""
        out = self._shown
        ends = out.terminated.view(np.uint8), out.truncated.view(np.uint8)
        won = out.episode.battle_won.view(np.uint8)
        statistics = out.episode.episode_return, out.episode.length, won, *out.episode[3:]
        self._battles.step(np.array([given], np.int32), *out[:4], *ends, *statistics, out.final_obs, out.final_state)
        self.last_action = np.eye(self.n_actions)[given]
        reward = float(self._battles.last_step()[0][0])
        if self.options.reward_scale:
            reward /= self.max_reward / self.options.reward_scale_rate
        return reward, bool(won[0]), bool(out.terminated[0] or out.truncated[0])

    def _count(self, won: bool, ended: bool, timeout: bool) -> None:
        self._total_steps += 1
        self._episode_steps += 1
        self._playing = not ended
        self._episode_count += ended
        self.battles_game += ended
        self.battles_won += won
        self.timeouts += timeout
