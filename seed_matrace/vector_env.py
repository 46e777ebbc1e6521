"""The contract of a vector environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from seed_matrace.specs import EnvSpec
from seed_matrace.types import EnvOutput

if TYPE_CHECKING:
    from seed_matrace.replay import PlayedBattle, Replay, Seen


class EnvLostError(RuntimeError):
    """What an environment showed since its last whole unroll must not be learnt from; ``reset`` it to go on."""


class VectorEnv(Protocol):
    """E environments that step together and reset themselves.

    A step that ends an episode already shows the next episode's first observation (see ``types``); with
    ``spec.with_final`` it also holds what the ended one showed last.
    """

    spec: EnvSpec
    num_envs: int

    def reset(self, out: EnvOutput | None = None) -> EnvOutput:
        """Starts an episode in every environment; reward 0, no ends.

        Args:
          out: arrays to write into, as ``specs.empty_env_output`` makes them; fresh ones if None.

        Returns:
          ``out``, or fresh arrays that later steps do not touch.
        """

    def step(self, actions: np.ndarray, out: EnvOutput | None = None) -> EnvOutput:
        """Plays one step of every environment.

        Args:
          actions: [E, N] of any integer dtype, each available in the step before.
          out: as in ``reset``.

        Raises:
          ValueError: wrong shape or dtype, or an action that is not available.
          EnvLostError: environments that live in other programs were lost.
        """

    def get_state_bytes(self) -> bytes:
        """The environments as they stand, random streams included."""

    def set_state_bytes(self, state: bytes) -> None:
        """Goes on, bit for bit, where ``get_state_bytes`` of an environment with the same arguments stood.

        Raises:
          ValueError: not such a state.
        """

    def close(self) -> None:
        """Frees what the environments hold; safe to call twice."""


class Recording(Protocol):
    """Writes down one battle while it is played."""

    def replay(self, about: dict[str, Any], seen: Seen) -> Replay:
        """The battle, which has ended.

        Args:
          about: what the replay is to say of itself.
          seen: what the policy saw and thought.
        """


class RecordingVectorEnv(VectorEnv, Protocol):
    """Environments whose battles are recorded by playing them once more."""

    def record(self) -> Recording:
        """Records environment 0 from here on; to be called after ``reset``, for one episode."""


class GamesVectorEnv(VectorEnv, Protocol):
    """Environments that live in other programs: a step may take long, and another thread may have to end it."""

    def battle(self, index: int) -> PlayedBattle | None:
        """The newest battle that has ended in environment ``index``, if it was recorded."""

    def abandon(self) -> None:
        """Ends the games at once, so that a call in another thread returns with an error; ``close`` must follow."""


def as_actions(actions: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """What a step is asked to play as C-contiguous int32 ``shape``, [E, N]; a copy only where it is another array.

    Raises:
      ValueError: no array of whole numbers of that shape, or one that int32 does not hold.
    """
    if not isinstance(actions, np.ndarray) or actions.shape != shape or actions.dtype.kind not in "iu":
        got = f"{actions.dtype} {actions.shape}" if isinstance(actions, np.ndarray) else type(actions).__name__
        raise ValueError(f"actions are {got}; an array of shape {shape} and an integer dtype, best int32, expected")
    if actions.dtype == np.int32:
        return np.ascontiguousarray(actions)
    limits = np.iinfo(np.int32)
    bad = np.argwhere((actions < limits.min) | (actions > limits.max))
    if len(bad):
        env, agent = bad[0]
        raise ValueError(f"environment {env}, agent {agent}: there is no action {actions[env, agent]}")
    return actions.astype(np.int32, order="C")


def check_actions(actions: np.ndarray, avail_actions: np.ndarray | None) -> np.ndarray:
    """Checks what a step is asked to play, and returns it as int32 [E, N].

    Args:
      actions: should be [E, N] of an integer dtype.
      avail_actions: uint8 [E, N, A] of the step before; None before the first.

    Raises:
      RuntimeError: there was no step before.
      ValueError: wrong shape or dtype, or an action that is not available.
    """
    if avail_actions is None:
        raise RuntimeError("step before the first reset")
    num_envs, n_agents, n_actions = avail_actions.shape
    actions = as_actions(actions, (num_envs, n_agents))
    in_range = (actions >= 0) & (actions < n_actions)
    taken = np.take_along_axis(avail_actions, np.where(in_range, actions, 0)[..., None], axis=-1)[..., 0]
    bad = np.argwhere(~in_range | (taken == 0))
    if len(bad):
        env, agent = bad[0]
        available = np.flatnonzero(avail_actions[env, agent]).tolist()
        raise ValueError(
            f"environment {env}, agent {agent}: action {actions[env, agent]} is not available, only {available}"
        )
    return actions
