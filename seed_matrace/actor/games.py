"""Acting where environments are games in other programs: each group steps in a thread, and may lose its games.

While one group waits for a slow game, or for one that is launched anew, the others go on.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from absl import logging

from seed_matrace.transport.carriers import Client
from seed_matrace.vector_env import EnvLostError, GamesVectorEnv


class _Group(threading.Thread):
    """One group and what it is told: True to step, False to end."""

    def __init__(self, number: int, env: GamesVectorEnv, client: Client) -> None:
        super().__init__(name=f"group {number}", daemon=True)
        self.number, self.env, self.client = number, env, client
        self.orders: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._begin(restarted=False)
            while self.orders.get():
                self._step()
        except BaseException as error:  # play_games raises it in the main thread
            self.error = error
            self.client.interrupt()
        finally:
            self.env.close()

    def _begin(self, *, restarted: bool) -> None:
        self.env.reset(out=self.client.slots[self.number].env)
        self.client.send_ready([self.number], restarted=restarted)

    def _step(self) -> None:
        slot = self.client.slots[self.number]
        try:
            self.env.step(slot.action, out=slot.env)
        except EnvLostError as error:
            logging.warning("group %d lost its games: %s", self.number, error)
            self._begin(restarted=True)
        else:
            self.client.send_ready([self.number])


def play_games(client: Client, make_env: Callable[..., Any]) -> None:
    """Plays over one connection until it breaks (OSError) or games cannot be had (RuntimeError)."""
    welcome = client.welcome
    groups = [
        _Group(number, make_env(welcome.group_size, welcome.seed, first_env), client)
        for number, first_env in enumerate(welcome.first_envs)
    ]
    logging.info("connected: %d groups of %d games", len(groups), welcome.group_size)
    for group in groups:
        group.start()
    try:
        while True:
            for number in client.wait_answers():
                groups[number].orders.put(True)
    except OSError:
        for error in (group.error for group in groups):
            if error is not None and not isinstance(error, OSError):
                raise error from None
        raise
    finally:
        for group in groups:
            group.orders.put(False)
            group.env.abandon()
        for group in groups:
            group.join()
