"""The actor: steps its groups of environments and asks the learner for actions.

It never imports TensorFlow. While one of its groups waits for actions another one steps.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from absl import logging

from seed_matrace.config import Config
from seed_matrace.envs.base import VectorEnv
from seed_matrace.envs.registry import backend_name, make_training_env, training_spec
from seed_matrace.transport.messages import Schema
from seed_matrace.transport.shared_memory import SharedMemoryClient

_FIRST_RETRY_S = 0.1
_LAST_RETRY_S = 10.0

MakeEnv = Callable[[int, int, int], VectorEnv]  # (num_envs, seed, first_env)


def make_schema(config: Config) -> Schema:
    """What this side of the connection is built for."""
    return Schema(backend_name(config.env), config.env.map_name, training_spec(config))


def run_actor(config: Config, address: str, task_id: int, *, reconnect_timeout_s: float) -> None:
    """Acts until no learner could be reached for ``reconnect_timeout_s``.

    Args:
      address: "unix:/path" of the learner's socket.

    Raises:
      RefusedError: the learner does not take this actor.
      ValueError: malformed address.
    """
    path = socket_path(address)
    schema = make_schema(config)
    last_contact = time.monotonic()
    retry_s = _FIRST_RETRY_S
    while True:
        try:
            client = SharedMemoryClient(path, task_id, schema)
        except OSError as error:
            if time.monotonic() - last_contact > reconnect_timeout_s:
                logging.info("no learner at %s for %g s (%s): done", address, reconnect_timeout_s, error)
                return
            logging.log_every_n_seconds(logging.INFO, "no learner at %s (%s); retrying", 30, address, error)
            time.sleep(retry_s * random.uniform(0.5, 1.0))  # jitter: many actors lose one learner together
            retry_s = min(2 * retry_s, _LAST_RETRY_S)
            continue
        retry_s = _FIRST_RETRY_S
        try:
            _act(client, lambda *sizes: make_training_env(config, *sizes))
        except OSError as error:
            logging.info("lost the learner at %s (%s)", address, error)
        last_contact = time.monotonic()


def socket_path(address: str) -> Path:
    """The path in "unix:/path"; ValueError for anything else."""
    scheme, _, path = address.partition(":")
    if scheme != "unix" or not path:
        raise ValueError(f"server address must look like unix:/path/to/socket, not {address!r}")
    return Path(path)


def _act(client: SharedMemoryClient, make_env: MakeEnv) -> None:
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
        client.close()
