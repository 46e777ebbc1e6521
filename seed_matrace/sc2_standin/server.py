"""The stand-in's server, with its faults."""

from __future__ import annotations

import logging
import math
import os
import signal
import socket
import threading
from collections.abc import Sequence

from google.protobuf.message import DecodeError
from s2clientprotocol import sc2api_pb2

from seed_matrace.sc2_standin.faults import Fault, FaultSchedule
from seed_matrace.sc2_standin.game import QUIT, Game
from seed_matrace.sc2_standin.websocket import ENDPOINT, WebSocket
from seed_matrace.smac_options import STARCRAFT2_VERSION

GARBLED = b"\xff\xff no protobuf"

_log = logging.getLogger(__name__)


def serve_game(
    host: str,
    port: int,
    faults: Sequence[Fault] = (),
    *,
    version: str = STARCRAFT2_VERSION,
    launch: int = 1,
    stay: bool = False,
) -> None:
    """Plays with whoever connects to ws://host:port/sc2api; nobody listens there as long as somebody plays.

    Args:
      port: 0 takes a free one, which is logged.
      version: of StarCraft II, that it claims to be.
      launch: which launch of the game this is, for faults.
      stay: waits for another client when one has left, who begins with a new game; otherwise that is the end.

    Raises:
      OSError: the address cannot be listened at.
    """
    schedule = FaultSchedule(faults, launch)
    _wait(schedule.refusal_s())
    while True:
        connection, websocket, port = _next_client(host, port)
        with connection:
            Client(websocket, schedule, version).play()
        if not stay:
            return


def _next_client(host: str, port: int) -> tuple[socket.socket, WebSocket, int]:
    """Waits for a client; also returns the port that was listened at."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listener:
        port = listener.getsockname()[1]
        _log.info("listening on ws://%s:%d%s", host, port, ENDPOINT)
        while True:
            connection, _ = listener.accept()
            websocket = WebSocket(connection)
            if websocket.shake_hands():
                return connection, websocket, port
            connection.close()


class Client:
    """Answers the requests of one client, and misbehaves when it is due."""

    def __init__(self, websocket: WebSocket, schedule: FaultSchedule, version: str) -> None:
        self._websocket = websocket
        self._schedule = schedule
        self._game = Game(version)
        self._delay_s = 0.0
        self._empty = False
        self._megabytes = 0
        self._hoard: list[bytes] = []

    def play(self) -> None:
        """Until the client leaves or says quit."""
        for message in self._websocket.messages():
            self._websocket.send(self._answer(message))
            if self._game.status == QUIT:
                return

    def _answer(self, message: bytes) -> bytes:
        try:
            request = sc2api_pb2.Request.FromString(message)
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
        if self._empty and response.HasField("observation"):
            response.observation.observation.raw_data.ClearField("units")
        if self._megabytes:
            self._hoard.append(b"\x01" * (self._megabytes << 20))
        if self._delay_s:
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
                os.kill(os.getpid(), signal.SIGSTOP)
            elif fault.kind == "disconnect":
                self._websocket.cut()
            _wait(math.inf)


def _wait(seconds: float) -> None:
    threading.Event().wait(None if seconds > threading.TIMEOUT_MAX else seconds)
