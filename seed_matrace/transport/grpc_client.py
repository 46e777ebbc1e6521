"""Actors on other hosts, the actor's end: a gRPC stream of bytes, without protobuf."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

import grpc

from seed_matrace.transport import messages
from seed_matrace.transport.address import HostPort
from seed_matrace.transport.frames import Announcement, Frames
from seed_matrace.transport.grpc_stream import ALIVE_OPTIONS, SERVICE, STREAM, TOKEN_KEY
from seed_matrace.transport.messages import Hello, OccupiedError, RefusedError
from seed_matrace.transport.schema import Schema
from seed_matrace.transport.security import Security, check_actor, read_file
from seed_matrace.transport.slots import map_slots, slot_type

_REFUSALS = {
    grpc.StatusCode.ALREADY_EXISTS: OccupiedError,
    grpc.StatusCode.FAILED_PRECONDITION: RefusedError,
    grpc.StatusCode.INVALID_ARGUMENT: RefusedError,
    grpc.StatusCode.UNAUTHENTICATED: RefusedError,
    grpc.StatusCode.UNIMPLEMENTED: RefusedError,  # something else listens there
}
_OPTIONS = (
    *ALIVE_OPTIONS,
    ("grpc.max_receive_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),  # no waiting because an earlier connection failed
    ("grpc.enable_retries", 0),
)


class GrpcClient:
    """A ``Client`` of the learner at a host's port.

    Raises:
      OSError: no learner listens there.
      RefusedError: the learner does not take this actor.
      ValueError: it should not connect like this; the message says why.
    """

    def __init__(self, address: HostPort, task_id: int, schema: Schema, security: Security) -> None:
        check_actor(address, security)
        self._outbox: queue.SimpleQueue[Announcement | None] = queue.SimpleQueue()
        self._channel = _channel(address, security)
        metadata = ((TOKEN_KEY, security.token),) if security.token else ()
        stream = self._channel.stream_stream(f"/{SERVICE}/{STREAM}")
        self._stream = stream(self._write(messages.encode_hello(Hello(task_id, schema))), metadata=metadata)
        try:
            self.welcome = messages.decode_answer(self._read())
            num_groups = len(self.welcome.first_envs)
            self._frames = Frames(schema.spec, self.welcome.group_size, num_groups)
            memory = bytearray(slot_type(schema.spec, self.welcome.group_size).itemsize * num_groups)
            self._memory = memoryview(memory)
            self.slots = map_slots(memory, schema.spec, self.welcome.group_size, num_groups)
        except BaseException:
            self.close()
            raise

    def send_ready(self, groups: list[int], *, restarted: bool = False) -> None:
        for group in groups:
            self._outbox.put((group, restarted))

    def wait_answers(self) -> list[int]:
        data = self._read()
        messages.check_goodbye(data)
        return self._frames.decode_actions(data, self.slots)

    def interrupt(self) -> None:
        self._outbox.put(None)
        self._stream.cancel()

    def close(self) -> None:
        self.interrupt()
        self._channel.close()

    def _write(self, hello: bytes) -> Iterator[bytes]:
        """What gRPC takes and sends whenever it is done with the frame before: meanwhile groups gather."""
        yield hello
        while None not in (groups := [self._outbox.get(), *self._waiting()]):
            yield self._frames.encode_steps(self._memory, [group for group in groups if group is not None])

    def _waiting(self) -> list[Announcement | None]:
        return [self._outbox.get() for _ in range(self._outbox.qsize())]

    def _read(self) -> bytes:
        try:
            return next(self._stream)
        except StopIteration:
            raise ConnectionResetError("the learner closed the connection") from None
        except grpc.RpcError as error:
            code, details = error.code(), error.details()
            raise _REFUSALS.get(code, ConnectionError)(details or code.name) from None


def _channel(address: HostPort, security: Security) -> Any:
    if not security.tls:
        return grpc.insecure_channel(str(address), _OPTIONS)
    files = (security.tls_ca, security.tls_key, security.tls_cert)
    return grpc.secure_channel(str(address), grpc.ssl_channel_credentials(*map(read_file, files)), _OPTIONS)
