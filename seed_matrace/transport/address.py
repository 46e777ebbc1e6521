"""Where a learner listens: a Unix socket on its own host, or a port for other hosts."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import NamedTuple


class HostPort(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can be meant."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


Address = Path | HostPort


def parse_address(text: str) -> Address:
    """The path in "unix:/path", or host and port of "host:port" (IPv6: "[::1]:port").

    Raises:
      ValueError: anything else.
    """
    scheme, _, path = text.partition(":")
    if scheme == "unix" and path:
        return Path(path)
    host, _, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if host and scheme != "unix" and port.isdecimal() and 0 < int(port) < 1 << 16 and (bracketed or ":" not in host):
        return HostPort(host.strip("[]"), int(port))
    raise ValueError(f"server address must look like unix:/path/to/socket or host:port, not {text!r}")
