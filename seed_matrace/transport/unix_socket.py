"""Unix sockets of packets: where one may listen, names that are too long, who is at the other end."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

_MAX_SOCKET_PATH = 107  # bytes, sun_path of Linux without its terminating zero


@contextlib.contextmanager
def socket_name(path: Path) -> Iterator[str]:
    """A name of the socket ``path`` that fits into a socket's address, however deep its folder lies.

    Raises:
      ValueError: its own name alone is too long.
      OSError: there is no such folder.
    """
    if len(os.fsencode(path)) <= _MAX_SOCKET_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        name = f"/proc/self/fd/{folder}/{path.name}"
        if len(os.fsencode(name)) > _MAX_SOCKET_PATH:
            raise ValueError(f"the socket's name {path.name!r} is longer than the system allows; choose a shorter one")
        yield name
    finally:
        os.close(folder)


def check_socket(path: Path) -> None:
    """Raises OSError where a learner cannot listen at ``path``, as some network folders hold no sockets.

    Raises:
      ValueError: a learner listens there already, or something else is there.
    """
    listen(path).close()
    path.unlink()


def listen(path: Path) -> socket.socket:
    """A socket of packets that listens at ``path``, for this user alone; errors as of ``check_socket``."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        with socket_name(path) as name:
            _remove_stale(path, name)
            old_mask = os.umask(0o177)
            try:
                listener.bind(name)
            finally:
                os.umask(old_mask)
        listener.listen(1024)
    except BaseException:
        listener.close()
        raise
    return listener


def _remove_stale(path: Path, name: str) -> None:
    """Removes the socket of a learner that is gone; refuses if one still listens."""
    if not path.exists():
        return
    if not path.is_socket():
        raise ValueError(f"{str(path)!r} exists and is no socket; choose another --server_address")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        try:
            probe.connect(name)
        except ConnectionRefusedError:
            path.unlink()
            return
    raise ValueError(f"a learner already listens at {str(path)!r}; stop it or choose another --server_address")


def peer_uid(client: socket.socket) -> int:
    """Number of the user at the other end."""
    credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])
