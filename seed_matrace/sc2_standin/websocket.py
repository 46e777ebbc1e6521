"""The server's end of one websocket, read and written by the thread that plays."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from seed_matrace.sc2_standin import NEEDS

try:
    from websockets.frames import Frame, Opcode
    from websockets.http11 import Request
    from websockets.protocol import State
    from websockets.server import ServerProtocol
except ImportError as error:
    raise ImportError(f"{error}; {NEEDS}") from None

ENDPOINT = "/sc2api"
HANDSHAKE_TIMEOUT_S = 10.0
CHUNK = 1 << 16


class WebSocket:
    """Takes over a connected socket; the caller closes it."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._protocol = ServerProtocol(max_size=None)

    def shake_hands(self) -> bool:
        """Whether the other side asks for the game, soon; other requests are answered with HTTP status 404."""
        self._socket.settimeout(HANDSHAKE_TIMEOUT_S)
        try:
            request = next(self._events(), None)
            if not isinstance(request, Request):
                return False
            wanted = request.path == ENDPOINT
            answer = (
                self._protocol.accept(request)
                if wanted
                else self._protocol.reject(HTTPStatus.NOT_FOUND, f"the game is at {ENDPOINT}\n")
            )
            self._protocol.send_response(answer)
            self._flush()
        except OSError:
            return False
        self._socket.settimeout(None)
        return wanted and answer.status_code == HTTPStatus.SWITCHING_PROTOCOLS

    def messages(self) -> Iterator[bytes]:
        """Messages, text or binary, until the connection ends in whatever way."""
        parts: list[bytes] = []
        for frame in self._events():
            if isinstance(frame, Frame) and frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                parts.append(bytes(frame.data))
                if frame.fin:
                    yield b"".join(parts)
                    parts.clear()

    def send(self, message: bytes) -> None:
        """Sends a binary message; it is lost if the other side is gone."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_binary(message)
            self._flush()

    def cut(self) -> None:
        """Ends the connection without a word."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _events(self) -> Iterator[Any]:
        data = b" "
        while data:
            try:
                data = self._socket.recv(CHUNK)
            except ConnectionError:
                data = b""
            if data:
                self._protocol.receive_data(data)
            else:
                self._protocol.receive_eof()
            self._flush()  # answers to pings and goodbyes
            yield from self._protocol.events_received()

    def _flush(self) -> None:
        try:
            for data in self._protocol.data_to_send():
                if data:
                    self._socket.sendall(data)
                else:  # the protocol's sign for the end
                    self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # reading tells that the other side is gone
