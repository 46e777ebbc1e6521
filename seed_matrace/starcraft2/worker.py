"""The process that plays one game of StarCraft II through SMAC: python -m seed_matrace.starcraft2.worker.

It runs in an interpreter that has smac and pysc2, and leads a process group that the game belongs to. Whoever started
it (``starcraft2_process``) says what to do, one word at a time; steps go through shared memory.
"""

from __future__ import annotations

import json
import mmap
import os
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seed_matrace.files import write_file
from seed_matrace.smac_options import DEFAULT_STEP_MUL, SmacOptions
from seed_matrace.specs import EnvSpec
from seed_matrace.starcraft2.features import SmacStep, StarCraft2Features, smac_arguments
from seed_matrace.starcraft2.installation import (
    InstallationError,
    check_playable,
    import_smac,
    smac_version,
    stamp,
)
from seed_matrace.starcraft2.recording import BattleRecorder
from seed_matrace.transport.slots import Slot, map_slots
from seed_matrace.types import flatten
from seed_matrace.version import __version__

MAX_MESSAGE_BYTES = 64 * 1024
FOLDER_PREFIX = "seed_matrace-game-"
WORKER_OUTPUT = "smac.txt"  # in that folder: what Python says here, apart from the game's words


class GameLostError(RuntimeError):
    """The game crashed, hangs or talks nonsense: whatever it showed last must not be learnt from."""


class Game:
    """One ``StarCraft2Env`` whose steps end in ``slot``.

    Args:
      order: map_name, options, spec, seed and record, as ``starcraft2_process`` sends them.
      slot: of a group of one environment.
      folder: where battles are left, if they are to be recorded.

    Raises:
      InstallationError: nothing that launching once more could help.
    """

    def __init__(self, order: Mapping[str, Any], slot: Slot, folder: Path) -> None:
        if order["version"] != __version__:
            raise InstallationError(
                f"{sys.executable} has seed_matrace {__version__}, whoever started it {order['version']}; install the "
                "same version in both"
            )
        options = SmacOptions.from_dict(order["options"])
        check_playable(order["map_name"], options.game_version)
        shown = SmacStep(slot.env.obs[0], slot.env.state[0], slot.env.avail_actions[0])
        arguments = {**smac_arguments(options), "game_version": smac_version(options.game_version)}
        self._env = _watched(import_smac())(shown, map_name=order["map_name"], seed=order["seed"], **arguments)
        self._slot, self._shown = slot, shown
        self._spec = EnvSpec(**order["spec"])
        self._episode_return = 0.0
        self._recorder: BattleRecorder | None = None
        if order["record"]:
            about = {"backend": stamp(options.game_version), "seed": order["seed"]}
            loops = options.step_mul or DEFAULT_STEP_MUL
            self._recorder = BattleRecorder(self._env, slot, folder, loops, about)
        info = self._env.get_env_info()
        if (info["n_agents"], info["n_actions"]) != (self._spec.n_agents, self._spec.n_actions):
            raise InstallationError(
                f"this smac's {order['map_name']} has {info['n_agents']} agents and {info['n_actions']} actions, not "
                f"{self._spec.n_agents} and {self._spec.n_actions}: another version of smac than 1.0.0?"
            )

    def reset(self) -> dict[str, Any]:
        """Launches the game where none runs, and starts an episode."""
        first = self._env._episode_count == 0
        self._env.reset()
        if first:  # SMAC counts the enemies twice when it looks before all are there: rewards would shrink
            self._env.max_reward = self._max_reward()
        self._episode_return = 0.0
        for array in flatten(self._slot.env)[3:]:
            array[...] = 0
        self._check_shown()
        if self._recorder is not None:
            self._recorder.start()
        return {}

    def step(self) -> dict[str, Any]:
        """Plays the slot's actions; afterwards it holds the step, of an ended episode its last one."""
        env, out = self._env, self._slot.env
        timeouts = env.timeouts
        if self._recorder is not None:
            self._recorder.before_step()
        reward, ended, info = env.step(self._slot.action[0].tolist())
        if not info:  # what SMAC returns when it has launched the game anew
            raise GameLostError("smac lost the game")
        env.get_obs()
        self._check_shown()
        truncated = env.timeouts > timeouts
        self._episode_return += reward
        out.reward[0] = reward
        out.terminated[0], out.truncated[0] = ended and not truncated, truncated
        outcome = (info["battle_won"], info["dead_allies"], info["dead_enemies"])
        statistics = (self._episode_return, env._episode_steps, *outcome)
        for array, value in zip(out.episode, statistics, strict=True):
            array[0] = value if ended else 0
        if self._recorder is not None:
            self._recorder.after_step(reward, won=info["battle_won"] if ended else None)
        return {"ended": True, "nobody": not self._anybody_there()} if ended else {}

    def replay(self, path: str) -> dict[str, Any]:
        """Writes a replay of everything since the launch."""
        write_file(path, self._env._controller.save_replay())
        return {}

    def close(self) -> dict[str, Any]:
        self._env.close()
        return {}

    def _anybody_there(self) -> bool:
        """Whether the game reports units: with none SMAC sees a draw, but it may also be nonsense."""
        return any(unit.owner in (1, 2) for unit in self._env._obs.observation.raw_data.units)

    def _check_shown(self) -> None:
        if not (np.isfinite(self._shown.obs).all() and np.isfinite(self._shown.state).all()):
            raise GameLostError("the game reports numbers that are not finite")

    def _max_reward(self) -> float:
        env = self._env
        vitality = sum(unit.health_max + unit.shield_max for unit in env.enemies.values())
        return float(env.n_enemies * env.reward_death_value + env.reward_win + vitality)


