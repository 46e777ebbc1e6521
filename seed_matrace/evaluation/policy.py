"""A trained team, ready to play."""

from __future__ import annotations

import dataclasses
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from seed_matrace.config import Config
from seed_matrace.envs.backends import BACKENDS
from seed_matrace.envs.registry import backend_name, can_record, env_spec, has_winner, spec_of_run
from seed_matrace.evaluation.battle_seeds import BattlesOf
from seed_matrace.evaluation.battles import play_battles
from seed_matrace.evaluation.episodes import until
from seed_matrace.evaluation.greedy import GreedyTeam
from seed_matrace.evaluation.recording import Recorder
from seed_matrace.evaluation.results import ResultsWriter
from seed_matrace.evaluation.team import Team
from seed_matrace.files import check_utf8
from seed_matrace.learner.checkpoints import CheckpointError, Checkpoints
from seed_matrace.learner.learner import Learner
from seed_matrace.learner.networks_file import restore_networks
from seed_matrace.learner.run_directory import CHECKPOINTS_DIR, backend_of, is_team, kept_modules, load_run_config
from seed_matrace.learner.run_info import RUN_FILE, read_run_info, run_id
from seed_matrace.modules import ModuleFile, registry_of
from seed_matrace.replay import SUFFIX, Replay, write_replay
from seed_matrace.sections.env import EnvConfig, StarCraft2Config
from seed_matrace.specs import EnvSpec
from seed_matrace.types import EpisodeStats, Memory, PolicyOutput


class TrainedPolicy(Team):
    """The team of a run.

    Attributes:
      config: the configuration it was trained with.
      env_steps: how many env steps it was trained on.
      network: the policy.
      critic: what values were learnt with it.
      judge: what it makes of a whole episode, as ``Learner.judge``; observations stacked as in training.
    """

    def __init__(
        self,
        learner: Learner,
        config: Config,
        spec: EnvSpec,
        env_steps: int,
        backend: str = "",
        sampling_seed: int | None = None,
    ) -> None:
        """``sampling_seed``: None plays the likeliest actions."""
        team = GreedyTeam(learner.greedy_step, learner.policy.recurrent_dim)
        if sampling_seed is not None:
            team = _sampling_team(learner, spec, sampling_seed)
        super().__init__(team, spec, config.env.frame_stack, backend or backend_name(config.env))
        self.config = config
        self.env_steps = env_steps
        self.network = learner.policy
        self.critic = learner.critic
        self.judge = learner.judge


def check_playable(policy: TrainedPolicy, env: EnvConfig, *, replays: bool) -> None:
    """Raises ValueError if a team cannot play in an environment, or replays are wanted of a backend that has none."""
    if replays and not can_record(env):
        recorded = " and ".join(backend.name for backend in BACKENDS.values() if backend.can_record)
        raise ValueError(f"there are replays of battles on {recorded}, not of backend {env.backend!r}")
    spec = env_spec(_unstacked(env))
    if dataclasses.replace(spec, episode_limit=policy.spec.episode_limit) != policy.spec:
        raise ValueError(f"{env.title} on {backend_name(env)} has {spec}, this team was trained for {policy.spec}")


def _sampling_team(learner: Learner, spec: EnvSpec, seed: int) -> GreedyTeam:
    """Acts as in training: the same seed and battles give the same actions."""
    rng = np.random.default_rng(seed)

    def step(obs: np.ndarray, avail_actions: np.ndarray, memory: Memory) -> PolicyOutput:
        state = np.zeros((len(obs), spec.state_dim), np.float32)  # a recurrent critic sees it, and acts on nothing
        return learner.policy_step(obs, avail_actions, rng.integers(1 << 62, size=2), memory, state)

    return GreedyTeam(step, learner.policy.recurrent_dim + learner.critic.recurrent_dim)


def play(
    policy: TrainedPolicy,
    episodes: int,
    *,
    seed: int,
    env: EnvConfig | None = None,
    starcraft2: StarCraft2Config | None = None,
    replays: int = 0,
    replay_dir: Path | None = None,
    stop: threading.Event | None = None,
) -> EpisodeStats:
    """Plays battles with a trained team, by default in the environment it was trained in.

    Args:
      seed: of the battles.
      env: another environment, such as another backend or map, in which it is to play.
      starcraft2: how games of StarCraft II are watched over, if otherwise than in training.
      replays: of how many battles, the first ones, a replay is written.
      replay_dir: where; they are called eval_0000.npz and on. Of StarCraft II there is eval.SC2Replay, too.
      stop: set, it ends the battles before their end.

    Raises:
      EvaluationCutError: ``stop`` was set.
      ValueError: the environment's observations and actions are not those that the team knows, or replays of a
        backend that has none.
    """
    env = _unstacked(env or policy.config.env)  # the policy stacks what it sees
    check_playable(policy, env, replays=replays > 0)
    folder = replay_dir or Path()

    def keep(number: int, replay: Replay) -> None:
        write_replay(folder / f"eval_{number:04d}{SUFFIX}", replay)

    about = {"env_steps": policy.env_steps}
    recorder = Recorder(replays, policy.judge, policy.config.env.frame_stack, about, keep) if replays else None
    return play_battles(
        dataclasses.replace(policy.config, env=env, starcraft2=starcraft2 or policy.config.starcraft2),
        until(stop, policy.act) if stop else policy.act,
        episodes,
        seed=seed,
        recorder=recorder,
        game_replay=folder / "eval.SC2Replay" if replays else None,
    )


