"""The actor: steps its groups of environments and asks the learner for actions.

It never imports TensorFlow. While one of its groups waits for actions another one steps.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial

from absl import logging

from seed_matrace.actor.games import play_games
from seed_matrace.config import Config
from seed_matrace.envs.registry import plays_elsewhere
from seed_matrace.training_env import make_schema, make_training_env, on_told_map
from seed_matrace.transport.address import parse_address
from seed_matrace.transport.carriers import Client, connect
from seed_matrace.transport.messages import OccupiedError, RunOverError
from seed_matrace.transport.security import NO_SECURITY, Security
from seed_matrace.vector_env import VectorEnv

_FIRST_RETRY_S = 0.1
_LAST_RETRY_S = 10.0

MakeEnv = Callable[[int, int, int], VectorEnv]  # (num_envs, seed, first_env)


def run_actor(
    config: Config,
    address: str,
    task_id: int,
    *,
    reconnect_timeout_s: float,
    security: Security = NO_SECURITY,
    stop: threading.Event | None = None,
) -> None:
    """Acts until the run is over, ``stop`` is set or no learner could be reached for ``reconnect_timeout_s``.

    Args:
      address: of the learner, "unix:/path" or "host:port".

    Raises:
      RefusedError: the learner does not take this actor.
      ValueError: malformed address, or one that ``security`` does not do for.
    """
    parsed, schema = parse_address(address), make_schema(config)
    act = play_games if plays_elsewhere(config.env) else _act
    stopping = _Stopping(stop or threading.Event())
    been_connected = False
    last_contact = time.monotonic()
    retry_s = _FIRST_RETRY_S
    while not stopping.asked():
        try:
            client = connect(parsed, task_id, schema, security)
        except (OSError, OccupiedError) as error:
            if isinstance(error, OccupiedError) and not been_connected:
                raise
            if time.monotonic() - last_contact > reconnect_timeout_s:
                logging.info("no learner at %s for %g s (%s): done", address, reconnect_timeout_s, error)
                return
            logging.log_every_n_seconds(logging.INFO, "no learner at %s (%s); retrying", 30, address, error)
            stopping.sleep(retry_s * random.uniform(0.5, 1.0))  # jitter: many actors lose one learner together
            retry_s = min(2 * retry_s, _LAST_RETRY_S)
            continue
        been_connected, retry_s = True, _FIRST_RETRY_S
        try:
            told = client.welcome.map_name, client.welcome.scenario
            with closing(client), stopping.cancels(client), on_told_map(config, *told) as played:
                act(client, partial(make_training_env, played))
        except RunOverError:
            logging.info("the run of the learner at %s is over: done", address)
            return
        except OSError as error:
            if stopping.asked():
                return
            logging.info("lost the learner at %s (%s)", address, error)
        last_contact = time.monotonic()


class _Stopping:
    """Cuts the present connection when ``stop`` is set, in a thread: to raise in a signal handler is to break gRPC."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._clients: list[Client] = []
        threading.Thread(target=self._cancel, name="stop", daemon=True).start()

    def asked(self) -> bool:
        return self._stop.is_set()

    def sleep(self, seconds: float) -> None:
        self._stop.wait(seconds)

    @contextmanager
    def cancels(self, client: Client) -> Iterator[None]:
        self._clients.append(client)
        if self.asked():
            client.interrupt()
        try:
            yield
        finally:
            self._clients.remove(client)

    def _cancel(self) -> None:
        self._stop.wait()
        for client in list(self._clients):
            client.interrupt()


def _act(client: Client, make_env: MakeEnv) -> None:
    """Plays over one connection until it breaks (OSError)."""
    welcome = client.welcome
    envs = [make_env(welcome.group_size, welcome.seed, first_env) for first_env in welcome.first_envs]
    logging.info("connected: %d groups of %d environments", len(envs), welcome.group_size)
    try:
        for group, env in enumerate(envs):
            env.reset(out=client.slots[group].env)
            client.send_ready([group])
        while True:
            for group in client.wait_answers():
                slot = client.slots[group]
                envs[group].step(slot.action, out=slot.env)
                client.send_ready([group])
    finally:
        for env in envs:
            env.close()
