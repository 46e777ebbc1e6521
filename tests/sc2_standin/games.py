"""Games started from an installation as pysc2 starts them, and what is said to them."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from seed_matrace.starcraft2.messages import register_messages

register_messages()
from pysc2.lib.remote_controller import RemoteController  # noqa: E402
from s2clientprotocol import common_pb2, debug_pb2, raw_pb2, sc2api_pb2  # noqa: E402

flags.FLAGS.mark_as_parsed()  # pysc2 reads some


class RunningGame:
    """The process of one game."""

    def __init__(self, folder: Path, *, build: int = 75689, **environment: str) -> None:
        self.port = free_port()
        arguments = [
            "-listen",
            "127.0.0.1",
            "-port",
            str(self.port),
            "-dataDir",
            f"{folder}/",
            "-tempDir",
            f"{folder}/",
        ]
        binary = folder / "Versions" / f"Base{build}" / "SC2_x64"
        self.process = subprocess.Popen([binary, *arguments], env={**os.environ, **environment})

    def connect(self) -> RemoteController:
        wait_until_listening(self.process, self.port)
        return RemoteController("127.0.0.1", self.port, timeout_seconds=30)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def wait_until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 60
    while not listens(port):
        assert process.poll() is None, "the game ended at once"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def begin(controller: RemoteController, map_name: str, seed: int | None = 0) -> Any:
    """Creates and joins a game; returns the first observation."""
    controller.create_game(creation(map_name, seed))
    controller.join_game(
        sc2api_pb2.RequestJoinGame(race=common_pb2.Terran, options=sc2api_pb2.InterfaceOptions(raw=True))
    )
    return controller.observe()


def creation(map_name: str, seed: int | None = 0) -> Any:
    request = sc2api_pb2.RequestCreateGame(
        local_map=sc2api_pb2.LocalMap(map_path=f"SMAC_Maps/{map_name}.SC2Map", map_data=b"x"), random_seed=seed
    )
    request.player_setup.add(type=sc2api_pb2.Participant)
    request.player_setup.add(type=sc2api_pb2.Computer, race=common_pb2.Terran, difficulty=sc2api_pb2.VeryHard)
    return request


def units_of(observation: Any, owner: int) -> list[Any]:
    return [unit for unit in observation.observation.raw_data.units if unit.owner == owner]


def command(tag: int, ability: int, target: int | None = None, at: tuple[float, float] | None = None) -> Any:
    told = raw_pb2.ActionRawUnitCommand(ability_id=ability, unit_tags=[tag], target_unit_tag=target)
    if at is not None:
        told.target_world_space_pos.x, told.target_world_space_pos.y = at
    return sc2api_pb2.Action(action_raw=raw_pb2.ActionRaw(unit_command=told))


def act(controller: RemoteController, commands: Sequence[Any]) -> list[int]:
    return list(controller.actions(sc2api_pb2.RequestAction(actions=commands)).result)


def kill(controller: RemoteController, units: Sequence[Any]) -> None:
    doomed = debug_pb2.DebugKillUnit(tag=[unit.tag for unit in units])
    controller.debug(debug_pb2.DebugCommand(kill_unit=doomed))
