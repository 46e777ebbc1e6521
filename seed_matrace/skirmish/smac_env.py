"""The embedded simulator behind SMAC's own interface, for code written for ``smac.env.StarCraft2Env``."""

from __future__ import annotations

import copy
import dataclasses
import logging
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seed_matrace._cext._skirmish import Skirmish
from seed_matrace.fields import whole_number
from seed_matrace.replay import write_replay
from seed_matrace.skirmish.battles import build_battles
from seed_matrace.skirmish.maps import load_map
from seed_matrace.skirmish.picture import render_battle
from seed_matrace.skirmish.slots import slot_types
from seed_matrace.skirmish.smac_attributes import overrule_values
from seed_matrace.skirmish.smac_battle import SmacBattle
from seed_matrace.skirmish.smac_left_out import LEFT_OUT, refuse_left_out
from seed_matrace.skirmish.smac_replay import EpisodeSoFar, unused_path
from seed_matrace.skirmish.smac_units import OWN_TYPE_ID, Roster
from seed_matrace.skirmish.vector_env import BACKEND
from seed_matrace.smac_options import SkirmishOptions, names_options
from seed_matrace.specs import empty_env_output

_TARGETS = 4  # of Skirmish.memory(): whom the scripted team attacks


class StarCraft2Env(SmacBattle):
    """One battle at a time with the methods and semantics of SMAC 1.0.0 (docs/smac_interface.md).

    Plays the battles of environment 0 of ``SkirmishVectorEnv(map_name, 1, seed)``, without resetting itself. Subclasses
    may override what they may of SMAC's; copies and pickles go on bit for bit.

    Args:
      map_name: one of ``maps.map_names()``, or the path of a scenario file (``.json``).
      seed: at least 0; random if None.
      others: fields of ``SmacOptions``, in SMAC's order.
      shuffle_enemies: as ``SkirmishOptions`` has it; by name only, SMAC's class has no such thing.

    Raises:
      TypeError: unknown option; the message names near ones.
      ValueError: unknown map, likewise; a value of the wrong type or out of range.
    """

    @names_options
    def __init__(
        self,
        map_name: str = "8m",
        step_mul: int | None = 8,
        move_amount: float = 2,
        difficulty: str = "7",
        game_version: str | None = None,
        seed: int | None = None,
        continuing_episode: bool = False,
        obs_all_health: bool = True,
        obs_own_health: bool = True,
        obs_last_action: bool = False,
        obs_pathing_grid: bool = False,
        obs_terrain_height: bool = False,
        obs_instead_of_state: bool = False,
        obs_timestep_number: bool = False,
        state_last_action: bool = True,
        state_timestep_number: bool = False,
        reward_sparse: bool = False,
        reward_only_positive: bool = True,
        reward_death_value: float = 10,
        reward_win: float = 200,
        reward_defeat: float = 0,
        reward_negative_scale: float = 0.5,
        reward_scale: bool = True,
        reward_scale_rate: float = 20,
        replay_dir: str = "",
        replay_prefix: str = "",
        window_size_x: int = 1920,
        window_size_y: int = 1200,
        heuristic_ai: bool = False,
        heuristic_rest: bool = False,
        debug: bool = False,
        *,
        shuffle_enemies: bool = True,
    ) -> None:
        given = locals()
        options = SkirmishOptions(**{item.name: given[item.name] for item in dataclasses.fields(SkirmishOptions)})
        super().__init__(load_map(map_name), options)
        self.battles_won = self.battles_game = self.timeouts = self.force_restarts = 0
        self.reward: float = 0
        self.last_stats = self.renderer = None
        self.__dict__["max_reward"] = self.n_enemies * options.reward_death_value + options.reward_win
        self._episode_count = self._episode_steps = self._total_steps = 0
        self._unit_types: list[int] | None = None
        # SMAC's rewards for the end and their scale are added here: they may be changed, and the scale grows.
        bare = dataclasses.replace(options, reward_sparse=False, reward_win=0.0, reward_defeat=0.0, reward_scale=False)
        self._battle_layout = dataclasses.replace(self.layout, options=bare)
        self._one_hots = np.eye(self.n_actions)
        self._forget_episode()
        self.seed(secrets.randbits(31) if seed is None else seed)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        refuse_left_out(cls, StarCraft2Env)
        overrule_values(cls, StarCraft2Env)

    __copy__ = copy.deepcopy  # a copy plays its own battle

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__:  # units that were written down before the constructor came
            return self.__dict__[name]
        if name in LEFT_OUT:
            raise AttributeError(f"{name} of SMAC's class is not here: {LEFT_OUT[name]} (docs/smac_interface.md)")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def seed(self, seed: int | None = None) -> int:
        """The seed that the battles are played with; a given one counts from the next ``reset``."""
        if seed is not None:
            self._seed = whole_number("seed", seed, 0)
            self._playing = self._closed = False
            self._waves = 0
            self._battles = self._new_battles()
        return self._seed

    def _new_battles(self) -> Skirmish:
        return build_battles(
            self.battle_map,
            self._battle_layout,
            1,
            self._seed,
            0,
            reward_divisor=1.0,
            autoreset=False,
            shuffle_enemies=self.options.shuffle_enemies,
        )

    def reset(self) -> tuple[list[np.ndarray], np.ndarray]:
        """Starts an episode.

        Until the first episode has ended, every reset adds the enemies' health to the maximum that rewards are
        divided by, as in SMAC, where it launches the game again.

        Returns:
          ``get_obs()`` and ``get_state()``.
        """
        self._check_open()
        self._forget_episode()
        self._battles.reset(*self._shown[:3])
        self._look_at(self._battles.units()[0])
        self._kinds = slot_types(self.battle_map, self._battles)
        self._episode = EpisodeSoFar(self._battles, self._kinds)
        self._waves += 1
        self._playing = self._started = True
        self.init_units()
        return self.get_obs(), self.get_state()

    def full_restart(self) -> None:
        """Begins again with the seed's first battle, as SMAC does when it launches the game anew; ``reset`` follows."""
        self._check_open()
        self.seed(self._seed)
        self._started = False
        self.force_restarts += 1

    def init_units(self) -> None:
        """Looks at the units of a new battle; ``reset`` calls it."""
        self._check_started()
        roster = Roster(self.battle_map, self._kinds, self._waves)
        self._show_units(roster, self._units)
        vitality = sum(kind.health + kind.shield for kind in self._kinds[self.n_agents :])
        if self.battle_map.random_teams:  # every battle is worth what its own enemies are
            most = self.n_enemies * self.options.reward_death_value + self.reward_win + vitality
            self.__dict__["max_reward"] = most
        elif self._episode_count == 0:
            self.__dict__["max_reward"] += vitality
        if self._unit_types is None:
            self.__dict__["_min_unit_type"] = OWN_TYPE_ID
            numbers = {f"{kind.name.lower()}_id": type_id for type_id, kind in self._own_kinds.items()}
            self.__dict__.update(numbers)
        self._unit_types = list(roster.unit_types)

    def get_unit_types(self) -> list[int] | None:
        """Numbers of the types of all units, agents first; None before the first ``reset``."""
        return self._unit_types

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
        if self.reward_scale and not self.max_reward:
            raise ValueError("max_reward is 0, by which rewards would be divided; set another, or reward_scale = False")
        orders = self._take_actions(actions)
        self._play(orders)
        if self.heuristic_ai and hasattr(actions, "__setitem__"):
            for agent, action in enumerate(self._played):
                actions[agent] = action
        self._total_steps += 1
        self._episode_steps += 1
        code, reward = self._outcome()
        info = {"battle_won": False, "dead_allies": self._fallen[0], "dead_enemies": self._fallen[1]}
        if code is not None:
            reward = self._end_battle(code, reward, info)
        timeout = code is None and self._episode_steps >= self.episode_limit
        if timeout and self.continuing_episode:
            info["episode_limit"] = True
        ended = code is not None or timeout
        self._playing = not ended
        self._episode_count += ended
        self.battles_game += ended
        self.timeouts += timeout
        if self.reward_scale:
            reward /= self.max_reward / self.reward_scale_rate
        self.reward = float(reward)
        self._episode.add(orders, self.reward)
        return self.reward, ended, info

    @property
    def heuristic_targets(self) -> list[int | None]:
        """With heuristic_ai, the number of each agent's target: an enemy, of a medivac an agent."""
        if not self.heuristic_ai:
            raise AttributeError("heuristic_targets")
        return [target if target >= 0 else None for target in self._battles.memory()[_TARGETS][0].tolist()]

    @heuristic_targets.setter
    def heuristic_targets(self, targets: Any) -> None:
        raise AttributeError("heuristic_targets cannot be set: the scripted team is part of the compiled step")

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
        """Writes the episode so far as a replay, which ``seed-matrace watch`` shows. StarCraft II cannot play it.

        Returns:
          Its path: <replay_dir>/<replay_prefix or map_name>_<UTC time>.npz.

        Raises:
          RuntimeError: before the first step of the episode.
        """
        self._check_started()
        about = {"backend": BACKEND, "seed": self._seed, "options": self.options.changed()}
        about["battle_won"] = bool(self.win_counted)
        out = empty_env_output(self.layout.spec(self.episode_limit), 1)
        replay = self._episode.replay(self.battle_map, self._new_battles(), out, self.options.loops_per_step, about)
        path = write_replay(unused_path(Path(self.replay_dir), self.replay_prefix or self.map_name), replay)
        logging.getLogger(__name__).info("Replay saved at: %s", path)
        return path

    def render(self, mode: str = "human") -> np.ndarray:
        """The battle from above.

        Args:
          mode: "rgb_array"; there is no window.

        Returns:
          uint8 [height, width, 3].

        Raises:
          NotImplementedError: another mode.
        """
        if mode != "rgb_array":
            raise NotImplementedError(
                f"render(mode={mode!r}): the embedded simulator has no window; render(mode='rgb_array') is a picture, "
                "save_replay() writes an episode for seed-matrace watch"
            )
        self._check_started()
        return render_battle(self.battle_map, self._kinds, self._units)

    def close(self) -> None:
        """Ends the battles; safe to call twice."""
        self._playing, self._closed = False, True

    def _forget_episode(self) -> None:
        self._started = self.win_counted = self.defeat_counted = False
        self._episode_steps = 0
        self._begin_actions(np.zeros((self.n_agents, self.n_actions)))
        self._damage, self._fallen = 0.0, (0, 0)
        self.death_tracker_ally = np.zeros(self.n_agents)
        self.death_tracker_enemy = np.zeros(self.n_enemies)
        self._tracked = self._tracked_before = np.zeros(self.n_agents + self.n_enemies).tobytes()
        self._show_units(None, None)
