"""Actors on other hosts, the learner's end: one gRPC stream of bytes for each.

One thread reads, checks and writes all streams. What concerns groups is decided in ``poll``, in the inference loop's
thread, in the order in which it came.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import select
import threading
import urllib.parse
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import grpc
import grpc.aio
from absl import logging

from seed_matrace.specs import policy_output_spec
from seed_matrace.transport import messages
from seed_matrace.transport.address import HostPort
from seed_matrace.transport.frames import Frames
from seed_matrace.transport.grpc_connection import GrpcConnection
from seed_matrace.transport.grpc_stream import ALIVE_OPTIONS, SERVICE, STREAM, TOKEN_KEY
from seed_matrace.transport.log_limit import LogLimit
from seed_matrace.transport.messages import Hello, OccupiedError, ProtocolError, RefusedError, kind_of
from seed_matrace.transport.security import Security, check_learner, read_file
from seed_matrace.transport.server import Admission, Event, Joined, Left, Ready, by_connection
from seed_matrace.transport.slots import Slot
from seed_matrace.transport.strangers import Strangers, make_room, normal_peer
from seed_matrace.types import EnvOutput

_HANDSHAKE_S = 10.0  # from a connection's first byte, or none, to an actor's introduction
_SPARE_STRANGERS = 64  # beyond one for each actor, as all of them may come at once
_LOOK_S = 0.2
_OTHER_FILES = 200  # that a learner has open: TensorFlow's, checkpoints, logs
_CLOSE_S = 5.0


class GrpcServer:
    """A ``Server`` at a port.

    Raises:
      ValueError: it cannot or should not listen at ``address``; the message says why.
    """

    def __init__(self, address: HostPort, admission: Admission, security: Security) -> None:
        check_learner(address, security)
        self._admission = admission
        self._token = security.token.encode()
        self._todo: deque[Callable[[], list[Event]]] = deque()  # for the thread that polls
        self._owner: dict[int, GrpcConnection] = {}
        self._slots: dict[int, Slot] = {}
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._log = LogLimit(logging.warning)
        self._poll = select.poll()
        self._poll.register(self._wake_fd, select.POLLIN)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="grpc", daemon=True)
        self._thread.start()
        try:
            self._server = self._run(self._listen(address, security))
        except BaseException:
            self._stop_thread()
            raise

    def fileno(self) -> int:
        return self._wake_fd

    def wake(self) -> None:
        os.eventfd_write(self._wake_fd, 1)

    def poll(self, timeout_s: float | None) -> list[Event]:
        self._poll.poll(None if timeout_s is None else 1000 * timeout_s)
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake_fd)
        events: list[Event] = []
        while self._todo:
            events.extend(self._todo.popleft()())
        return events

    def slot(self, group: int) -> Slot:
        return self._slots[group]

    def answer(self, groups: list[int]) -> list[Event]:
        self._loop.call_soon_threadsafe(self._send, by_connection(groups, self._owner))
        return []  # who cannot be reached has left already, or will be found to

    def cut_off(self, group: int, reason: str) -> list[Event]:
        self._loop.call_soon_threadsafe(self._owner[group].end, reason)
        return []  # once the stream has ended

    def say_goodbye(self) -> None:
        for connection in set(self._owner.values()):
            self._loop.call_soon_threadsafe(connection.send_home)

    def close(self) -> None:
        self._run(self._shut_down())
        self._stop_thread()

    # In the thread that polls:

    def _admit(self, connection: GrpcConnection, hello: Hello) -> list[Event]:
        try:
            groups, welcome = self._admission.admit(hello)
        except RefusedError as error:
            self._loop.call_soon_threadsafe(connection.settle, error)
            return []
        action = policy_output_spec(self._admission.schema.spec, welcome.group_size).action
        connection.task_id, connection.groups = hello.task_id, groups
        connection.actions = [action.empty() for _ in groups]
        self._owner |= dict.fromkeys(groups, connection)
        self._loop.call_soon_threadsafe(connection.settle, welcome)
        return [Joined(hello.task_id, groups)]

    def _receive(self, connection: GrpcConnection, steps: list[tuple[int, bool, EnvOutput]]) -> list[Event]:
        for local, _, env in steps:
            self._slots[connection.groups[local]] = Slot(env, connection.actions[local])
        return [Ready(connection.groups[local], restarted) for local, restarted, _ in steps]

    def _remove(self, connection: GrpcConnection, reason: str) -> list[Event]:
        if not connection.groups:
            return []  # never admitted
        for group in connection.groups:
            del self._owner[group]
            self._slots.pop(group, None)
        self._admission.leave(connection.task_id)
        return [Left(connection.task_id, connection.groups, reason)]

    # In the thread of the streams:

    async def _listen(self, address: HostPort, security: Security) -> Any:
        schema, capacity = self._admission.schema, self._admission.capacity
        strangers = capacity.num_actors + _SPARE_STRANGERS
        make_room(2 * strangers + _OTHER_FILES)
        longest = Frames(schema.spec, capacity.group_size, capacity.groups_per_actor).max_bytes
        server = grpc.aio.server(
            options=[
                *ALIVE_OPTIONS,
                ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
                ("grpc.max_receive_message_length", max(longest, messages.MAX_HANDSHAKE_BYTES)),
                ("grpc.so_reuseport", 0),
                ("grpc.server_handshake_timeout_ms", int(1000 * _HANDSHAKE_S)),
                ("grpc.max_allowed_incoming_connections", 2 * strangers),  # more are closed as soon as they come
                ("grpc.max_concurrent_streams", 1),  # of one connection
            ],
        )
        handlers = {STREAM: grpc.stream_stream_rpc_method_handler(self._serve)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        try:
            if security.tls:
                server.add_secure_port(str(address), _credentials(security))
            else:
                server.add_insecure_port(str(address))
        except RuntimeError:
            raise ValueError(
                f"cannot listen at {address}: another program does, or it is no address of this host; choose another "
                "--server_address"
            ) from None
        await server.start()
        self._strangers = Strangers(address.port, strangers, _HANDSHAKE_S)
        self._looking = asyncio.ensure_future(self._look_for_strangers())
        return server

    async def _look_for_strangers(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            self._log.tick()
            if sent_away := self._strangers.send_away():
                self._log("strangers", f"ended {sent_away} connections that did not introduce themselves as actors")

    async def _serve(self, _: Any, context: Any) -> None:
        """One actor's stream from its handshake to its end."""
        connection = GrpcConnection(urllib.parse.unquote(context.peer()), self._loop.create_future())
        connection.serving, reason = asyncio.current_task(), "connection lost"
        try:
            self._check_token(context)
            frames = await self._shake_hands(connection, context)
            writing = asyncio.ensure_future(connection.write(frames, context))
            try:
                await self._read(connection, frames, context)
            finally:
                writing.cancel()
            reason = "connection closed"
        except asyncio.CancelledError:
            if not connection.cut_off_because:
                raise
            reason = connection.cut_off_because
            await context.abort(grpc.StatusCode.UNAVAILABLE, reason)
        except (_TokenError, ProtocolError, RefusedError) as error:
            reason = str(error)
            who = f"dropped actor {connection.task_id}" if connection.groups else "refused an actor"
            self._log(f"{who} {kind_of(error)}", f"{who} at {connection.peer}: {reason}")
            await context.abort(_STATUS[type(error)], reason)
        finally:
            self._strangers.known.discard(normal_peer(connection.peer))
            self._post(partial(self._remove, connection, reason))

    def _check_token(self, context: Any) -> None:
        token = dict(context.invocation_metadata()).get(TOKEN_KEY, "")
        if not hmac.compare_digest(token.encode(), self._token):
            raise _TokenError(
                "the actor's token is not the learner's; give both the same with --token_file or SEED_MATRACE_TOKEN"
            )

    async def _shake_hands(self, connection: GrpcConnection, context: Any) -> Frames:
        try:
            data = await asyncio.wait_for(context.read(), _HANDSHAKE_S)
        except asyncio.TimeoutError:
            raise ProtocolError(f"no handshake within {_HANDSHAKE_S:g} s") from None
        if data is grpc.aio.EOF or len(data) > messages.MAX_HANDSHAKE_BYTES:
            raise ProtocolError("malformed handshake (none, or too long)")
        hello = messages.decode_hello(data)
        self._strangers.known.add(normal_peer(connection.peer))
        self._post(partial(self._admit, connection, hello))
        welcome = await connection.admitted
        await context.write(messages.encode_welcome(welcome))
        return Frames(self._admission.schema.spec, welcome.group_size, len(connection.groups))

    async def _read(self, connection: GrpcConnection, frames: Frames, context: Any) -> None:
        while (frame := await context.read()) is not grpc.aio.EOF:
            steps = frames.decode_steps(frame)
            groups = {group for group, _, _ in steps}
            if not groups.isdisjoint(connection.acting):
                raise ProtocolError(f"steps of groups {sorted(groups & connection.acting)} before their actions came")
            connection.acting |= groups
            self._post(partial(self._receive, connection, steps))

    def _send(self, answers: list[tuple[GrpcConnection, list[int]]]) -> None:
        for connection, groups in answers:
            connection.acting.difference_update(groups)
            connection.answers += groups
            connection.has_something_to_say.set()

    def _post(self, task: Callable[[], list[Event]]) -> None:
        self._todo.append(task)
        self.wake()

    async def _shut_down(self) -> None:
        self._looking.cancel()
        await self._server.stop(None)
        streams = asyncio.all_tasks() - {asyncio.current_task()}
        if streams:
            await asyncio.wait(streams, timeout=_CLOSE_S)

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _stop_thread(self) -> None:
        self._log.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        os.close(self._wake_fd)


class _TokenError(RuntimeError):
    """The peer does not know the secret."""


_STATUS = {
    _TokenError: grpc.StatusCode.UNAUTHENTICATED,
    ProtocolError: grpc.StatusCode.INVALID_ARGUMENT,
    RefusedError: grpc.StatusCode.FAILED_PRECONDITION,
    OccupiedError: grpc.StatusCode.ALREADY_EXISTS,
}


def _credentials(security: Security) -> grpc.ServerCredentials:
    certificate = (read_file(security.tls_key), read_file(security.tls_cert))
    client_ca = read_file(security.tls_ca)
    return grpc.ssl_server_credentials([certificate], client_ca, require_client_auth=client_ca is not None)
