"""The stand-in's websocket, with its faults."""

from __future__ import annotations

import logging
import math
import os
import signal
import threading
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from s2clientprotocol import sc2api_pb2

from seed_matrace.sc2_standin.faults import Fault, FaultSchedule
from seed_matrace.sc2_standin.game import QUIT, Game

try:
    from google.protobuf.message import DecodeError
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.server import Server, ServerConnection, serve
except ImportError as error:
    raise ImportError(f"{error}; the stand-in needs: pip install 'seed_matrace[starcraft2]'") from None

ENDPOINT = "/sc2api"
GARBLED = b"\xff\xff no protobuf"

_log = logging.getLogger(__name__)


def serve_game(host: str, port: int, faults: Sequence[Fault] = (), *, launch: int = 1, stay: bool = False) -> None:
    """Plays with whoever connects to ws://host:port/sc2api, one client at a time.

    Args:
      port: 0 takes a free one, which is logged.
      launch: which launch of the game this is, for faults.
      stay: waits for another client when one has left, who begins with a new game; otherwise that is the end.

    Raises:
      OSError: the address cannot be listened at.
    """
    schedule = FaultSchedule(faults, launch)
    _wait(schedule.refusal_s())
    busy = threading.Lock()
    server: Server

    def admit(connection: ServerConnection, request: Any) -> Any:
        if request.path != ENDPOINT:
            return connection.respond(HTTPStatus.NOT_FOUND, f"the game is at {ENDPOINT}\n")
        if not busy.acquire(blocking=False):
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "somebody else plays here\n")
        return None

    def play(connection: ServerConnection) -> None:
        try:
            Client(connection, schedule).play()
        finally:
            busy.release()
        if not stay:
            threading.Thread(target=server.shutdown).start()  # it waits for this one to end

    # Clients answer pings only while they wait for something: silence is no sign of trouble.
    options: dict[str, Any] = {"compression": None, "max_size": None, "ping_interval": None}
    with serve(play, host, port, process_request=admit, **options) as server:
        _log.info("listening on ws://%s:%d%s", host, server.socket.getsockname()[1], ENDPOINT)
        server.serve_forever()


class Client:
    """One connection: reads requests, answers them, misbehaves when it is due."""

    def __init__(self, connection: ServerConnection, schedule: FaultSchedule) -> None:
        self._connection = connection
        self._schedule = schedule
        self._game = Game()
        self._delay_s = 0.0
        self._empty = False
        self._megabytes = 0
        self._hoard: list[bytes] = []

    def play(self) -> None:
        """Answers until the client leaves or says quit."""
        while self._game.status != QUIT:
            try:
                data = self._connection.recv(decode=False)
                self._connection.send(self._answer(data))
            except ConnectionClosed:
                break

    def _answer(self, data: bytes | str) -> bytes:
        try:
            request = sc2api_pb2.Request.FromString(data)
        except DecodeError as error:
            return bytes(
                sc2api_pb2.Response(status=self._game.status, error=[f"malformed request: {error}"]).SerializeToString()
            )
        due = self._schedule.due(request.WhichOneof("request") or "", self._game.waves)
        for fault in due:
            self._begin(fault)
        response = self._game.answer(request)
        kinds = {fault.kind for fault in due}
        if "error" in kinds:
            response.error.append("a fault was asked for")
        if self._empty:
            response.observation.observation.raw_data.ClearField("units")
        self._hoard.append(b"\x01" * (self._megabytes << 20))
        _wait(self._delay_s)
        return GARBLED if "garble" in kinds else response.SerializeToString()

    def _begin(self, fault: Fault) -> None:
        _log.warning("%s", fault)
        if fault.kind == "slow":
            self._delay_s = fault.seconds
        elif fault.kind == "empty":
            self._empty = True
        elif fault.kind == "leak":
            self._megabytes = fault.megabytes
        elif fault.kind == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        elif fault.kind in ("hang", "freeze", "disconnect"):
            if fault.kind == "freeze":
                os.kill(os.getpid(), signal.SIGSTOP)  # it may take effect a little later
            elif fault.kind == "disconnect":
                self._connection.close_socket()
            _wait(math.inf)


def _wait(seconds: float) -> None:
    threading.Event().wait(None if seconds > threading.TIMEOUT_MAX else seconds)