class _Vitals(NamedTuple):
    health: float
    shield: float


class _Units(dict[int, Any]):
    """SMAC's units by number; of its copies from before a step it only ever reads these two."""

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[int, _Vitals]:
        return {index: _Vitals(unit.health, unit.shield) for index, unit in self.items()}


def _watched(smac_env_class: Any) -> Any:
    """SMAC's class with our features in the place of its own, and with no way to go on after a crash unnoticed."""

    class WatchedEnv(smac_env_class):
        agents: dict[int, Any]
        enemies: dict[int, Any]

        def __init__(self, shown: SmacStep, **arguments: Any) -> None:
            super().__init__(**arguments)
            self._shown = shown
            self._features = StarCraft2Features(self)

        def full_restart(self) -> None:
            raise GameLostError("the game ended, hung up or answered with an error")

        def init_units(self) -> None:
            super().init_units()
            self.agents, self.enemies = _Units(self.agents), _Units(self.enemies)

        def get_obs(self) -> list[np.ndarray]:
            return list(self._features.encode(self._shown).obs)

        def get_state(self) -> np.ndarray:  # SMAC asks for it behind get_obs
            return self._shown.state

        def get_avail_agent_actions(self, agent_id: int) -> np.ndarray:  # of the units that get_obs saw
            return self._shown.avail_actions[agent_id]

    return WatchedEnv


def main(socket_fd: int, memory_fd: int, lifeline_fd: int, folder: Path) -> None:
    """Does what is asked until the socket is closed or the game is lost; ``folder`` is for temporary files."""
    threading.Thread(target=_end_with_parent, args=(lifeline_fd, folder), daemon=True).start()
    sys.stdout = sys.stderr = (folder / WORKER_OUTPUT).open("w", encoding="utf-8", buffering=1)
    with socket.socket(fileno=socket_fd) as connection:
        order = json.loads(connection.recv(MAX_MESSAGE_BYTES))
        slot = map_slots(memoryview(mmap.mmap(memory_fd, 0)), EnvSpec(**order["spec"]), 1, 1)[0]
        try:
            game = Game(order, slot, folder)
            commands: dict[str, Callable[..., dict[str, Any]]]
            commands = {"reset": game.reset, "step": game.step, "replay": game.replay, "close": game.close}
            connection.send(b"{}")
            while data := connection.recv(MAX_MESSAGE_BYTES):
                word, *arguments = data.decode().split(" ", 1)
                connection.send(json.dumps(commands[word](*arguments)).encode())
        except Exception as error:
            hopeless = isinstance(error, (InstallationError, ImportError))
            reason = str(error) if hopeless or isinstance(error, GameLostError) else f"{type(error).__name__}: {error}"
            connection.send(json.dumps({"lost": reason[:1000], "hopeless": hopeless}).encode())


def _end_with_parent(lifeline_fd: int, folder: Path) -> None:
    """Ends the whole group when the process that started it is gone, however that ended."""
    os.read(lifeline_fd, 1)
    if folder.name.startswith(FOLDER_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
    signal.pause()  # whoever started this ends the group, or _end_with_parent does: never this process alone
