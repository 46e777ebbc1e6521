"""What an installation looks like, how its games begin and how they end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from games import RemoteController, RunningGame, begin, free_port, listens, wait_until_listening
from pysc2.run_configs import platforms
from websocket import ABNF, create_connection

from seed_matrace.sc2_standin.installation import install
from seed_matrace.skirmish.maps import map_names

Start = Callable[..., RunningGame]


def test_pysc2_finds_game_and_maps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path)
    monkeypatch.setenv("SC2PATH", str(tmp_path))
    config = platforms.Linux("4.10")
    assert config.version.build_version == 75689
    assert all(config.map_data(f"SMAC_Maps/{name}.SC2Map") for name in map_names())


def test_versions_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path)
    install(tmp_path, version="4.6.2")
    monkeypatch.setenv("SC2PATH", str(tmp_path))
    for version, build in (("4.10", 75689), ("4.6.2", 69232)):
        assert platforms.Linux(version).version.build_version == build
        game = RunningGame(tmp_path, build=build)
        try:
            assert game.connect().ping().base_build == build
        finally:
            game.kill()


def test_what_is_there_stays(tmp_path: Path) -> None:
    real = tmp_path / "Maps" / "SMAC_Maps" / "3m.SC2Map"
    real.parent.mkdir(parents=True)
    real.write_bytes(b"MPQ")
    install(tmp_path)
    install(tmp_path)
    assert real.read_bytes() == b"MPQ"
    binary = tmp_path / "Versions" / "Base75689" / "SC2_x64"
    binary.write_bytes(b"\x7fELF")
    with pytest.raises(ValueError, match="the game itself"):
        install(tmp_path)
    assert binary.read_bytes() == b"\x7fELF"


@pytest.fixture
def without_websockets(tmp_path: Path) -> dict[str, str]:
    """An environment of processes whose Python lacks them."""
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "websockets.py").write_text("raise ImportError('No module named websockets')")
    return {**os.environ, "PYTHONPATH": str(tmp_path / "hidden")}


def test_python_that_cannot_play_lays_nothing_out(tmp_path: Path, without_websockets: dict[str, str]) -> None:
    command = [sys.executable, "-m", "seed_matrace", "sc2-standin", f"--install_dir={tmp_path / 'game'}"]
    tried = subprocess.run(command, env=without_websockets, capture_output=True, text=True)
    assert tried.returncode == 2 and not (tmp_path / "game").exists() and not tried.stdout
    assert "websockets; the stand-in needs: " in tried.stderr and "'seed_matrace[starcraft2]'" in tried.stderr
    assert len(tried.stderr.strip().splitlines()) == 1


def test_doctor_starts_the_stand_in(tmp_path: Path, without_websockets: dict[str, str]) -> None:
    """And does not count as a launch."""
    install(tmp_path)
    module = [sys.executable, "-m", "seed_matrace.starcraft2.installation", "4.10", "3m"]

    def finding(environment: dict[str, str]) -> dict[str, Any]:
        environment = {**environment, "SC2PATH": str(tmp_path)}
        return json.loads(subprocess.run(module, env=environment, capture_output=True, check=True).stdout)[0]

    assert finding({**os.environ})["good"] and "a stand-in, not the game" in finding({**os.environ})["found"]
    broken = finding(without_websockets)
    assert (
        not broken["good"] and "does not start" in broken["found"] and "No module named websockets" in broken["found"]
    )
    binary = tmp_path / "Versions" / "Base75689" / "SC2_x64"
    binary.write_text(binary.read_text().replace(sys.executable, "/no/such/python"))
    assert "/no/such/python" in finding({**os.environ})["found"]
    assert (tmp_path / "launches").read_bytes() == b""


def test_game_ends_with_its_client(start: Start) -> None:
    quitter, leaver, stopped = start(), start(), start()
    controller = quitter.connect()
    begin(controller, "3m")
    controller.quit()
    leaver.connect().close()
    stopped.connect()
    stopped.process.terminate()
    assert quitter.process.wait(60) == leaver.process.wait(60) == 0
    assert stopped.process.wait(60) < 0
    assert not any(listens(game.port) for game in (quitter, leaver, stopped))


def test_one_plays_and_others_are_turned_away(start: Start) -> None:
    game = start()
    wait_until_listening(game.process, game.port)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"http://127.0.0.1:{game.port}/")
    controller = game.connect()
    with pytest.raises(ConnectionRefusedError):
        create_connection(f"ws://127.0.0.1:{game.port}/sc2api")
    assert begin(controller, "3m").observation.raw_data.units


def test_nonsense_is_answered_and_the_game_goes_on(start: Start) -> None:
    game = start()
    wait_until_listening(game.process, game.port)
    connection = create_connection(f"ws://127.0.0.1:{game.port}/sc2api")
    connection.send(b"\xff\xffnonsense")
    assert b"malformed request" in connection.recv()
    connection.send_binary(b"")
    assert b"an empty request is not supported" in connection.recv()
    connection.send_frame(ABNF.create_frame(b"\xff", ABNF.OPCODE_BINARY, fin=0))
    connection.ping()
    connection.send_frame(ABNF.create_frame(b"\xffin parts", ABNF.OPCODE_CONT))
    assert b"malformed request" in connection.recv()
    connection.close()
    assert game.process.wait(60) == 0


def test_server_at_a_port_has_one_client_after_another() -> None:
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "seed_matrace", "sc2-standin", f"--port={port}"])
    try:
        wait_until_listening(server, port)
        for map_name in ("3m", "8m"):
            controller = RemoteController("127.0.0.1", port, timeout_seconds=30)
            assert begin(controller, map_name).observation.game_loop == 1
            controller.quit()
        wait_until_listening(server, port)  # still
    finally:
        server.kill()
        server.wait()