def play_absolute(run_dir: Path, seed: int, stop: threading.Event | None = None) -> EpisodeStats:
    """The absolute metric of Gorsane et al. 2022: a run's best weights in many more battles.

    The battles are none of those that chose the weights: what wins by luck there does not win here.

    Raises:
      CheckpointError: the run has no usable checkpoint yet.
      EvaluationCutError: ``stop`` was set; nothing is written.
    """
    policy = load_policy(run_dir, "best")
    battle_seed = BattlesOf.ABSOLUTE_METRIC.seed(seed)
    stats = play(policy, policy.config.evaluation.episodes_at_the_end, seed=battle_seed, stop=stop)
    env = policy.config.env
    results = ResultsWriter(
        run_dir,
        backend=backend_name(env),
        map_name=env.title,
        seed=seed,
        resume_env_steps=sys.maxsize,
        won=has_winner(env),
    )
    results.set_absolute(stats)
    return stats


def load_policy(
    run_dir: str | os.PathLike[str],
    checkpoint: str = "best",
    modules: Sequence[ModuleFile] = (),
    *,
    sampling_seed: int | None = None,
) -> TrainedPolicy:
    """The policy of a run.

    Args:
      checkpoint: "best" (best evaluated weights) or "latest".
      modules: of one's own, from ``modules.read_modules``, in the place of the run's copies of that name.
      sampling_seed: of actions that are sampled as in training; None takes the likeliest.

    Raises:
      ValueError: not a run directory, or no such kind of checkpoint; a team of the zoo has no "latest".
      CheckpointError: the run has no usable checkpoint yet.
    """
    kinds = {"best": "best", "latest": "step"}
    if checkpoint not in kinds:
        raise ValueError(f"checkpoint must be 'best' or 'latest', not {checkpoint!r}")
    check_utf8("--run_dir", run_dir)
    registry = registry_of(kept_modules(Path(run_dir), given=modules))
    config, _, _ = load_run_config(Path(run_dir), registry=registry)
    noted = read_run_info(Path(run_dir)).get("sizes") if (Path(run_dir) / RUN_FILE).is_file() else None
    spec = spec_of_run(_unstacked(config.env), noted)
    with_final = config.loss.bootstrap_time_limit
    at_once = dataclasses.replace(
        config, learner=dataclasses.replace(config.learner, policy_lag=0)
    )  # these weights act
    learner = Learner(at_once, dataclasses.replace(spec_of_run(config.env, noted), with_final=with_final), seed=0)
    networks = {"policy": learner.policy, "critic": learner.critic}
    env_steps = _restore(Path(run_dir), checkpoint, kinds[checkpoint], networks)
    return TrainedPolicy(learner, config, spec, env_steps, backend_of(Path(run_dir)), sampling_seed)


def _restore(run_dir: Path, checkpoint: str, kind: str, networks: Mapping[str, Any]) -> int:
    """Gives networks the weights of a run or a team; returns the env steps that they were trained on."""
    if is_team(run_dir):
        if checkpoint != "best":
            raise ValueError(f"{run_dir} is a team of the zoo, which has its best weights alone, not {checkpoint} ones")
        return restore_networks(run_dir, networks)
    checkpoints = Checkpoints(run_dir / CHECKPOINTS_DIR, 1, run_id(run_dir))
    other = (
        "; --checkpoint=latest takes the newest weights" if checkpoint == "best" and checkpoints.find("step") else ""
    )
    try:
        restored = checkpoints.restore_newest(kind, networks)
    except CheckpointError as error:
        raise CheckpointError(f"{error}{other}") from None
    if restored is None:
        raise CheckpointError(f"{run_dir} has no {checkpoint} checkpoint{other or ' yet'}")
    for problem in restored.problems:
        logging.warning("passed over a checkpoint: %s", problem)
    return int(restored.state["env_steps"])


def _unstacked(env: EnvConfig) -> EnvConfig:
    return dataclasses.replace(env, frame_stack=1)
