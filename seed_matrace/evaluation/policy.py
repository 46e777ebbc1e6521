"""A trained team, ready to play."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

import numpy as np

from seed_matrace.config import Config, EnvConfig
from seed_matrace.envs.frame_stack import FrameStack
from seed_matrace.envs.registry import backend_name, env_spec, training_spec
from seed_matrace.evaluation.battles import play_battles
from seed_matrace.evaluation.results import ResultsWriter
from seed_matrace.learner.checkpoints import CheckpointError, Checkpoints
from seed_matrace.learner.greedy import GreedyTeam
from seed_matrace.learner.learner import Learner
from seed_matrace.learner.run_directory import load_run_config
from seed_matrace.specs import EnvSpec
from seed_matrace.types import EpisodeStats

_ABSOLUTE_SEED = 3 << 32  # added to the run's seed: battles apart from those of training and evaluation


class TrainedPolicy:
    """Decentralised execution: each agent's action depends on its own observation alone.

    Attributes:
      config: the configuration it was trained with.
      spec: sizes of observations, as the environment gives them, and actions.
      env_steps: how many env steps it was trained on.
    """

    def __init__(self, learner: Learner, config: Config, spec: EnvSpec, env_steps: int) -> None:
        self.config = config
        self.spec = spec
        self.env_steps = env_steps
        self._team = GreedyTeam(learner)
        self._stack = FrameStack(config.env.frame_stack, 0, spec)

    def act(self, obs: np.ndarray, avail_actions: np.ndarray, episode_start: np.ndarray) -> np.ndarray:
        """The most probable available action of every agent.

        Args:
          obs: float32 [E, N, O], never stacked.
          avail_actions: uint8 [E, N, A], 1 = may be chosen.
          episode_start: bool [E], true where this is the first step of an episode: what the policy remembers of the
            episode before is forgotten there.

        Returns:
          int32 [E, N].

        Raises:
          ValueError: shapes that do not fit the map it was trained on.
        """
        agents = (self.spec.n_agents,)
        expected = (*agents, self.spec.obs_dim), (*agents, self.spec.n_actions), ()
        for name, array, shape in zip(
            ("obs", "avail_actions", "episode_start"), (obs, avail_actions, episode_start), expected, strict=True
        ):
            if np.shape(array) != (len(obs), *shape):
                raise ValueError(f"{name} must have shape {(len(obs), *shape)}, not {np.shape(array)}")
        episode_start = np.asarray(episode_start, np.bool_)
        return self._team(self._stacked(obs, episode_start), np.asarray(avail_actions, np.uint8), episode_start)

    def _stacked(self, obs: np.ndarray, episode_start: np.ndarray) -> np.ndarray:
        """What the network sees, float32 [E, N, k * O]."""
        depth = self.config.env.frame_stack
        if depth == 1:
            return np.asarray(obs, np.float32)
        if self._stack.num_envs != len(obs):
            self._stack = FrameStack(depth, len(obs), self.spec)
        self._stack.next_frame[...] = obs
        stacked = np.empty((*np.shape(obs)[:2], depth * self.spec.obs_dim), np.float32)
        self._stack.push(episode_start, stacked)
        return stacked


def play(policy: TrainedPolicy, episodes: int, *, seed: int, env: EnvConfig | None = None) -> EpisodeStats:
    """Plays battles with a trained team, by default in the environment it was trained in.

    Args:
      seed: of the battles.
      env: another environment, such as another backend, in which it is to play.

    Raises:
      ValueError: the environment's observations and actions are not those that the team knows.
    """
    env = _unstacked(env or policy.config.env)  # the policy stacks what it sees
    if env_spec(env) != policy.spec:
        raise ValueError(
            f"{env.map_name} on {backend_name(env)} has {env_spec(env)}, this team was trained for {policy.spec}"
        )
    return play_battles(dataclasses.replace(policy.config, env=env), policy.act, episodes, seed=seed)


def play_absolute(run_dir: Path, seed: int) -> EpisodeStats:
    """The absolute metric of Gorsane et al. 2022: a run's best weights, ``evaluation.absolute_episodes`` times.

    The battles are none of those that chose the weights: what wins by luck there does not win here.

    Raises:
      CheckpointError: the run has no usable checkpoint yet.
    """
    policy = load_policy(run_dir, "best")
    stats = play(policy, policy.config.evaluation.absolute_episodes, seed=_ABSOLUTE_SEED + seed)
    env = policy.config.env
    results = ResultsWriter(
        run_dir, backend=backend_name(env), map_name=env.map_name, seed=seed, resume_env_steps=sys.maxsize
    )
    results.set_absolute(stats)
    return stats


def load_policy(run_dir: str | os.PathLike[str], checkpoint: str = "best") -> TrainedPolicy:
    """The policy of a run.

    Args:
      checkpoint: "best" (best evaluated weights) or "latest".

    Raises:
      ValueError: not a run directory, or no such kind of checkpoint.
      CheckpointError: the run has no usable checkpoint yet.
    """
    kinds = {"best": "best", "latest": "step"}
    if checkpoint not in kinds:
        raise ValueError(f"checkpoint must be 'best' or 'latest', not {checkpoint!r}")
    config, _, _ = load_run_config(Path(run_dir))
    learner = Learner(config, training_spec(config), seed=0)
    restored = Checkpoints(Path(run_dir) / "checkpoints", keep=1).restore_newest(
        kinds[checkpoint], {"policy": learner.policy}
    )
    if restored is None:
        raise CheckpointError(f"{run_dir} has no {checkpoint} checkpoint yet")
    return TrainedPolicy(learner, config, env_spec(_unstacked(config.env)), restored.state["env_steps"])


def _unstacked(env: EnvConfig) -> EnvConfig:
    return dataclasses.replace(env, frame_stack=1)
