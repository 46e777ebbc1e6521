"""Rewards of one's own: a function of what the environments showed stands between them and the unrolls."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from seed_matrace._cext._batching import copy_rows
from seed_matrace.specs import EnvSpec, empty_env_output, policy_output_spec
from seed_matrace.types import Array, EnvOutput, Transition, flatten, unflatten

RewardFunction = Callable[[Transition], Array]  # -> float [E], what is learnt from in the place of ``after.reward``


class RewardError(RuntimeError):
    """A function gave no rewards."""


class OwnRewards:
    """Puts the rewards of ``function`` into steps on their way to the unrolls; it remembers the step before.

    Args:
      name: of the function and where it stands, for messages.
    """

    def __init__(self, function: RewardFunction, name: str, spec: EnvSpec, num_groups: int, group_size: int) -> None:
        self._function, self._name, self._size = function, name, group_size
        self._before = [empty_env_output(spec, group_size) for _ in range(num_groups)]
        self._actions = [policy_output_spec(spec, group_size).action.empty() for _ in range(num_groups)]

    def replace(self, group: int, steps: EnvOutput, row: int, *, begins: bool) -> None:
        """Exchanges the rewards of a group's step, from ``row`` on, unless it begins what came before another life.

        Raises:
          RewardError: the function raises, or what it gives are not E numbers.
        """
        size, before = self._size, self._before[group]
        after = unflatten([array[row : row + size] for array in flatten(steps)])
        rewards = (
            np.zeros(size, np.float32) if begins else self._rewards(Transition(before, self._actions[group], after))
        )
        copy_rows(flatten(before), 0, flatten(steps), row, size)
        after.reward[...] = rewards

    def remember(self, group: int, actions: np.ndarray, row: int) -> None:
        """Notes what a group plays: its rows of int32 [B, N]."""
        self._actions[group][...] = actions[row : row + self._size]

    def state(self) -> dict[str, np.ndarray]:
        """All that ``set_state`` needs."""
        return {
            f"before/{group}/{number}": array
            for group, before in enumerate(self._before)
            for number, array in enumerate([*flatten(before), self._actions[group]])
        }

    def set_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Goes on where ``state`` left another one of the same sizes."""
        for group, before in enumerate(self._before):
            for number, array in enumerate([*flatten(before), self._actions[group]]):
                array[...] = arrays[f"before/{group}/{number}"].reshape(array.shape)

    def _rewards(self, transition: Transition) -> np.ndarray:
        try:
            rewards = np.asarray(self._function(_read_only(transition)))
        except Exception as error:
            raise RewardError(f"the reward function {self._name} raised {type(error).__name__}: {error}") from error
        if rewards.shape != (self._size,) or rewards.dtype.kind not in "fiu":
            got = f"{rewards.dtype} {rewards.shape}"
            raise RewardError(f"the reward function {self._name} gave {got}; float32 ({self._size},) expected")
        return rewards


def _read_only(transition: Transition) -> Transition:
    before, action, after = transition
    return Transition(_views(before), _view(action), _views(after))


def _views(output: EnvOutput) -> EnvOutput:
    return unflatten([_view(array) for array in flatten(output)])


def _view(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view
