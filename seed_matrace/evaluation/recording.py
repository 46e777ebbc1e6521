"""Replays of evaluated battles: the simulator's are played once more and looked at closely, a game's are recorded."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from seed_matrace.envs.frame_stack import FrameStackVectorEnv
from seed_matrace.envs.registry import backend_name, make_vector_env
from seed_matrace.evaluation.episodes import Act
from seed_matrace.replay import PROBABILITY, PlayedBattle, Replay, Seen, in_steps, unknown_policy
from seed_matrace.sections.env import EnvConfig
from seed_matrace.vector_env import RecordingVectorEnv, VectorEnv

# (obs [T, N, O], avail_actions [T, N, A], state [T, S], last_action [T, N]) -> probabilities [T, N, A], values [T, V].
Judge = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


class KeptActions:
    """An ``Act`` that remembers what the first environments of its first episodes were told.

    Args:
      act: chooses the actions.
      battles: how many environments are remembered, at most.
    """

    def __init__(self, act: Act, battles: int) -> None:
        self._act = act
        self._battles = battles
        self._steps: list[np.ndarray] = []
        self._over = False

    def __call__(self, obs: np.ndarray, avail_actions: np.ndarray, episode_start: np.ndarray) -> np.ndarray:
        """As ``Act``."""
        actions = self._act(obs, avail_actions, episode_start)
        self._over |= bool(self._steps) and bool(episode_start.all())  # other environments begin
        if not self._over and self._battles:
            self._steps.append(actions[: self._battles].copy())
        return actions

    def of_battle(self, number: int) -> np.ndarray:
        """int32 [T, N] of environment ``number``, and what it played once its episode was over."""
        return np.stack([step[number] for step in self._steps])

    def __len__(self) -> int:
        """How many battles are remembered."""
        return len(self._steps[0]) if self._steps else 0


@dataclass(frozen=True)
class Recorder:
    """Who keeps replays of evaluated battles.

    Attributes:
      battles: the first so many.
      judge: says what the policy made of them.
      frame_stack: observations that ``judge`` sees side by side.
      about: what the replays are to say of themselves.
      keep: takes the number of a battle and its replay; of one that was played again it gets the last.
    """

    battles: int
    judge: Judge
    frame_stack: int
    about: Mapping[str, Any]
    keep: Callable[[int, Replay], None]


def record_battle(
    env: EnvConfig, actions: np.ndarray, judge: Judge | None, *, seed: int, battle: int, **about: Any
) -> Replay:
    """Plays a battle of the simulator once more and writes down everything.

    Args:
      env: as the battle was played.
      actions: int32 [T, N]; those after the battle's end are not looked at.
      judge: says what the policy made of it; None: nothing is known.
      seed, battle: of the battle's random stream.
      about: what else the replay is to say of itself.

    Raises:
      ValueError: an action was not available: these are not the battle's actions.
      RuntimeError: the battle had not ended after them; or the backend is said to leave replays, and its environments
        do not record.
    """
    frames = cast(RecordingVectorEnv, make_vector_env(dataclasses.replace(env, frame_stack=1), 1, seed, battle))
    if not hasattr(frames, "record"):
        raise RuntimeError(
            f"backend {env.backend!r} says can_record, and its environments have no record(): leave can_record out, or "
            "give them what RecordingVectorEnv of vector_env.py asks for"
        )
    shown: VectorEnv = FrameStackVectorEnv(frames, env.frame_stack) if env.frame_stack > 1 else frames
    with closing(shown):
        out = shown.reset()
        recording = frames.record()
        seen = []
        for action in actions:
            seen.append((out.obs[0].copy(), out.avail_actions[0].copy(), out.state[0].copy()))
            out = shown.step(action[None], out)
            if out.terminated[0] or out.truncated[0]:
                break
        else:
            raise RuntimeError(f"battle {battle} of seed {seed} had not ended after {len(actions)} steps")
    obs, avail_actions, state = map(np.stack, zip(*seen, strict=True))
    shown_of_it = unknown_policy(avail_actions)
    if judge is not None:
        shown_of_it = Seen(avail_actions, *judge(obs, avail_actions, state, _last_action(actions[: len(obs)])))
    about = {
        "backend": backend_name(env),
        "seed": seed,
        "battle": battle,
        "battle_won": bool(out.episode.battle_won[0]),
        **about,
    }
    return recording.replay(about, shown_of_it)


def judged_battle(played: PlayedBattle, judge: Judge, frame_stack: int, **about: Any) -> Replay:
    """The replay of a battle that a game recorded, with what the policy made of it."""
    replay, newest = played.replay, np.concatenate([np.zeros_like(played.obs[:1])] * (frame_stack - 1) + [played.obs])
    obs = np.concatenate([newest[back : back + len(played.obs)] for back in range(frame_stack)], axis=2)
    last_action = _last_action(replay.actions.astype(np.int32))
    probabilities, values = judge(obs, replay.avail_actions, played.state, last_action)
    return dataclasses.replace(
        replay,
        about={**replay.about, **about},
        probabilities=in_steps(probabilities, PROBABILITY),
        values=np.asarray(values, np.float32),
    )


def _last_action(actions: np.ndarray) -> np.ndarray:
    """What was played before each step, int32 [T, N]; -1 before the first."""
    return np.concatenate([np.full((1, actions.shape[1]), -1, np.int32), actions[:-1]])
