"""Looks like SMAC; battles are drawn, the game is a process that sleeps, faults are those in ``$SC2PATH/faults``."""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from live_games import PlainGame, random_table

from seed_matrace.skirmish.maps import load_map
from seed_matrace.smac_options import SmacOptions

EPISODE_STEPS = 5
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def observation(units: list[Any]) -> SimpleNamespace:
    return SimpleNamespace(observation=SimpleNamespace(raw_data=SimpleNamespace(units=units)))


class StarCraft2Env(PlainGame):
    """Battles of five steps; every second is lost, the others run out of time."""

    reward_death_value, reward_win, max_reward = 10, 200, 0.0

    def __init__(self, map_name: str, seed: int, game_version: str | None, **options: Any) -> None:
        names = SmacOptions.__dataclass_fields__
        battle_map = load_map(map_name)
        chosen = SmacOptions(**{name: value for name, value in options.items() if name in names})
        super().__init__(map_name, battle_map.layout.with_options(chosen, battle_map.episode_limit))
        self._rng = np.random.default_rng(seed)
        self._episode_count = self.timeouts = self._total_steps = 0
        self._game: subprocess.Popen[bytes] | None = None
        self._controller = self
        self._obs = observation([SimpleNamespace(owner=1)])

    def get_env_info(self) -> dict[str, int]:
        return {"n_agents": self._layout.n_agents, "n_actions": self._layout.n_actions}

    def reset(self) -> tuple[Any, Any]:
        if self._game is None:
            self._launch()
        self._fail_if_due("reset", self._episode_count)
        if not self._obs.observation.raw_data.units:
            time.sleep(600)  # SMAC waits for units for ever
        self.draw([-1] * self.n_agents, 0)
        return self.get_obs(), self.get_state()

    def step(self, actions: list[int]) -> tuple[float, bool, dict[str, Any]]:
        for agent, action in enumerate(actions):
            assert self.get_avail_agent_actions(agent)[action] == 1
        self._total_steps += 1
        if self._fail_if_due("step", self._total_steps):
            self.full_restart()
            return 0, True, {}
        if not self._obs.observation.raw_data.units:
            return 20.0, True, {"battle_won": False, "dead_allies": self.n_agents, "dead_enemies": self.n_enemies}
        self.draw(actions, self._episode_steps + 1)
        ended = self._episode_steps == EPISODE_STEPS
        self._episode_count += ended
        self.timeouts += ended and self._episode_count % 2 == 0
        return 0.5, ended, {"battle_won": False, "dead_allies": 1, "dead_enemies": 2}

    def draw(self, actions: list[int], step: int) -> None:
        table = random_table(self._layout, self._rng)
        table[2] = np.maximum(table[2], 1)
        self.show(table, actions, step)

    def save_replay(self) -> bytes:
        return f"replay of {self._total_steps} steps".encode()

    def close(self) -> None:
        self._game.kill()
        self._game.wait()

    def _launch(self) -> None:
        folder = Path(os.environ["SC2PATH"])
        with (folder / "launches").open("ab") as launches:
            launches.write(b".")
            launches.flush()
            self._number = launches.tell()
        Path(os.environ["TMPDIR"], "left_by_the_game").touch()
        if limit := int(os.environ.get("FAKE_SMAC_FILE_LIMIT", "0")):  # as of a full disk
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        self._game = subprocess.Popen([sys.executable, "-c", STUBBORN])

    def _fail_if_due(self, when: str, count: int) -> bool:
        """Whether SMAC would notice a fault that is due; others happen here."""
        fault = json.loads(Path(os.environ["SC2PATH"], "faults").read_text()).get(str(self._number))
        if fault is None or fault[1:] != [when, count]:
            return False
        if fault[0] == "hang":
            time.sleep(600)
        if fault[0] == "crash":
            os._exit(9)
        if fault[0] == "words":  # the game says why it ends, and pysc2 goes on talking
            subprocess.run(["sh", "-c", "echo 'the disk is full' >&2"])
            logging.warning("SC2 is not running")
            raise ConnectionError("no websocket")
        if fault[0] == "garble":
            raise ValueError("not a message")
        if fault[0] == "empty":
            self._obs = observation([])
        if fault[0] == "leak":
            self._leak = np.ones(300 << 17)
        return fault[0] == "disconnect"
