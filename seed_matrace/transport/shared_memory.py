"""Actors and learner on one host: a sealed memfd per connection, passed over a private Unix socket.

The learner makes the memory, so nobody can shrink it under the learner's feet. Only the numbers of groups travel
through the socket, one small packet for all the groups that became ready together.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
import select
import socket
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from absl import logging

from seed_matrace.transport import messages
from seed_matrace.transport.log_limit import LogLimit
from seed_matrace.transport.messages import ProtocolError, RefusedError, Welcome, kind_of
from seed_matrace.transport.schema import Schema
from seed_matrace.transport.server import SPARE_CONNECTIONS, Admission, Event, Joined, Left, Ready, by_connection
from seed_matrace.transport.slots import Slot, map_slots, slot_type
from seed_matrace.transport.strangers import make_room
from seed_matrace.transport.unix_socket import listen, peer_uid, socket_name

_HANDSHAKE_S = 10.0
_NO_DESCRIPTOR_S = 0.01


@dataclass
class _Connection:
    """One actor's socket; ``groups`` and ``memory`` are empty until its handshake is accepted."""

    socket: socket.socket
    deadline: float  # of its handshake, time.monotonic()
    task_id: int = -1
    groups: tuple[int, ...] = ()
    memory: mmap.mmap | None = None


class SharedMemoryServer:
    """The learner's end, a ``Server`` at the Unix socket ``path``; ``admission`` says who may join."""

    def __init__(self, path: Path, admission: Admission) -> None:
        self._path = path
        self._admission = admission
        self._connections: dict[int, _Connection] = {}
        self._slots: dict[int, Slot] = {}
        self._owner: dict[int, _Connection] = {}
        self._strangers: deque[_Connection] = deque()  # have shaken hands or not; oldest first
        self._log = LogLimit(logging.warning)
        make_room(2 * admission.capacity.num_actors + SPARE_CONNECTIONS)  # a socket and its memory
        self._listener = listen(path)
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll = select.epoll()
        for fd in (self._listener.fileno(), self._wake_fd):
            self._epoll.register(fd, select.EPOLLIN)

    def fileno(self) -> int:
        return self._epoll.fileno()

    def slot(self, group: int) -> Slot:
        return self._slots[group]

    def wake(self) -> None:
        os.eventfd_write(self._wake_fd, 1)

    def poll(self, timeout_s: float | None) -> list[Event]:
        events: list[Event] = []
        for fd, _ in self._epoll.poll(timeout_s):
            if fd in self._connections:
                events.extend(self._receive(self._connections[fd]))
            elif fd == self._wake_fd:
                self._drain_wake()
            elif fd == self._listener.fileno():
                self._accept()
        self._drop_silent_strangers()
        self._log.tick()
        return events

    def answer(self, groups: list[int]) -> list[Event]:
        events: list[Event] = []
        for connection, local in by_connection(groups, self._owner):
            try:
                connection.socket.send(messages.encode_groups(local))
            except OSError as error:
                events.extend(self._drop(connection, f"connection lost ({error.strerror})"))
        return events

    def cut_off(self, group: int, reason: str) -> list[Event]:
        return self._drop(self._owner[group], reason)

    def say_goodbye(self) -> None:
        for connection, _ in by_connection(list(self._owner), self._owner):
            with contextlib.suppress(OSError):  # it has gone by itself
                connection.socket.send(messages.GOODBYE)

    def close(self) -> None:
        for connection in list(self._connections.values()):
            self._drop(connection, "the learner stops")
        self._log.close()
        self._epoll.close()
        self._listener.close()
        os.close(self._wake_fd)
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        if len(self._connections) >= self._admission.capacity.num_actors + SPARE_CONNECTIONS:
            self._drop_oldest_stranger()
        try:
            client, _ = self._listener.accept()
        except OSError as error:  # gone again, or no file descriptor left for it
            self._log("accept", f"cannot take a connection: {error.strerror}")
            if error.errno in (errno.EMFILE, errno.ENFILE) and not self._drop_oldest_stranger():
                time.sleep(_NO_DESCRIPTOR_S)  # it stays in the queue, and epoll would tell of it without end
            return
        if peer_uid(client) != os.getuid():
            self._log("user", f"refused a connection of user {peer_uid(client)}: only the learner's own may connect")
            client.close()
            return
        client.setblocking(False)
        connection = _Connection(client, time.monotonic() + _HANDSHAKE_S)
        self._strangers.append(connection)
        self._connections[client.fileno()] = connection
        self._epoll.register(client, select.EPOLLIN)

    def _drop_silent_strangers(self) -> None:
        now = time.monotonic()
        while (oldest := self._oldest_stranger()) is not None and now > oldest.deadline:
            self._refuse(oldest, ProtocolError(f"no handshake within {_HANDSHAKE_S:g} s"))
            self._drop(oldest, "")

    def _drop_oldest_stranger(self) -> bool:
        """Makes room for one that is newer; returns whether there was one to go."""
        oldest = self._oldest_stranger()
        if oldest is not None:
            self._refuse(oldest, ProtocolError("too many connections without a handshake"))
            self._drop(oldest, "")
        return oldest is not None

    def _oldest_stranger(self) -> _Connection | None:
        """The oldest connection that has not shaken hands."""
        while self._strangers and (self._strangers[0].memory or self._strangers[0].socket.fileno() < 0):
            self._strangers.popleft()
        return self._strangers[0] if self._strangers else None

    def _drain_wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake_fd)

    def _receive(self, connection: _Connection) -> list[Event]:
        try:
            admitted = connection.memory is not None
            data = connection.socket.recv(4 * len(connection.groups) + 1 if admitted else messages.MAX_HANDSHAKE_BYTES)
            if not data:
                return self._drop(connection, "connection closed")
            if not admitted:
                return self._welcome(connection, messages.decode_hello(data))
            ready = messages.decode_ready(data, len(connection.groups))
            return [Ready(connection.groups[index], restarted) for index, restarted in ready]
        except BlockingIOError:
            return []
        except (ProtocolError, RefusedError) as error:
            self._refuse(connection, error)
            return self._drop(connection, str(error))
        except OSError as error:
            return self._drop(connection, f"connection lost ({error.strerror})")

    def _welcome(self, connection: _Connection, hello: messages.Hello) -> list[Event]:
        groups, welcome = self._admission.admit(hello)
        try:
            connection.memory = self._share_memory(connection.socket, len(groups), welcome)
        except OSError as error:
            self._admission.leave(hello.task_id)
            text = f"no shared memory for actor {hello.task_id} ({error.strerror}); it will ask again"
            self._log("memory", text)
            raise
        connection.task_id, connection.groups = hello.task_id, groups
        spec = self._admission.schema.spec
        slots = map_slots(memoryview(connection.memory), spec, welcome.group_size, len(groups))
        for group, slot in zip(groups, slots, strict=True):
            self._slots[group], self._owner[group] = slot, connection
        return [Joined(hello.task_id, groups)]

    def _share_memory(self, client: socket.socket, num_groups: int, welcome: Welcome) -> mmap.mmap:
        size = slot_type(self._admission.schema.spec, welcome.group_size).itemsize * num_groups
        fd = _sealed_memory(size)
        try:
            memory = mmap.mmap(fd, size)
            socket.send_fds(client, [messages.encode_welcome(welcome)], [fd])
        finally:
            os.close(fd)
        return memory

    def _refuse(self, connection: _Connection, error: Exception) -> None:
        self._log(f"refused {kind_of(error)}", f"refused an actor: {error}")
        with contextlib.suppress(OSError):
            connection.socket.send(messages.encode_refusal(error))

    def _drop(self, connection: _Connection, reason: str) -> list[Event]:
        if self._connections.pop(connection.socket.fileno(), None) is None:
            return []
        self._epoll.unregister(connection.socket)
        connection.socket.close()
        for group in connection.groups:
            del self._slots[group], self._owner[group]
        if connection.groups:
            self._admission.leave(connection.task_id)
        connection.memory = None  # unmapped once the last view of it is gone
        return [Left(connection.task_id, connection.groups, reason)] if connection.groups else []


