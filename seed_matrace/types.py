"""The values that cross borders between parts, most of them plain NamedTuples of arrays.

Sizes: T unroll length, B unroll columns, E environments of a group, N agents, A actions, O obs_dim, S state_dim.

Alignment, everywhere: step t with ``terminated[t]`` or ``truncated[t]`` already shows the *next* episode's first
obs, state and avail_actions; ``reward[t]`` and both flags belong to the transition t-1 -> t.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

UNIT_ROWS = ("x", "y", "health", "shield", "gauge")  # of a table of units [5, U]; gauge: cooldown, or a healer's energy
HEALTH_ROW = UNIT_ROWS.index("health")
Array = Any  # np.ndarray on the environment's side, tf.Tensor inside compiled functions, ArraySpec in specs.py


@dataclass(frozen=True)
class Host:
    """Which of the hosts that train together this is, and how many there are; host 0 is the chief."""

    index: int
    count: int

    @property
    def chief(self) -> bool:
        return self.index == 0


ONE_HOST = Host(0, 1)


class EpisodeStats(NamedTuple):
    """How the episodes that ended with this step went; meaningful only where terminated | truncated, else 0."""

    episode_return: Array  # float32 [E], sum of team rewards
    length: Array  # int32 [E], env steps
    battle_won: Array  # bool [E]
    dead_allies: Array  # int32 [E]
    dead_enemies: Array  # int32 [E]


class EnvOutput(NamedTuple):
    """One step of E environments."""

    obs: Array  # float32 [E, N, O]
    avail_actions: Array  # uint8 [E, N, A], 1 = may be chosen; never all 0
    state: Array  # float32 [E, S]
    reward: Array  # float32 [E], team reward of the transition that led here
    terminated: Array  # bool [E]
    truncated: Array  # bool [E]
    final_obs: Array  # float32 [E, N, O], what the ended episode showed last, else 0; O = 0 unless spec.with_final
    final_state: Array  # float32 [E, S], likewise; S = 0 unless spec.with_final
    episode: EpisodeStats


class Transition(NamedTuple):
    """A step of the E environments of a group; the arrays are read-only, and valid during the call."""

    before: EnvOutput
    action: Array  # int32 [E, N], what was played then
    after: EnvOutput  # with the environment's own reward; where it ended its episode, the next one's first observation


def flatten(output: EnvOutput) -> list[Array]:
    """All arrays of an EnvOutput in one list: those of every step, the episode statistics, the final ones."""
    *of_every_step, final_obs, final_state, episode = output
    return [*of_every_step, *episode, final_obs, final_state]


FIELD_NAMES: tuple[str, ...] = tuple(
    flatten(EnvOutput(*EnvOutput._fields[:-1], episode=EpisodeStats(*EpisodeStats._fields)))
)


def unflatten(arrays: Sequence[Array]) -> EnvOutput:
    """The EnvOutput that ``flatten`` took apart."""
    first = len(EnvOutput._fields) - 3  # of the episode statistics
    return EnvOutput._make([*arrays[:first], *arrays[-2:], EpisodeStats._make(arrays[first:-2])])


class PolicyOutput(NamedTuple):
    """What the behaviour policy chose for B environments."""

    action: Array  # int32 [B, N]
    log_prob: Array  # float32 [B, N], log mu(action | obs) of each agent
    recurrent: Array = None  # float32 [B, R], the state of recurrent networks after the step; None without any


class Memory(NamedTuple):
    """What the networks may know of B environments' steps before, within an episode; all that acting must remember."""

    last_action: Array  # int32 [B, N], -1 before the first; N = 0 if unused
    recurrent: Array  # float32 [B, R], states of the policy's and then of the critic's GRU, 0 before the first; R = 0

    def forget(self, started: Array) -> None:
        """Empties the arrays where ``started``, bool [B]: an episode start."""
        self.last_action[started] = -1
        self.recurrent[started] = 0.0

    def remember(self, output: PolicyOutput) -> None:
        """Takes over what the step that ``output`` belongs to leaves behind."""
        if self.last_action.size:
            self.last_action[...] = output.action
        if self.recurrent.size:
            self.recurrent[...] = output.recurrent


class Unroll(NamedTuple):
    """T+1 consecutive steps of B environments; the last step only bootstraps.

    Consecutive unrolls of one environment overlap by one step: step T of one is step 0 of the next.
    """

    obs: Array  # float32 [T+1, B, N, O]
    avail_actions: Array  # uint8 [T+1, B, N, A]
    state: Array  # float32 [T+1, B, S], S = 0 where the critic does not look at it
    reward: Array  # float32 [T+1, B]
    terminated: Array  # bool [T+1, B]
    truncated: Array  # bool [T+1, B]
    action: Array  # int32 [T+1, B, N]
    log_prob: Array  # float32 [T+1, B, N]
    policy_version: Array  # int64 [T+1, B], learner steps done when the action was chosen
    last_action: Array  # int32 [T+1, B, N], the action at t-1, -1 at an episode start; N = 0 if unused
    final_obs: Array  # float32 [T+1, B, N, O], as of EnvOutput; O = 0 unless the critic looks at it there
    final_state: Array  # float32 [T+1, B, S], likewise
    recurrent: Array  # float32 [1, B, R], the state of recurrent networks that enters step 0; R = 0 without any


class UnrollFields(NamedTuple):
    """Which optional fields of an unroll there are; ``NetworkConfig.unroll_fields`` is what networks need."""

    with_state: bool = False  # what the critic looks at: the state, and not observations
    with_last_action: bool = False
    units_per_agent: int = 0  # width of recurrent networks' states
    units_per_env: int = 0


REQUIRED_FIELDS = UnrollFields()
