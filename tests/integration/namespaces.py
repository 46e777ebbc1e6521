"""Hosts that are network namespaces of this one, each with a cable of its own to the first."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from processes import ROOT, command

needs_ip = pytest.mark.skipif(shutil.which("ip") is None, reason="needs ip, of iproute2")


def ip(*words: object) -> None:
    subprocess.run(["ip", *map(str, words)], check=True, capture_output=True)


class Hosts:
    """Namespaces of this process.

    Args:
      centre: the host that all others have a cable to.
      others: its ends are 10.77.N.1 at the centre and 10.77.N.2 at host N, counted from 0.
    """

    def __init__(self, centre: str, *others: str) -> None:
        self._centre = centre
        self._others = others

    def open(self) -> None:
        """Skips the test where that is not allowed; ``close`` in any case."""
        try:
            self._lay_cables()
        except (OSError, subprocess.CalledProcessError) as error:
            self.close()
            pytest.skip(f"needs the right to make network namespaces ({error})")

    def _lay_cables(self) -> None:
        for host in (self._centre, *self._others):
            ip("netns", "add", _namespace(host))
            ip("-n", _namespace(host), "link", "set", "lo", "up")
        here = _namespace(self._centre)
        for number, host in enumerate(self._others):
            there, cable = _namespace(host), f"cable{number}"
            ip("-n", here, "link", "add", cable, "type", "veth", "peer", "name", cable, "netns", there)
            for name, end in ((here, 1), (there, 2)):
                ip("-n", name, "address", "add", f"10.77.{number}.{end}/24", "dev", cable)
                ip("-n", name, "link", "set", cable, "up")

    def call_centre(self, name: str) -> None:
        """Lets every host resolve ``name`` to the centre."""
        for host, address in [
            (self._centre, "127.0.0.1"),
            *((host, f"10.77.{number}.1") for number, host in enumerate(self._others)),
        ]:
            folder = _files(host)
            folder.mkdir(parents=True)
            (folder / "hosts").write_text(f"127.0.0.1 localhost\n{address} {name}\n")

    def cut(self, host: str) -> None:
        self._set_cable(host, "down")

    def heal(self, host: str) -> None:
        self._set_cable(host, "up")

    def _set_cable(self, host: str, state: str) -> None:
        ip("-n", _namespace(host), "link", "set", f"cable{self._others.index(host)}", state)

    def start(self, host: str, *args: object, **environment: str) -> subprocess.Popen[str]:
        """Starts the program there, in a process group of its own."""
        return self.execute(host, command(*args), **environment)

    def execute(self, host: str, words: list[str], cwd: Path = ROOT, **environment: str) -> subprocess.Popen[str]:
        """Starts any program there, in a process group of its own."""
        return subprocess.Popen(
            ["ip", "netns", "exec", _namespace(host), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        )

    def close(self) -> None:
        for host in (self._centre, *self._others):
            subprocess.run(["ip", "netns", "delete", _namespace(host)], capture_output=True)
            shutil.rmtree(_files(host), ignore_errors=True)


def _namespace(host: str) -> str:
    return f"sm-{os.getpid()}-{host}"


def _files(host: str) -> Path:
    """What ``ip netns exec`` lays over /etc."""
    return Path("/etc/netns") / _namespace(host)