class SharedMemoryClient:
    """The actor's end of one connection.

    Raises:
      OSError: no learner listens at ``path``.
      RefusedError: the learner does not take this actor.
    """

    def __init__(self, path: Path, task_id: int, schema: Schema) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with socket_name(path) as name:
                self._socket.connect(name)
            self._socket.send(messages.encode_hello(messages.Hello(task_id, schema)))
            data, fds, _, _ = socket.recv_fds(self._socket, messages.MAX_HANDSHAKE_BYTES, 1)
            if not data:
                raise ConnectionResetError("the learner closed the connection during the handshake; its log says why")
            self.welcome = messages.decode_answer(data)
            self.slots = _map_fd(fds, schema, self.welcome)
        except BaseException:
            self._socket.close()
            raise

    def send_ready(self, groups: list[int], *, restarted: bool = False) -> None:
        self._socket.send(messages.encode_ready(groups, restarted))

    def wait_answers(self) -> list[int]:
        data = self._socket.recv(4 * len(self.slots))
        if not data:
            raise ConnectionResetError("the learner closed the connection")
        messages.check_goodbye(data)
        return list(messages.decode_groups(data, len(self.slots)))

    def interrupt(self) -> None:
        with contextlib.suppress(OSError):  # closed already
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.slots = []
        self._socket.close()


def _map_fd(fds: list[int], schema: Schema, welcome: Welcome) -> list[Slot]:
    if len(fds) != 1:
        raise ProtocolError("the learner's answer came without its memory")
    num_groups = len(welcome.first_envs)
    try:
        memory = mmap.mmap(fds[0], slot_type(schema.spec, welcome.group_size).itemsize * num_groups)
    finally:
        os.close(fds[0])
    return map_slots(memoryview(memory), schema.spec, welcome.group_size, num_groups)


def _sealed_memory(size: int) -> int:
    fd = os.memfd_create("seed_matrace", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.posix_fallocate(fd, 0, size)  # taken now: none could be had later, when a write would kill the writer
    except OSError:
        os.close(fd)
        raise
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    return fd
