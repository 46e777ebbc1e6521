"""Which carrier an address means. gRPC is loaded only where it is used."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from seed_matrace.transport.address import Address
from seed_matrace.transport.messages import Welcome
from seed_matrace.transport.schema import Schema
from seed_matrace.transport.security import Security
from seed_matrace.transport.server import Admission, Server, SeveralServers
from seed_matrace.transport.shared_memory import SharedMemoryClient, SharedMemoryServer
from seed_matrace.transport.slots import Slot

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its core writes past every log; what matters comes back as errors


class Client(Protocol):
    """The actor's end of one connection."""

    welcome: Welcome
    slots: list[Slot]

    def send_ready(self, groups: list[int], *, restarted: bool = False) -> None:
        """Tells the learner that the slots of ``groups`` hold a step; any thread may. OSError if the learner is gone.

        Args:
          restarted: their environments were lost and began anew: unfinished unrolls do not count.
        """

    def wait_answers(self) -> list[int]:
        """Blocks until some groups have their actions; OSError if the learner is gone, RunOverError if for good."""

    def interrupt(self) -> None:
        """Makes the other methods raise OSError, also one that waits in another thread."""

    def close(self) -> None: ...


def listen(addresses: Sequence[Address], admission: Admission, security: Security) -> Server:
    """A server at all ``addresses``; ValueError says why one of them cannot be had."""
    servers: list[Server] = []
    try:
        for address in addresses:
            servers.append(_listen(address, admission, security))
    except BaseException:
        for server in servers:
            server.close()
        raise
    return servers[0] if len(servers) == 1 else SeveralServers(servers)


def connect(address: Address, task_id: int, schema: Schema, security: Security) -> Client:
    """A connection of actor ``task_id``.

    Raises:
      OSError: no learner listens at ``address``.
      RefusedError: the learner does not take this actor.
    """
    if isinstance(address, Path):
        return SharedMemoryClient(address, task_id, schema)
    from seed_matrace.transport.grpc_client import GrpcClient

    return GrpcClient(address, task_id, schema, security)


def _listen(address: Address, admission: Admission, security: Security) -> Server:
    if isinstance(address, Path):
        return SharedMemoryServer(address, admission)
    from seed_matrace.transport.grpc_server import GrpcServer

    return GrpcServer(address, admission, security)
