"""One game of StarCraft II in a process group of its own: launched, watched, ended without a trace."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from seed_matrace.interpreter import start
from seed_matrace.replay import PlayedBattle
from seed_matrace.specs import EnvSpec, sizes_of
from seed_matrace.starcraft2.installation import InstallationError
from seed_matrace.starcraft2.options import StarCraft2Options
from seed_matrace.starcraft2.process_group import end_group, members
from seed_matrace.starcraft2.recording import read_battle
from seed_matrace.starcraft2.worker import FOLDER_PREFIX, MAX_MESSAGE_BYTES, WORKER_OUTPUT, GameLostError
from seed_matrace.transport.slots import map_slots, slot_type

PYTHON_VARIABLE = "SEED_MATRACE_SC2_PYTHON"  # the interpreter that has smac; --sc2_python sets it
_WORKER = "seed_matrace.starcraft2.worker"
_MEMORY_LOOK_S = 5.0
_CLOSE_S = 5.0
_MAX_WORDS = 300
_TURN_LOOK_S = 0.02


class GameProcess:
    """A worker and its game; the constructor launches them and does not wait.

    Args:
      order: what to play: map_name, options, seed, version, and whether to record battles.
      spec: sizes of a step, without what episodes show last.
    """

    def __init__(self, order: Mapping[str, Any], spec: EnvSpec, limits: StarCraft2Options) -> None:
        self.episodes = 0  # ended so far
        self._limits = limits
        self._pending: str | None = None
        self._memory_looked_at = time.monotonic()
        self._folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
        self._output = self._folder / "output.txt"
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        lifeline, self._lifeline = os.pipe()
        memory_fd = os.memfd_create("seed_matrace_game")
        try:
            os.ftruncate(memory_fd, slot_type(spec, 1).itemsize)
            self.slot = map_slots(memoryview(mmap.mmap(memory_fd, 0)), spec, 1, 1)[0]
            fds = (theirs.fileno(), memory_fd, lifeline)
            with _turn_to_launch(limits.launch_interval_s), self._output.open("wb") as output:
                self._process = subprocess.Popen(
                    [*start(_WORKER, os.environ.get(PYTHON_VARIABLE)), *map(str, fds), str(self._folder)],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=fds,
                    start_new_session=True,
                    env={**os.environ, "TMPDIR": str(self._folder)},
                )
        except BaseException:
            self._socket.close()
            os.close(self._lifeline)
            shutil.rmtree(self._folder)
            raise
        finally:
            theirs.close()
            os.close(lifeline)
            os.close(memory_fd)
        self._socket.send(json.dumps({**order, "spec": sizes_of(spec)}).encode())
        self._pending = "launch"

    @property
    def running(self) -> bool:
        """Whether it may be told to do something."""
        return self._pending is None

    def tell(self, word: str) -> None:
        """Starts ``reset``, ``step`` or ``replay PATH``; ``wait`` must follow before the next."""
        self._pending = word.split(" ")[0]
        with contextlib.suppress(OSError):  # wait says how it ended
            self._socket.send(word.encode())

    def wait(self) -> dict[str, Any]:
        """What came of it.

        Raises:
          GameLostError: the game must be closed; the message says what happened.
          InstallationError: likewise, and launching it again would not help.
        """
        launching = self._pending == "launch" or (self._pending == "reset" and not self.episodes)
        limit_s = self._limits.launch_timeout_s if launching else self._limits.step_timeout_s
        self._socket.settimeout(limit_s)
        try:
            data = self._socket.recv(MAX_MESSAGE_BYTES)
        except TimeoutError:
            raise GameLostError(f"{self._pending}: no answer within {limit_s:g} s") from None
        except OSError:
            data = b""
        if not data:
            raise GameLostError(f"{self._pending}: its process has ended{self._last_words()}")
        answer: dict[str, Any] = json.loads(data)
        if "lost" in answer:
            if answer["hopeless"]:
                raise InstallationError(answer["lost"])
            raise GameLostError(f"{self._pending}: {answer['lost']}{self._last_words()}")
        self._pending = None
        self._check_memory()
        self.episodes += bool(answer.get("ended"))
        return answer

    def battle(self) -> PlayedBattle:
        """The newest battle that has ended, of a game that records.

        Raises:
          ValueError, OSError: there is none, as when the disk was full.
        """
        return read_battle(self._folder)

    def memory_mb(self) -> float:
        """What the game and its worker hold."""
        return sum(members(self._process.pid).values()) / 2**20

    def abandon(self) -> None:
        """Kills the game at once, so that a ``wait`` in another thread returns; ``close`` must follow."""
        end_group(self._process.pid)

    def close(self) -> None:
        """Ends the game, in peace if it is not busy, and removes what it left; safe to call twice."""
        if self._socket.fileno() < 0:
            return
        if self.running and members(self._process.pid):
            self._socket.settimeout(_CLOSE_S)
            with contextlib.suppress(OSError):
                self._socket.send(b"close")
                self._socket.recv(MAX_MESSAGE_BYTES)
        end_group(self._process.pid)
        self._process.wait()
        self._socket.close()
        os.close(self._lifeline)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _last_words(self) -> str:
        """The last line that the game wrote, and the last one of the worker, smac and pysc2, if any."""
        words = {"the game's last words": self._output, "smac's": self._folder / WORKER_OUTPUT}
        said = [f"{whose}: {line[:_MAX_WORDS]}" for whose, path in words.items() if (line := _last_line(path))]
        return f" ({'; '.join(said)})" if said else ""

    def _check_memory(self) -> None:
        now = time.monotonic()
        if now - self._memory_looked_at < _MEMORY_LOOK_S:
            return
        self._memory_looked_at = now
        held = self.memory_mb()
        if held > self._limits.memory_limit_mb:
            raise GameLostError(f"it holds {held:.0f} MB; starcraft2.memory_limit_mb is {self._limits.memory_limit_mb}")


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


@contextlib.contextmanager
def _turn_to_launch(interval_s: float) -> Iterator[None]:
    """Waits until no other game of this user was launched on this machine for ``interval_s``.

    An abstract Unix socket that is bound for so long is the turn: it is gone with whoever held it.
    """
    with socket.socket(socket.AF_UNIX) as turn:
        while True:
            try:
                turn.bind(f"\0seed_matrace-launch-{os.getuid()}")
                break
            except OSError:
                time.sleep(_TURN_LOOK_S)
        yield
        time.sleep(interval_s)
