"""What the processes of one run play, and what they must agree on."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seed_matrace.config import Config
from seed_matrace.envs.registry import backend_name, env_spec, make_vector_env
from seed_matrace.files import digest
from seed_matrace.sections.env import EnvConfig
from seed_matrace.specs import EnvSpec
from seed_matrace.transport.schema import Schema
from seed_matrace.vector_env import VectorEnv


def training_spec(config: Config) -> EnvSpec:
    """Sizes of what the learner is sent: with what episodes showed last, if the loss asks for it."""
    return dataclasses.replace(env_spec(config.env), with_final=config.loss.bootstrap_time_limit)


def make_training_env(config: Config, num_envs: int, seed: int, first_env: int = 0) -> VectorEnv:
    """As ``make_vector_env``, with the sizes of ``training_spec``."""
    with_final = config.loss.bootstrap_time_limit
    return make_vector_env(config.env, num_envs, seed, first_env, with_final=with_final, games=config.starcraft2)


def map_config(env: EnvConfig, map_name: str) -> EnvConfig:
    """``env`` on another map with arrays of the same sizes.

    Raises:
      ValueError: there is no such map, or its sizes are others.
    """
    other = dataclasses.replace(env, map_name=map_name)
    own, found = (dataclasses.asdict(env_spec(each)) for each in (env, other))
    differing = [f"{size} {found[size]}, not {own[size]}" for size in own if own[size] != found[size]]
    differing = [text for text in differing if not text.startswith("episode_limit")]
    if differing:
        raise ValueError(f"{map_name} has {', '.join(differing)}: a map of the same sizes as {env.title} expected")
    return other


def map_to_tell(env: EnvConfig) -> tuple[str, str]:
    """What another host needs to play the map of ``env``: its name, and the text of a scenario file."""
    return (env.scenario.name, env.scenario.read_text()) if env.scenario else (env.map_name, "")


@contextmanager
def on_told_map(config: Config, map_name: str, scenario: str) -> Iterator[Config]:
    """``config`` on the map that ``map_to_tell`` told of, on its own if that is ""; ValueError as of ``map_config``."""
    with tempfile.TemporaryDirectory(prefix="seed_matrace-") as folder:
        if scenario:
            path = Path(folder, Path(map_name).name)
            path.write_text(scenario)
            map_name = str(path)
        yield dataclasses.replace(config, env=map_config(config.env, map_name)) if map_name else config


def make_schema(config: Config) -> Schema:
    """What an actor and a learner must agree on: what a process of ``config`` is built for."""
    asked = {f"env.{name}": value for name, value in dataclasses.asdict(config.env).items()}
    options = json.loads(json.dumps(asked))  # as the other side reads them: lists for tuples
    del options["env.backend"], options["env.map_name"]
    scenario = config.env.scenario
    if scenario is not None:  # each side has a file of its own
        options[f"contents of {scenario.name} (SHA-256)"] = digest(scenario.read_bytes())
    return Schema(backend_name(config.env), config.env.title, training_spec(config), options)
