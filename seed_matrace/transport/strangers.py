"""Connections to a port of this process that have not said yet who they are: limited in number, and in time.

gRPC tells of a connection once its first stream begins, which may be never. Its sockets are this process's own, though:
here they are looked at from outside, and shut down where they stay too long or become too many.
"""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import stat
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

_MOST_DESCRIPTORS = 1 << 16


class Strangers:
    """The connections to ``port`` that are not ``known``.

    Args:
      limit: beyond it the oldest ones go, of the address that has most of them: who comes newly finds room.
      patience_s: how long one may stay.
    """

    def __init__(self, port: int, limit: int, patience_s: float) -> None:
        self.known: set[str] = set()  # peers as gRPC writes them: "ipv4:127.0.0.1:4242"
        self._limit, self._patience_s = limit, patience_s
        self._here = {here for fd, _ in _own_sockets() if (here := _listening_at(fd)) is not None and here[1] == port}
        self._seen: dict[tuple[int, int], tuple[str, float]] = {}  # (descriptor, inode) -> peer, since when

    def send_away(self) -> int:
        """Shuts down those that are too old or too many; returns how many."""
        now = time.monotonic()
        self._seen = {key: self._seen.get(key) or (self._peer_of(key[0]), now) for key in _own_sockets()}
        strangers = [
            (since, inode, peer, fd)  # inodes of sockets are numbers that grow: of one look, too, the order is known
            for (fd, inode), (peer, since) in self._seen.items()
            if peer and peer not in self.known
        ]
        going = {fd for since, _, _, fd in strangers if now - since > self._patience_s}
        if len(strangers) > self._limit:
            newer: Counter[str] = Counter()
            ranked = []
            for *_, peer, fd in sorted(strangers, reverse=True):
                host = peer.rpartition(":")[0]
                ranked.append((newer[host], fd))
                newer[host] += 1
            going |= {fd for _, fd in sorted(ranked, reverse=True)[: len(strangers) - self._limit]}
        for fd in going:
            _shut_down(fd)
        return len(going)

    def _peer_of(self, fd: int) -> str:
        """Whom the connection ``fd`` is from; "" of what is none to this port."""
        try:
            with _borrowed(fd) as here:
                host, port = _normal(here.getsockname())
                to_us = not self._here.isdisjoint([(host, port), ("0.0.0.0", port), ("::", port)])
                if not to_us or here.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    return ""
                host, port = _normal(here.getpeername())
        except (OSError, ValueError):  # no TCP, or gone again
            return ""
        return f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}"


def normal_peer(peer: str) -> str:
    """A peer as gRPC writes it, without the network interface that an IPv6 address may name."""
    before, percent, after = peer.partition("%")
    return before + after[after.find("]") :] if percent else peer


def make_room(descriptors: int) -> None:
    """Lets this process have as many files and sockets as it is allowed to, ``descriptors`` for connections alone.

    Raises:
      ValueError: it is not allowed enough.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    if soft != resource.RLIM_INFINITY and descriptors > soft:
        raise ValueError(
            f"connections of that many actors may take {descriptors} file descriptors, and this process may open "
            f"{soft} files; raise the limit (ulimit -Hn) or lower --num_actors"
        )


def _own_sockets() -> Iterable[tuple[int, int]]:
    """Descriptor and inode of each socket of this process."""
    try:
        fds = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:  # no descriptor left to look with
        fds = list(range(resource.getrlimit(resource.RLIMIT_NOFILE)[0]))
    for fd in fds:
        try:
            status = os.fstat(fd)
        except OSError:
            continue
        if stat.S_ISSOCK(status.st_mode):
            yield fd, status.st_ino


@contextlib.contextmanager
def _borrowed(fd: int) -> Iterator[socket.socket]:
    """Somebody else's socket, to look at; it stays theirs. OSError if there is none any more."""
    borrowed = socket.socket(fileno=fd)
    try:
        yield borrowed
    finally:
        borrowed.detach()


def _listening_at(fd: int) -> tuple[str, int] | None:
    try:
        with _borrowed(fd) as here:
            listens = here.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            return _normal(here.getsockname()) if listens else None
    except (OSError, ValueError):
        return None


def _shut_down(fd: int) -> None:
    with contextlib.suppress(OSError), _borrowed(fd) as here:  # it may have gone by itself
        here.shutdown(socket.SHUT_RDWR)


def _normal(address: Any) -> tuple[str, int]:
    """Host and port of an address, an IPv4 one within IPv6 as itself; ValueError for one of another family."""
    if not isinstance(address, tuple):
        raise ValueError(f"{address!r} has no port")
    host, port = address[:2]
    return host.removeprefix("::ffff:").partition("%")[0], int(port)
